"""Generated data: what the tables hold, that they repeat, and what is refused."""
import json
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


def truth(name):
    return json.loads(read(name + ".truth.json"))


def dot(a, b):
    return math.fsum(x * y for x, y in zip(a, b))


def expected_label(t, w, x):
    along = dot(w, x)
    return along + math.fsum(math.sin(a * along + b) for a, b in zip(t["alpha"], t["beta"]))


def label_correlation(t, p):
    """The closed form: two labels without noise are functions of normal a, b of variance c^2 and correlation p."""
    def covariance(p):
        c, angles = t["scale"], [(a * t["scale"], b) for a, b in zip(t["alpha"], t["beta"])]
        sum_ = c * c * p + 2 * p * math.fsum(c * s * math.exp(-s * s / 2) * math.cos(b) for s, b in angles)
        for s, b in angles:
            for s2, b2 in angles:
                squares = s * s + s2 * s2
                sum_ += 0.5 * (math.cos(b - b2) * math.exp(-squares / 2 + p * s * s2) - math.cos(b + b2) * math.exp(-squares / 2 - p * s * s2))
                sum_ -= math.sin(b) * math.sin(b2) * math.exp(-squares / 2)
        return sum_
    return covariance(p) / (covariance(1) + t["noise_variance"])


def truths():
    """The labels are what the truth says, and their correlation is what the closed form says, for every published draw."""
    for name, c, m, variance in (("figure-2", 0.664, 4, 0.01), ("ple", 1, 10, 0.01), ("google", 1, 10, 0.0001), ("keras-mmoe", 0.3, 5, 0.01)):
        succeeds(f"the draw {name}", "synth", "mmoe", "--published", name, "--correlation", 0.8, "--rows", 20000, "--dim", 5, "--seed", 3, "-o", "t.csv")
        t, (_, rows) = truth("t.csv"), table("t.csv")
        same((t["scale"], len(t["alpha"]), len(t["beta"]), t["noise_variance"], t["published"]), (c, m, m, variance, name), "has its parameters")
        check(abs(dot(t["u1"], t["u2"])) < 1e-12 and all(abs(dot(t[u], t[u]) - 1) < 1e-12 for u in ("u1", "u2")), "u1 and u2 are orthonormal")
        check(all(abs(dot(t[w], t[w]) - c * c) < 1e-12 for w in ("w1", "w2")) and abs(dot(t["w1"], t["w2"]) - 0.8 * c * c) < 1e-12, "w1 and w2 have their cosine")
        left = [row[5 + k] - expected_label(t, t[w], row[:5]) for row in rows for k, w in enumerate(("w1", "w2"))]
        check(abs(mean([v * v for v in left]) - variance) < 0.03 * variance and abs(mean(left)) < 4 * math.sqrt(variance / len(left)), "what is left of the labels is the noise")
        y1, y2 = column(rows, 5), column(rows, 6)
        found = correlation(y1, y2)
        check(abs(t["label_correlation"] - label_correlation(t, 0.8)) < 1e-9, "the closed form is computed twice alike")
        check(abs(found - t["label_correlation"]) < 5 / math.sqrt(len(rows)), "and holds for the rows", (found, t["label_correlation"]))
        check(abs(mean(y1) - t["label_mean"]) < 5 * math.sqrt(t["label_variance"] / len(rows)), "so does the mean")
        check(abs(mean([v * v for v in y1]) - mean(y1) ** 2 - t["label_variance"]) < 0.06 * t["label_variance"], "and the variance")


def figure_2():
    """Label correlation against p, the paper's whole curve, by the closed form."""
    curve = ((0.4, 0.0546), (0.5, 0.0739), (0.6, 0.0996), (0.7, 0.1342), (0.8, 0.1927), (0.9, 0.3053), (0.95, 0.4463), (0.98, 0.6571), (1, 0.9965))
    for p, paper_has in curve:
        succeeds(f"a table at {p}", "synth", "mmoe", "--correlation", p, "--rows", 1, "-o", "t.csv")
        check(abs(truth("t.csv")["label_correlation"] - paper_has) < 0.002, f"labels correlate by {paper_has}", truth("t.csv")["label_correlation"])


def parameters():
    """Every parameter of section 3.2 as an option."""
    succeeds("all of them", "synth", "mmoe", "--correlation", -0.25, "--scale", 2, "--alpha", "1, 2.5", "--beta=-1,0", "--noise-variance", 0, "--dim", 3,
             "--rows", 40, "--seed", 9, "--truth", "other.json", "-o", "p.csv")
    t, (_, rows) = json.loads(read("other.json")), table("p.csv")
    same((t["scale"], t["alpha"], t["beta"], t["noise_variance"], t["correlation"], t["rows"], t["dim"], t["seed"]),
         (2, [1, 2.5], [-1, 0], 0, -0.25, 40, 3, 9), "are in the truth")
    check("p.csv.truth.json" not in listing(), "which stands where it was asked for")
    check(all(abs(row[3] - expected_label(t, t["w1"], row[:3])) < 1e-5 and abs(row[4] - expected_label(t, t["w2"], row[:3])) < 1e-5 for row in rows), "and make the labels")
    succeeds("no sines", "synth", "mmoe", "--sines", 0, "--noise-variance", 0, "--dim", 3, "--rows", 40, "-o", "t.csv")
    t, (_, rows) = truth("t.csv"), table("t.csv")
    check(all(abs(row[3] - dot(t["w1"], row[:3])) < 1e-5 for row in rows), "leave what is linear")
    succeeds("so many sines", "synth", "mmoe", "--published", "keras-mmoe", "--sines", 7, "--rows", 1, "-o", "t.csv")
    same(len(truth("t.csv")["alpha"]), 7, "are drawn")
    succeeds("PLE's table", "synth", "ple", "--rows", 2, "-o", "t.csv")
    t = truth("t.csv")
    same((len(table("t.csv")[0]), t["published"], t["scale"], len(t["alpha"])), (514, "ple", 1, 10), "has 512 inputs and its draw")


def clusters():
    succeeds("clusters", "synth", "clusters", "--dim", 4, "--scale", 2, "--noise-variance", 0.04, "--rows", 4000, "--seed", 2, "-o", "t.csv")
    t, (header, rows) = truth("t.csv"), table("t.csv")
    same((header, len(rows)), (["x0", "x1", "x2", "x3", "y1"], 4000), "have their columns and rows")
    sides = [dot(t["centre"], row[:4]) for row in rows]
    check(abs(mean([abs(s) for s in sides]) - 3) < 0.06 and abs(mean([s > 0 for s in sides]) - 0.5) < 0.04, "lie on two sides, half of the rows each")
    left = [row[4] - dot(t["w2" if s > 0 else "w1"], row[:4]) for row, s in zip(rows, sides) if abs(s) > 1.5]
    check(len(left) > 3600 and abs(mean([v * v for v in left]) - 0.04) < 0.005, "each side has its own linear map, up to the noise", mean([v * v for v in left]))


def continued():
    """Rows are a function of their number: a table may be made in parts."""
    for kind in ("mmoe", "ple", "clusters", "article-cgc", "census"):
        run("synth", kind, "--rows", 30, "-o", "whole.csv")
        first, rest = run("synth", kind, "--rows", 12, "-o", "-").raw, run("synth", kind, "--rows", 18, "--first", 12, "-o", "-").raw
        header = b"" if kind == "census" else rest[:rest.index(b"\n") + 1]
        same(first + rest[len(header):], read("whole.csv"), f"{kind} goes on where another table ended")
    before = listing()
    same(run("synth", "mmoe", "--rows", 3, "-o", "-").code, 0, "standard output")
    same(listing(), before, "has no truth beside it")


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
    fails("one that is like nothing", 2, ["'qqqqqq'", "there are mmoe, ple, clusters"], "synth", "qqqqqq", "-o", "x.csv")
    fails("a correlation beyond 1", 2, ["'correlation'", "1.5"], "synth", "mmoe", "--correlation", 1.5, "-o", "x.csv")
    fails("a correlation that is no number", 2, ["correlation"], "synth", "mmoe", "--correlation", "nan", "-o", "x.csv")
    fails("a width that the kind does not take", 2, ["'dim'", "article-cgc"], "synth", "article-cgc", "--dim", 7, "-o", "x.csv")
    fails("a draw that does not exist", 2, ["'published'", "did you mean 'google'?"], "synth", "mmoe", "--published", "gogle", "-o", "x.csv")
    fails("fewer sines than the draw has", 2, ["'sines'", "hint:"], "synth", "mmoe", "--sines", 3, "-o", "x.csv")
    fails("a negative number of sines", 2, ["--sines", "-3"], "synth", "mmoe", "--sines=-3", "-o", "x.csv")
    fails("too many sines", 2, ["'sines'", "1024"], "synth", "ple", "--sines", 1025, "-o", "x.csv")
    fails("unlike many alpha and beta", 2, ["'beta'", "expected 2", "found 1"], "synth", "mmoe", "--alpha", "1,2", "--beta", "1", "-o", "x.csv")
    fails("an alpha that is no number", 2, ["--alpha", "'two'"], "synth", "mmoe", "--alpha", "1,two", "-o", "x.csv")
    fails("a beta beyond the bounds", 2, ["'beta'", "1001"], "synth", "mmoe", "--alpha", "1", "--beta", "1001", "-o", "x.csv")
    fails("a negative variance", 2, ["'noise_variance'", "-1"], "synth", "clusters", "--noise-variance=-1", "-o", "x.csv")
    fails("a scale beyond the bounds", 2, ["'scale'", "91"], "synth", "mmoe", "--scale", 91, "-o", "x.csv")
    fails("a draw for a kind without sines", 2, ["'published'", "clusters"], "synth", "clusters", "--published", "ple", "-o", "x.csv")
    fails("a scale for a kind without", 2, ["'scale'", "census"], "synth", "census", "--scale", 2, "-o", "x.csv")
    fails("a truth of a kind without", 2, ["'truth'", "article-cgc"], "synth", "article-cgc", "--truth", "x.json", "-o", "x.csv")
    fails("a truth in the table's place", 2, ["'truth'", "x.csv"], "synth", "mmoe", "--truth", "x.csv", "-o", "x.csv")
    fails("a truth in a folder that does not exist", 1, ["nowhere"], "synth", "mmoe", "--truth", "nowhere/x.json", "-o", "x.csv")
    fails("no rows", 2, ["rows"], "synth", "mmoe", "--rows", 0, "-o", "x.csv")
    fails("a folder that does not exist", 1, ["nowhere"], "synth", "mmoe", "--rows", 5, "-o", "nowhere/x.csv")
    same(listing(), before, "nothing was written")


main(paper, truths, figure_2, parameters, clusters, continued, repeats, articles, census, refused)
