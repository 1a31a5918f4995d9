#!/usr/bin/env python3
"""Pages made by hand, as large, as small and as hostile as they come; and the colours of the style sheet."""
import os
import re
import subprocess
import sys

from cli_tap import check, main, read, same
from page_tap import BROWSER, drawings_are_named, in_browser, look, numbers_are_finite, parse, self_contained

PAGES, STYLE = map(os.path.abspath, sys.argv[3:5])
SECTIONS = {"run": "health learning structure gates curves", "gaps": "health learning structure gates curves", "many": "health learning structure gates curves",
            "hostile": "health learning structure gates curves", "one": "health learning structure gates curves", "compare": "comparison",
            "compare-many": "comparison", "compare-one": "comparison", "compare-hostile": "comparison",
            "compare-cliff": "comparison"}


def pages():
    done = subprocess.run([PAGES, "."], stderr=subprocess.PIPE, check=False)
    check(done.returncode == 0, "the pages are written", done.stderr.decode())
    for name, sections in SECTIONS.items():
        page = read(name + ".html").decode("utf-8")
        root = parse(page, name)
        if root is None:
            continue
        same(" ".join(section.get("id") for section in root.iter("section")), sections, f"{name}: its sections")
        links = [a.get("href")[1:] for a in root.find(".//nav").iter("a")]
        same(" ".join(links), sections, f"{name}: a link to each")
        self_contained(page, root, name, ["a-page.html"])
        drawings_are_named(root, name)
        numbers_are_finite(page, name)
    text = read("hostile.html").decode("utf-8")
    check("<script" not in text and "&lt;script&gt;alert(" in text, "hostile names are shown")
    check("onload=&quot;y" in text, "quotes in names are text")
    progress()
    cliffs()
    results()
    legends()


def progress():
    """Learning curves of architectures: lines, bands and what is told of them."""
    root = parse(read("compare.html").decode("utf-8"), "curves")
    charts = [svg for svg in root.iter("svg") if "by epoch" in svg.get("aria-label")]
    same(len(charts), 2, "a chart for each task")
    groups = [g for g in charts[0].iter("g") if (g.get("class") or "").startswith("curve")]
    same(len(groups), 7, "a line for each architecture with runs that are done")
    same(groups[0].find("title").text.split(" after ")[1:], ["epoch 1, " + groups[0].find("title").text.split(", ")[1].split(" ")[0], "epoch 12; mean of 1 run"], "which tells its ends")
    same([path.get("class") for path in groups[0].iter("path")], ["area", "line", "line thin"], "a band, a line, and another where some runs had ended")
    same([len(path.get("d").split("L")) for path in groups[0].iter("path")], [18, 9, 4], "as far as the runs go")
    same(len(groups[2].findall("circle")), 1, "one epoch is a dot")
    figures = [next(f for f in root.iter("figure") if chart in list(f)) for chart in charts]
    told = [" ".join("".join(f.find("figcaption").itertext()).split()) for f in figures]
    check("Far above" not in told[0] and "Far above these, and not shown: mmoe: 10." in told[1], "what lies far above the others is told of", told)
    same(len([g for g in charts[1].iter("g") if (g.get("class") or "").startswith("curve")]), 6, "and not drawn, so that the others can be told apart")
    scattered = [svg for svg in root.iter("svg") if "distribution of final losses" in svg.get("aria-label")]
    texts = [["".join(text.itertext()) for text in svg.iter("text")] for svg in scattered]
    same([sum("far above the others" in text for text in of) for of in texts], [0, 1], "nor are its bars")
    table = figures[0].find(".//table")
    same([len(list(table.iter("tr"))), len(table.find(".//tr"))], [13, 9], "the means stand in a table")
    links = [a.get("href") for a in root.find(".//section").iter("a")]
    same(links, ["a-page.html"] * 7, "names lead to the pages that there are")
    many = read("compare-many.html").decode("utf-8")
    check('class="mark stroke again c1"' in many and 'class="line again"' in many, "more than eight lines are told apart by dashes")
    check(many.count('class="mark edged c1"') == 21 and '<rect class="dot"' in many and '<rect class="dot"' not in read("compare.html").decode("utf-8"), "and points by squares",
          many.count('class="mark edged c1"'))
    check("mean of those runs that went on" not in read("compare-one.html").decode("utf-8") and "the band is" not in read("compare-one.html").decode("utf-8"),
          "of one run there is neither a band nor an end of others")


def ticks_of(svg):
    """Along the bottom and up the side, as text."""
    ticks = [text for text in svg.iter("text") if text.get("class") == "tick"]
    return [[text.text for text in ticks if (text.get("text-anchor") == "middle") == along] for along in (True, False)]


def first_places(svg, line):
    """Where its lines begin, as a share of the drawing's width."""
    return [float(path.get("d")[1:].split(" ")[0]) / float(svg.get("viewBox").split(" ")[2]) for path in svg.iter("path") if path.get("class") == line]


def cliffs():
    """Where the first epoch is far above the others, the chart begins behind it, and says so."""
    root = parse(read("compare-cliff.html").decode("utf-8"), "a cliff")
    figure = next(f for f in root.iter("figure") for svg in f.findall("svg") if "by epoch" in svg.get("aria-label"))
    told = " ".join("".join(figure.find("figcaption").itertext()).split())
    check(re.search(r"Epoch 1 is not shown, with values (of about|from 200[01] to) 200[01]\.$", told), "what is left out is told", told)
    check(all(float(tick) < 1 for tick in ticks_of(figure.find("svg"))[1]), "so that the others fill the picture", ticks_of(figure.find("svg")))
    check(all(place < 0.2 for place in first_places(figure.find("svg"), "line")), "from its left end on", first_places(figure.find("svg"), "line"))
    rows = [["".join(cell.itertext()) for cell in tr] for tr in figure.find(".//table").iter("tr")]
    check(rows[1][0] == "1" and re.match("200[01]", rows[1][1]) and len(rows) == 13, "the table has all", rows[:2])
    root = parse(read("run.html").decode("utf-8"), "a run's cliff")
    parts = {svg.get("aria-label").split(":")[0]: part for part in root.find(".//section[@id='learning']").iter("div") for svg in part.findall("svg") if "loss" in "".join(svg.itertext())}
    notes = {task: [note.text for note in part.findall("p")] for task, part in parts.items()}
    check(notes["task0"] == [] and re.match(r"Epoch 1 is not shown, with values from 0\.7\d+ to 2001\.$", notes["task1"][0]), "a run's charts do the same, each for itself", notes)
    check(all(len(ticks_of(svg)[1]) > 1 for name in ("run", "many", "compare") for svg in parse(read(name + ".html").decode("utf-8"), name).iter("svg") if ticks_of(svg)[1]),
          "no axis has a single number")


def legends():
    """Loads of experts: a legend of the gates, in which those of one colour can be told apart."""
    def entries(name):
        charts = [f for f in parse(read(name + ".html").decode("utf-8"), name).find(".//section[@id='gates']").iter("figure") if f.find("svg") is not None]
        return [(key.find("span").get("class"), "".join(key.itertext())) for key in charts[0].iter("span") if key.get("class") == "key"], charts[0]
    found, chart = entries("run")
    same(found, [("mark bar c1", "task0"), ("mark bar c2", "task1")], "the gates have a legend")
    found, chart = entries("many")
    same(len(set(mark for mark, _ in found)), 20, "colours that come again are lighter")
    drawn = {(rect.get("class"), group.get("class")) for group in chart.iter("g") for rect in group.findall("rect")}
    same(sorted(f"mark {fill} {colour}" for fill, colour in drawn), sorted(mark for mark, _ in found), "bars are as in the legend")
    same(entries("one")[0], [], "one gate needs none")


def rows_of(root, title):
    """The table of the figure with this title, as text, and which of its cells are bold."""
    table = next(f for f in root.iter("figure") if f.find(".//h3") is not None and f.find(".//h3").text == title and f.find(".//table") is not None).find(".//table")
    rows = [[" ".join("".join(cell.itertext()).split()) for cell in tr] for tr in table.iter("tr")]
    return rows, ["".join(cell.itertext()) for cell in table.iter("td") if "best" in (cell.get("class") or "").split()]


def results():
    """Tables of a comparison: one for the architectures, one for each task."""
    root = parse(read("compare.html").decode("utf-8"), "tables")
    rows, bold = rows_of(root, "task0")
    same(rows[0], ["architecture", "mean", "sd", "best", "gain, 95 % interval"], "a task has its columns")
    same(rows[1][-1], "baseline", "the baseline gains nothing over itself")
    same(bold, [max(row[1] for row in rows[1:])], "the best mean is bold")
    means = [float(row[1]) for row in rows[1:]]
    gains = [row[4].replace("\u2212", "-").split(" ", 1) for row in rows[2:]]
    same([gain for gain, _ in gains], [f"{mean - 0.85:+.4f}" for mean in means[1:]], "gains have the decimals of means")
    ends = [[float(end) for end in both.split(" to ")] for _, both in gains]
    check(all(abs(low - (mean - 0.8525)) < 2e-4 and abs(high - (mean - 0.8475)) < 2e-4 for (low, high), mean in zip(ends, means[1:])), "an interval has both its ends", rows)
    rows, _ = rows_of(root, "Architectures")
    check(rows[-1][-1] == "39 of 40" and rows[-1][0].endswith(" 1 failed (3 %): the loss is not finite"), "a run that failed is told of, with its reason", rows[-1])
    rows, bold = rows_of(parse(read("compare-one.html").decode("utf-8"), "one run"), "task0")
    same((bold, rows[1][2]), ([], "\u2013"), "of one run nothing is called best, and there is no spread")


def looks():
    for name in SECTIONS:
        look(name + ".html", 360, name)
    for name in ("run", "compare"):
        look(name + ".html", 1280, name)
    for width in (405, 1024, 1200, 1920):  # of which the bar at the side takes 15
        tables("compare.html", width)


def tables(path, width):
    """The comparison's tables are seen whole."""
    found = in_browser(path, width, path) if BROWSER else {"moved": []}
    check(found and found["moved"] == [], f"{path}, {width} px: no table of results must be moved to be seen", found)


# ---- colours ----

def linear(colour):
    parts = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]


def contrast(a, b):
    """WCAG 2: 1 to 21."""
    high, low = sorted((sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear(colour))) for colour in (a, b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


# Machado, Oliveira and Fernandes 2009, severity 1: what those see who lack red, green or blue cones.
BLIND = {
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}


def lab(rgb):
    """CIE L*a*b* of linear sRGB."""
    xyz = [sum(w * c for w, c in zip(row, rgb)) for row in ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))]
    f = [t ** (1 / 3) if t > 216 / 24389 else (24389 / 27 * t + 16) / 116 for t in (max(0, v) / w for v, w in zip(xyz, (0.9505, 1, 1.089)))]
    return 116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])


def distance(a, b, matrix):
    seen = [lab([sum(w * c for w, c in zip(row, linear(colour))) for row in matrix]) for colour in (a, b)]
    return sum((p - q) ** 2 for p, q in zip(*seen)) ** 0.5


def scheme(block, name):
    colours = dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6});", block))
    things = [f"c{i}" for i in range(1, 9)]
    low = {c: round(contrast(colours[c], colours["card"]), 2) for c in things + ["shared", "base", "hot", "below"] if contrast(colours[c], colours["card"]) < 3}
    check(not low, f"{name}: what is drawn stands out from the cards, 3 : 1", low)
    low = {c: round(contrast(colours[c], colours["card"]), 2) for c in ("ink", "muted") if contrast(colours[c], colours["card"]) < 4.5}
    low.update({c: round(contrast(colours[c], colours["page"]), 2) for c in ("ink", "muted") if contrast(colours[c], colours["page"]) < 4.5})
    low.update({c: round(contrast(colours[c], colours["card"]), 2) for c in things if contrast(colours["card"], colours[c]) < 4.5 and name == "light"})
    check(not low, f"{name}: texts are legible, 4.5 : 1", low)
    check(contrast(colours["on-hot"], colours["hot"]) >= 4.5 and contrast(colours["ink"], colours["warn-back"]) >= 4.5, f"{name}: so are those on colours")
    for kind, matrix in BLIND.items():
        near = {f"{a} {b}": round(distance(colours[a], colours[b], matrix), 1) for i, a in enumerate(things) for b in things[:i] if distance(colours[a], colours[b], matrix) < 14}
        check(not near, f"{name}: colours differ for people with {kind}", near)


def colours():
    style = read(STYLE).decode("utf-8")
    blocks = re.findall(r":root \{(.*?)\}", style, re.S)
    scheme(blocks[0], "light")
    scheme(blocks[1], "dark")
    check("@media screen and (prefers-color-scheme: dark)" in style, "what is printed is light")
    shades = [re.search(r"--shade: (#[0-9a-f]{8});", block) for block in blocks[:2]]
    moved = re.search(r"\n\.scroll \{(.*?)\}", style, re.S).group(1)
    check(all(shades) and moved.count("var(--card)") == moved.count("local") == moved.count("var(--shade)") == 2, "what moves sideways has shades, and covers that move with it", moved)
    check(re.search(r"\.scroll \{[^}]*background: none", style.split("@media print")[1]), "but not on paper")


main(pages, colours, looks)
