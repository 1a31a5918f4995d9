"""The experiments in small: that their pages appear, and that what stands in them fits together. What science makes of them is not tested."""
import json
import os
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree

from cli_tap import COMMAND, SOURCE, check, listing, main, read, same, write

sys.path.insert(0, os.path.join(SOURCE, "experiments"))
import common  # noqa: E402
import intervals  # noqa: E402


def experiment(name, *options):
    return subprocess.run([sys.executable, os.path.join(SOURCE, "experiments", name), "--gatewright", COMMAND, "--jobs", "2", *map(str, options)],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=250, check=False)


class Page(str):
    """A page's text, and what was `told` while it was made."""


def page(title, name, path, *options):
    done = experiment(name, "--out", path, *options)
    check(done.returncode == 0 and os.path.exists(path), title, done.stdout.decode()[-1500:])
    text = read(path).decode()
    check(not re.search(r"\b(nan|inf|None)\b", text), "has finite numbers", text)
    text = Page(text)
    text.told = done.stdout.decode()
    return text


def tables(text):
    """Of a page: each a list of rows of cells, without the header."""
    found, rows = [], []
    for line in [*text.splitlines(), ""]:
        if line.startswith("|"):
            rows.append([cell.strip() for cell in line.strip("|").split("|")])
        elif rows:
            found.append(rows[2:])
            rows = []
    return found


def drawn(path):
    tree = xml.etree.ElementTree.fromstring(read(path))
    same(tree.tag, "{http://www.w3.org/2000/svg}svg", f"{path} is a drawing")


def statistics():
    same((common.mean([1, 2, 6]), round(common.deviation([1, 2, 6]), 6), common.quantile([4, 1, 2], 0.5)), (3, 2.645751, 2), "mean, deviation and median")
    t, freedom = common.student([1, 2, 3], [2, 3, 4.5])
    check(abs(t - -1.2572371) < 1e-6 and freedom == 4, "Student's t", t)
    check(abs(common.pearson([1, 2, 3], [2, 4, 7]) - 0.9933993) < 1e-6, "Pearson's r")
    points = {freedom: round(intervals.student_point(freedom), 4) for freedom in (1, 2, 3, 4, 19, 100)}
    same(points, {1: 12.7062, 2: 4.3027, 3: 3.1824, 4: 2.7764, 19: 2.0930, 100: 1.9840}, "Student's 97.5 % points are those of the tables")


def of_intervals():
    low, high = intervals.of_mean([1, 2, 6])
    check(abs(low - 3 + 6.5724) < 1e-3 and abs(high - 3 - 6.5724) < 1e-3, "a mean's interval is 4.303 errors to either side", (low, high))
    same([tuple(round(end, 4) for end in intervals.of_share(*of)) for of in ((0, 20), (15, 20), (20, 20))], [(0, 0.1611), (0.5313, 0.8881), (0.8389, 1)], "shares have Wilson's interval, and none has no width")
    values, others = [0.1, 0.2, 0.3, 0.25], [0.05, 0.1, 0.15, 0.125]
    low, high = intervals.of_ratio(values, others, paired=True)
    check(abs(low - 2) < 1e-9 and abs(high - 2) < 1e-9, "pairs stay together in a ratio", (low, high))
    low, high = intervals.of_ratio(values, others)
    check(0 < low < 1.2 and 3.3 < high < 6 and abs(low * high - 4) < 1e-9, "independent samples do not", (low, high))
    same((intervals.of_mean([1]), intervals.of_share(1, 1), intervals.of_ratio([1], [2]), intervals.shown(None)), (None, None, None, "-"), "a single run has no interval")
    same((common.with_deviation([1], ".1f"), common.with_deviation([1, 3], ".1f")), ("1.0 ± -", "2.0 ± 1.4"), "nor a deviation")


def mmoe():
    small = ("--runs", 3, "--pilot", 1, "--steps", 40, "--batch", 32, "--rows", 320, "--test-rows", 100, "--correlations", "0.5,1", "--results", "runs.jsonl")
    text = page("MMoE's figures", "mmoe_synthetic.py", "mmoe.md", *small)
    labels, ends, ratios, curves, *by_rate, pilot = tables(text)
    check(len(labels) == 9 and all(abs(float(row[1]) - float(row[2])) < 0.04 for row in labels), "labels correlate as in the paper", labels)
    same(sorted(row[:2] for row in ends), sorted([m, p] for m in ("Shared-Bottom", "OMoE", "MMoE") for p in ("0.5", "1.0")), "each model is there at each correlation")
    loss = {(row[0], row[1]): float(row[3]) for row in ends}
    check(all(abs(float(row[3]) - loss[row[0].split(" / ")[0], row[1]] / loss["MMoE", row[1]]) < 0.01 for row in ratios[:4]), "ratios are those of the means", (ends, ratios))
    check(all(abs(float(row[-1]) - loss[row[0], row[1]]) < 0.001 for row in curves if row[2] == "here"), "curves end at the final losses", curves)
    same(([len(rows) for rows in by_rate]), [6, 7, 6, 7], "all is there for one learning rate at a time")
    same(len(pilot), 6, "a learning rate was chosen for each")
    drawn("mmoe.svg")
    runs = read("runs.jsonl")
    again = page("once more", "mmoe_synthetic.py", "mmoe.md", *small)
    same((read("runs.jsonl"), tables(again)), (runs, tables(text)), "trains nothing anew and says the same")
    write("runs.jsonl", runs[:-40])
    again = page("after a kill", "mmoe_synthetic.py", "mmoe.md", *small)
    check("done again" in again.told, "a cut last line is passed over, and that is said", again.told)
    same((read("runs.jsonl"), tables(again)), (runs, tables(text)), "its run is done again")
    write("bad.jsonl", runs[:-40] + b"\n" + runs)
    done = experiment("mmoe_synthetic.py", "--out", "x.md", *small[:-1], "bad.jsonl")
    check(done.returncode == 1 and f"bad.jsonl:{len(runs.splitlines())}:".encode() in done.stdout and b"Traceback" not in done.stdout, "an earlier broken line is refused with its place", done.stdout)
    ends = tables(page("of one run", "mmoe_synthetic.py", "one.md", "--runs", 1, *small[2:]))[1]
    check(all(row[4] == row[8] == "-" for row in ends), "says no interval of one run", ends)


PLE = ("--runs", 3, "--dim", 6, "--rows", 320, "--test-rows", 100, "--steps", 40, "--batch", 32, "--correlations", "0.2,1", "--results", "ple.jsonl")


def programs():
    """Runs of other programs, or of one that nobody noted, are told apart on the page."""
    lines = [json.loads(line) for line in read("ple.jsonl").splitlines()]
    del lines[0]["program"]
    lines[1]["program"]["sha256"] = "f" * 64
    write("ple.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    text = page("of several programs", "ple_synthetic.py", "other.md", *PLE)
    told = next(line for line in text.splitlines() if line.startswith("- Trainings:"))
    check(all(part in told for part in ("1 by a program that was not noted", "SHA-256 ffffffffffff), 28 by this program", "1 by another program (gatewright ")), "says whose they are", told)


def ple():
    text = page("PLE's figure", "ple_synthetic.py", "ple.md", *PLE)
    check("- Trainings: 30 by this program; " in text, "says that all are of one program", text)
    average, gains, losses = tables(text)
    check(all(abs(sum(float(cell.strip("%")) for cell in row[4:]) - 100) <= 1 for row in average), "shares add up", average)
    loss = {row[0]: [float(cell) for cell in row[1:3]] for row in losses}
    both = {(row[0], row[1]): float(row[5].split()[0]) for row in gains}
    check(all(abs(both[m, p] - 2 * (loss["single-task"][k] - loss[m][k])) < 4e-4 for m in list(loss)[1:] for k, p in enumerate(("0.2", "1.0"))),
          "gains are differences to the single-task losses", (loss, both))
    drawn("ple.svg")
    programs()


def jacobs():
    text = page("Jacobs' table", "jacobs1991.py", "jacobs.md", "--runs", 2, "--pilot", 1, "--rates", "10,30", "--epochs", 1000)
    results, tests, rates = tables(text)
    os.rename("jacobs.md", "old.md")
    write("jacobs.md", read("old.md").decode().replace(common.REMARKS + "\n" + common.REMARKS, f"{common.REMARKS}\nSlower here.\n{common.REMARKS}"))
    check("\nSlower here.\n" in common.remarks("jacobs.md") and common.remarks("jacobs.md").count(common.REMARKS) == 2, "what people wrote is kept", common.remarks("jacobs.md"))
    same([row[0] for row in results], ["4 experts", "8 experts", "BP 6 hidden", "BP 12 hidden"], "has the paper's systems")
    check("400 tokens" in text and "208 of" in text, "50 speakers train, 26 test")
    check(all(row[-1] == "2 of 2" and all(80 < float(share) < 100 for share in row[2].split(" / ")) for row in results), "all reach the criterion, with few mistakes", results)
    check(all(1 <= float(row[6].split("mean ")[1]) <= 4 for row in results[:2]), "some experts are in use", results)
    same((len(tests), len(rates)), (6, 4), "compares all pairs, and says how rates were chosen")
    before = listing()
    done = experiment("jacobs1991.py", "--out", "x.md", "--runs", 2, "--pilot", 1, "--rates", "0.001", "--epochs", 3)
    check(done.returncode == 1 and b"none of the rates" in done.stdout and listing() == before, "a criterion that is not reached is said, and no page written", done.stdout.decode())


def refused(name, parts, *options):
    """One line, exit code 2, and nothing written."""
    before = listing()
    done = experiment(name, "--out", "x.md", *options)
    told = done.stdout.decode()
    check(done.returncode == 2 and told.count("\n") == 1 and all(part in told for part in parts) and listing() == before, f"{name} {' '.join(map(str, options))} is refused", told)


def failures():
    for option, value, part in (("--runs", 0, "a whole number from 1"), ("--steps", 0, "a whole number from 1"), ("--correlations", "a", "-1 to 1 but found 'a'"),
                                ("--correlations", "", "found ''"), ("--correlations", "0.5,2", "found '2'"), ("--jobs", 0, "a whole number from 1"),
                                ("--gatewright", "/nope", "'/nope' is no program"), ("--results", ".", "is a folder")):
        refused("mmoe_synthetic.py", [option, part], option, value)
    refused("ple_synthetic.py", ["--rate", "found 'nan'"], "--rate", "nan")
    refused("jacobs1991.py", ["--rates", "found 'a'"], "--rates", "a")
    refused("mmoe_synthetic.py", ["--steps 45", "a multiple of 10"], "--steps", 45, "--batch", 32, "--rows", 320)
    refused("ple_synthetic.py", ["--rows 330", "--batch 32"], "--steps", 45, "--batch", 32, "--rows", 330)
    done = experiment("mmoe_synthetic.py", "--out", "x.md", "--gatewright", "/bin/false")
    check(done.returncode == 1 and b"/bin/false --version" in done.stdout, "a command that fails ends the experiment", done.stdout.decode())


def interrupted():
    """Ctrl-C once a run is done and others are not."""
    options = ("--runs", 40, "--steps", 4000, "--batch", 32, "--rows", 3200, "--dim", 6, "--correlations", "1", "--results", "kept.jsonl", "--out", "x.md")
    process = subprocess.Popen([sys.executable, os.path.join(SOURCE, "experiments", "ple_synthetic.py"), "--gatewright", COMMAND, "--jobs", "2", *map(str, options)],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    for _ in range(1200):
        if os.path.exists("kept.jsonl"):
            break
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    told = process.communicate(timeout=60)[0].decode()
    last = told.splitlines()[-1]
    check(process.returncode == 130 and "Traceback" not in told and "kept in kept.jsonl; the same command goes on" in last, "Ctrl-C ends with what is kept", told)
    check(all(line.endswith(b"}") for line in read("kept.jsonl").splitlines()) and not os.path.exists("x.md"), "whole lines are kept, and no page written")


main(statistics, of_intervals, mmoe, ple, jacobs, failures, interrupted)
