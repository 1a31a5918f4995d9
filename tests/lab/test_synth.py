"""Generated data: what the tables hold, that they repeat, and what is refused."""
import math

from cli_tap import check, fails, listing, main, read, run, same, succeeds


def table(name):
    lines = read(name).decode().splitlines()
    return lines[0].split(","), [[float(cell) for cell in line.split(",")] for line in lines[1:]]


def column(rows, i):
    return [row[i] for row in rows]


def mean(values):
    return sum(values) / len(values)


def correlation(a, b):
    ma, mb = mean(a), mean(b)
    return sum((x - ma) * (y - mb) for x, y in zip(a, b)) / math.sqrt(sum((x - ma) ** 2 for x in a) * sum((y - mb) ** 2 for y in b))


def paper():
    """The label correlations of the paper's figure 2, and the label variance that they imply."""
    for p, expected in ((0.5, 0.0739), (0.9, 0.3053), (1, 0.9965)):
        succeeds(f"mmoe with correlation {p}", "synth", "mmoe", "--correlation", p, "--rows", 10000, "--dim", 10, "-o", "m.csv")
        header, rows = table("m.csv")
        same(header, [f"x{j}" for j in range(10)] + ["y1", "y2"], "has its columns")
        same(len(rows), 10000, "has its rows")
        found = correlation(column(rows, 10), column(rows, 11))
        spread = (1 - found ** 2) / 100
        check(abs(found - expected) < 4 * spread + 0.001, f"labels correlate by {expected} at {p}", found)
    y = column(rows, 10)
    check(abs(mean([v * v for v in y]) - mean(y) ** 2 - 2.90) < 0.15, "labels have the variance 2.9")
    x = [v for row in rows for v in row[:10]]
    check(abs(mean(x)) < 0.01 and abs(mean([v * v for v in x]) - 1) < 0.02, "inputs are standard normal")
    check(abs(correlation(column(rows, 0), column(rows, 1))) < 0.04, "inputs are independent")
    succeeds("the default has 100 inputs and 10000 rows", "synth", "mmoe", "-o", "m.csv")
    header, rows = table("m.csv")
    same((len(header), len(rows)), (102, 10000), "and so it has")


def repeats():
    succeeds("a seed", "synth", "mmoe", "--dim", 4, "--rows", 50, "--seed", 3, "-o", "a.csv")
    succeeds("again", "synth", "mmoe", "--dim", 4, "--rows", 50, "--seed", 3, "-o", "b.csv")
    same(read("a.csv"), read("b.csv"), "gives the same bytes")
    succeeds("with more rows", "synth", "mmoe", "--dim", 4, "--rows", 80, "--seed", 3, "-o", "b.csv")
    check(read("b.csv").startswith(read("a.csv")), "begins with the same rows")
    succeeds("another seed", "synth", "mmoe", "--dim", 4, "--rows", 50, "--seed", 4, "-o", "b.csv")
    check(read("a.csv") != read("b.csv"), "gives other rows")
    same(run("synth", "mmoe", "--dim", 4, "--rows", 50, "--seed", 3, "-o", "-").raw, read("a.csv"), "standard output gets the same")


def articles():
    for kind, inputs, n, binary in (("article-mmoe", 10, 1000, False), ("article-mmoe-gates", 112, 4096, False), ("article-cgc", 100, 4096, True)):
        succeeds(kind, "synth", kind, "-o", "t.csv")
        header, rows = table("t.csv")
        same((header[-2:], len(header), len(rows)), (["y1", "y2"], inputs + 2, n), f"{kind} has its columns and rows")
        if binary:
            same({v for row in rows for v in row}, {0.0, 1.0}, "all are 0 or 1")
        if kind != "article-mmoe":
            for k in (inputs, inputs + 1):
                check(0.4 < mean(column(rows, k)) < 0.6, f"label {k - inputs + 1} is balanced")


def census():
    succeeds("census", "synth", "census", "--rows", 20000, "-o", "c.csv")
    rows = [line.split(", ") for line in read("c.csv").decode().splitlines()]
    same({len(row) for row in rows}, {42}, "has 42 columns")
    same(len(rows), 20000, "has its rows, and no header")
    same({row[41] for row in rows}, {"- 50000.", "50000+."}, "income is written as in the original")
    rich, single = [mean([row[i] == text for row in rows]) for i, text in ((41, "50000+."), (7, "Never married"))]
    check(0.03 < rich < 0.1, "a few percent have a high income", rich)
    check(0.35 < single < 0.5, "some two in five never married", single)
    check(all(row[7] == "Never married" and row[41] == "- 50000." for row in rows if int(row[0]) < 15), "children are children")
    check(any("?" in row for row in rows), "some values are missing")


def refused():
    before = listing()
    fails("a kind that does not exist", 2, ["'mmo'", "did you mean 'mmoe'?"], "synth", "mmo", "-o", "x.csv")
    fails("a correlation beyond 1", 2, ["'correlation'", "1.5"], "synth", "mmoe", "--correlation", 1.5, "-o", "x.csv")
    fails("a correlation that is no number", 2, ["correlation"], "synth", "mmoe", "--correlation", "nan", "-o", "x.csv")
    fails("a width that the kind does not take", 2, ["'dim'", "article-cgc"], "synth", "article-cgc", "--dim", 7, "-o", "x.csv")
    fails("no rows", 2, ["rows"], "synth", "mmoe", "--rows", 0, "-o", "x.csv")
    fails("a folder that does not exist", 1, ["nowhere"], "synth", "mmoe", "--rows", 5, "-o", "nowhere/x.csv")
    same(listing(), before, "nothing was written")


main(paper, repeats, articles, census, refused)
