"""The command with the worked examples of CONTRIBUTING.md in it: test_extend.py COMMAND SOURCE FILE..., the files that the build has replaced."""
import json
import os
import sys

from cli_tap import SOURCE, check, fails, main, read, same, small_world, succeeds
from extend import pieces_of

PAGE = open(f"{SOURCE}/CONTRIBUTING.md", encoding="utf-8").read()


def all_pieces():
    pieces = pieces_of(PAGE)
    same(sorted({os.path.basename(path) for path, _, _ in pieces}), sorted(sys.argv[3:]), "every file of the examples is part of the build")
    same(PAGE.count("```c\n"), 2, "there are two examples: an architecture and an operator")


def architecture():
    small_world()
    for threads in (1, 3):
        succeeds(f"open-cgc trains with {threads} threads", "train", "people.yaml", "--set", "model.architecture=open-cgc", "--set", "model.experts={hidden: [8, 4]}",
                 "--threads", threads, "-o", f"{threads}.gw")
    check(read("1.gw") == read("3.gw"), "and gives the same bytes")
    shown = json.loads(succeeds("its structure", "inspect", "1.gw", "--json").out)
    same(shown["architecture"], "open-cgc", "has its name")
    names = succeeds("its gates", "predict", "1.gw", "people.csv", "--gates").out.splitlines()[0].split(",")
    everyone = ["shared.0", "shared.1"] + [f"{task}.{i}" for task in ("rich", "age", "job") for i in (0, 1)]
    same([n[len("gate.0.rich."):] for n in names if n.startswith("gate.0.rich.")], everyone, "its gates see the experts of every task")
    fails("a misspelt name is near to it", 2, ["open-cgs", "open-cgc"], "train", "people.yaml", "--set", "model.architecture=open-cgs")


def operator():
    """Labels are far above what the operator lets through, so outputs come close to the limit."""
    limit = 4
    rows = [line.split(",") for line in succeeds("it predicts", "predict", "1.gw", "people.csv").out.splitlines()]
    ages = [float(row[rows[0].index("age")]) for row in rows[1:]]
    check(0 < max(ages) <= limit, "no output is above the operator's limit", max(ages))
    succeeds("trains for longer", "train", "people.yaml", "--set", "train.epochs=40", "-o", "long.gw")
    rows = [line.split(",") for line in succeeds("it predicts", "predict", "long.gw", "people.csv").out.splitlines()]
    ages = [float(row[rows[0].index("age")]) for row in rows[1:]]
    check(limit - 0.2 < min(ages) and max(ages) <= limit, "and all reach it, as the labels are far above", (min(ages), max(ages)))


main(all_pieces, architecture, operator)
