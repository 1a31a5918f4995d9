"""Line charts and histograms as SVG, without a library."""
from html import escape

COLOURS = ("#c0392b", "#e08e0b", "#1f6fb2", "#2e8b57", "#7d3c98")
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 320, 240, 60, 34, 24


def tick(value):
    """Three digits, without an exponent where they do not need one: 7500, 0.125."""
    return f"{float(f'{value:.3g}'):g}"


class Panel:
    """One diagram: its range, and the lines of SVG inside it."""

    def __init__(self, title, x_range, y_range, x_name="", y_name=""):
        self.title, self.x, self.y, self.names, self.items, self.legend = title, x_range, y_range, (x_name, y_name), [], []

    def place(self, x, y):
        return (LEFT + (x - self.x[0]) / (self.x[1] - self.x[0]) * (WIDTH - LEFT - 10),
                HEIGHT - BOTTOM - (min(y, self.y[1]) - self.y[0]) / (self.y[1] - self.y[0]) * (HEIGHT - BOTTOM - TOP))

    def line(self, points, name="", colour=0, dashed=False, marks=False):
        places = [self.place(x, y) for x, y in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        style = ' stroke-dasharray="5 3"' if dashed else ""
        self.items.append(f'<polyline points="{path}" fill="none" stroke="{COLOURS[colour]}" stroke-width="1.5"{style}/>')
        if marks:
            self.items += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{COLOURS[colour]}"/>' for x, y in places]
        self._name(name, colour, dashed)

    def bars(self, edges, heights, name="", colour=0):
        for low, high, height in zip(edges, edges[1:], heights):
            (left, top), (right, bottom) = self.place(low, height), self.place(high, self.y[0])
            self.items.append(f'<rect x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{bottom - top:.1f}" fill="{COLOURS[colour]}" fill-opacity="0.6"/>')
        self._name(name, colour, False)

    def points(self, places, name="", colour=0):
        self.items += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{COLOURS[colour]}"/>' for x, y in (self.place(*place) for place in places)]
        self._name(name, colour, False)

    def _name(self, name, colour, dashed):
        if name:
            self.legend.append((name, colour, dashed))

    def svg(self):
        text = [f'<text x="{WIDTH / 2}" y="14" text-anchor="middle">{escape(self.title)}</text>',
                f'<text x="{(LEFT + WIDTH) / 2}" y="{HEIGHT - 4}" text-anchor="middle">{escape(self.names[0])}</text>',
                f'<text x="11" y="{HEIGHT / 2}" text-anchor="middle" transform="rotate(-90 11 {HEIGHT / 2})">{escape(self.names[1])}</text>']
        for i in range(5):
            x, y = self.x[0] + i / 4 * (self.x[1] - self.x[0]), self.y[0] + i / 4 * (self.y[1] - self.y[0])
            (px, bottom), (left, py) = self.place(x, self.y[0]), self.place(self.x[0], y)
            text.append(f'<line x1="{left:.1f}" x2="{WIDTH - 10}" y1="{py:.1f}" y2="{py:.1f}" stroke="#ddd"/>')
            text.append(f'<text x="{px:.1f}" y="{bottom + 13:.1f}" text-anchor="middle">{tick(x)}</text><text x="{left - 4:.1f}" y="{py + 4:.1f}" text-anchor="end">{tick(y)}</text>')
        for i, (name, colour, dashed) in enumerate(self.legend):
            y, style = TOP + 10 + 13 * i, ' stroke-dasharray="5 3"' if dashed else ""
            text.append(f'<line x1="{WIDTH - 112}" x2="{WIDTH - 94}" y1="{y - 4}" y2="{y - 4}" stroke="{COLOURS[colour]}" stroke-width="3"{style}/>'
                        f'<text x="{WIDTH - 90}" y="{y}">{escape(name)}</text>')
        return "\n".join(text + self.items)


def drawing(panels, columns=3):
    """All panels in one SVG, from left to right and from top to bottom."""
    rows = (len(panels) + columns - 1) // columns
    columns = min(columns, len(panels))
    parts = [f'<g transform="translate({i % columns * WIDTH} {i // columns * HEIGHT})">\n{panel.svg()}\n</g>' for i, panel in enumerate(panels)]
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{columns * WIDTH + 8}" height="{rows * HEIGHT}" font-family="sans-serif" font-size="10">\n'
            f'<rect width="100%" height="100%" fill="white"/>\n' + "\n".join(parts) + "\n</svg>\n")
