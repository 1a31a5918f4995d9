"""The worked examples of CONTRIBUTING.md, put into a copy of the sources: extend.py PAGE PATH ORIGINAL OUTPUT writes what becomes of the file PATH.

A block of the page has pieces. Each begins with a comment that says where it belongs:
    /* PATH */                  a new file
    /* PATH: NAME */            the last row of the table or roster NAME
    /* PATH: behind LINE */     behind the line that reads LINE
"""
import re
import sys

PIECE = re.compile(r"^/\* (src/[a-z_/]+\.[ch])(?:: (.*?))? \*/\n", re.M)


def pieces_of(page):
    """(path, place or None, text) of every piece, in order."""
    found = []
    for block in re.findall(r"^```c\n(.*?)^```$", page, re.M | re.S):
        heads = list(PIECE.finditer(block))
        for head, end in zip(heads, [h.start() for h in heads[1:]] + [len(block)]):
            found.append((head.group(1), head.group(2), block[head.end():end]))
    return found


def add_row(source, name, text):
    table = re.search(rf"\b{re.escape(name)}\[[^\n]*\] = {{\n.*?^(?=}};)", source, re.M | re.S)
    if table:
        return source[:table.end()] + text + source[table.end():]
    roster = re.search(rf"^#define {re.escape(name)}\(X\)[^\n]*\\\n(?:[^\n]*\\\n)*[^\n]*\n", source, re.M)
    if not roster:
        raise SystemExit(f"there is no table or roster {name}")
    return source[:roster.end() - 1] + " \\\n" + text + source[roster.end():]


def add_behind(source, line, text):
    lines = source.splitlines(keepends=True)
    places = [i for i, other in enumerate(lines) if other.strip() == line]
    if len(places) != 1:
        raise SystemExit(f"{len(places)} lines read {line!r}, not one")
    return "".join(lines[:places[0] + 1]) + text + "".join(lines[places[0] + 1:])


def extended(page, path, source):
    """`source`, the text of `path` (None: there is no such file yet), with its pieces."""
    pieces = [(place, text) for other, place, text in pieces_of(page) if other == path]
    if not pieces:
        raise SystemExit(f"CONTRIBUTING.md has nothing for {path}")
    for place, text in pieces:
        if (place is None) != (source is None):
            raise SystemExit(f"{path} is {'new' if source is None else 'there already'}")
        if place is None:
            source = text
        elif place.startswith("behind "):
            source = add_behind(source, place[len("behind "):], text)
        else:
            source = add_row(source, place, text)
    return source


def main(page, path, original, output):
    source = None if original == "-" else open(original, encoding="utf-8").read()
    result = extended(open(page, encoding="utf-8").read(), path, source)
    with open(output, "w", encoding="utf-8") as file:
        file.write(result)


if __name__ == "__main__":
    main(*sys.argv[1:])
