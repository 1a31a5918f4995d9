"""experiments/census.py on generated people: the tables are cut and labelled as it says, and its page holds what the runs gave."""
import csv
import glob
import json
import os
import re
import subprocess
import sys

from cli_tap import COMMAND, SOURCE, check, main, read, same, succeeds, write

sys.path.insert(0, os.path.join(SOURCE, "experiments"))
import census  # noqa: E402
import common  # noqa: E402

NUMBER = re.compile(r"\d\.\d{4}")


def experiment(*arguments, code=0):
    done = subprocess.run([sys.executable, os.path.join(SOURCE, "experiments", "census.py"), "--gatewright", COMMAND, "--data", "data", "--work", "work",
                           "--out", "page.md", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=250, check=False)
    check(done.returncode == code, f"census.py {' '.join(arguments)}", done.stdout.decode())
    return done.stdout.decode()


def generated():
    os.mkdir("data")
    succeeds("people to learn from", "synth", "census", "--rows", 800, "--seed", 1, "-o", "data/train.csv")
    succeeds("people to measure on", "synth", "census", "--rows", 601, "--seed", 2, "-o", "data/test.csv")
    names = subprocess.run([sys.executable, os.path.join(SOURCE, "data", "get_census.py"), "columns"], stdout=subprocess.PIPE, check=True).stdout
    write("data/columns.txt", names)


def section(page, title):
    return page.partition(title)[2].partition("\n## ")[0]


def rows_after(text, first_cell):
    """The cells of the table's rows whose header holds a text."""
    lines = text.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("|") and first_cell in line)
    found = []
    for line in lines[at + 2:]:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


def values(cell):
    return [float(number) for number in NUMBER.findall(cell)]


def page():
    experiment("--quick", "--runs", "2", "--budget", "2", "--epochs", "1")
    text = read("page.md").decode()
    for number, name in ((1, "income"), (2, "education")):
        rows = rows_after(section(text, f"## Group {number}"), f"{name}, best")
        same([row[0].strip("`") for row in rows], list(census.ARCHITECTURES), f"group {number} has a row for each architecture")
        for row in rows:
            best, (mean, spread), with_best, (other, other_spread) = values(row[1])[0], values(row[2]), values(row[3])[0], values(row[4])
            check(0 < mean <= best < 1 and best <= mean + 2 * spread + 2e-4, f"group {number}, {row[0]}: the best run is within the spread of two", row)
            check(0 < other < 1 and abs(with_best - other) <= 2 * other_spread + 2e-4, f"group {number}, {row[0]}: the best run's auxiliary, too", row)
        chosen = rows_after(section(text, f"## Group {number}"), "chosen")
        same(len(chosen), len(census.ARCHITECTURES) + 1, f"group {number}: what was chosen, and for never married alone")
        check(all(values(row[2])[0] <= values(row[3])[0] for row in chosen), "the chosen setting is the best that was met", chosen)
    alone = [rows_after(section(text, f"## Group {n}"), "paper: best")[0][3:5] for n in (1, 2)]
    same(alone[0], alone[1], "never married alone is the same model in both groups")
    check(not re.search(r"\b(nan|inf|None)\b", text), "every figure is a number", text)
    check(os.getcwd() not in text and SOURCE not in text, "the page names no path of this machine")
    runs = [json.loads(read(name)) for name in glob.glob("work/results/*.json")]
    pairs = [(a["test"], b["test"]) for a in runs for b in runs if (a["seed"], b["seed"]) == (1, 2) and a["test"].keys() == b["test"].keys()]
    means = {f"{common.mean([a[name]['auc'], b[name]['auc']]):.4f}" for a, b in pairs for name in a}
    shown = {f"{values(row[2])[0]:.4f}" for n, name in ((1, "income"), (2, "education")) for row in rows_after(section(text, f"## Group {n}"), f"{name}, best")}
    check(shown <= means, "the page's means are those of the runs that were kept", shown - means)
    return text


def again():
    before = read("page.md").decode()
    write("page.md", before.replace(common.REMARKS, common.REMARKS + "\nBy hand.", 1))
    kept = {name: os.stat(name).st_mtime_ns for name in glob.glob("work/results/*.json")}
    experiment("--quick", "--runs", "2", "--budget", "2", "--epochs", "1")
    same(read("page.md").decode().replace("\nBy hand.", ""), before, "a second run makes the same page")
    check("By hand." in read("page.md").decode(), "and keeps what was written by hand")
    same({name: os.stat(name).st_mtime_ns for name in glob.glob("work/results/*.json")}, kept, "from results that were kept")


def tables():
    parts = {}
    for part in ("train", "valid", "test"):
        with open(f"work/{part}.csv", encoding="utf-8", newline="") as file:
            parts[part] = list(csv.DictReader(file))
    same([len(rows) for rows in parts.values()], [800, 300, 301], "the test file is cut in halves")
    with open("data/test.csv", encoding="utf-8") as file:
        published = sorted(file.read().replace(", ", ",").splitlines())
    names = [name for name in parts["test"][0] if name != "college"]
    same(sorted(",".join(row[name] for name in names) for row in parts["valid"] + parts["test"]), published, "and no row of it is lost")
    colleges = {row["education"] for row in parts["train"] if row["college"] == "1"}
    check(colleges and all(word.startswith(("Associates", "Bachelors", "Masters", "Prof school", "Doctorate")) for word in colleges), "degrees are colleges", colleges)
    for group in census.GROUPS.values():
        settings = census.trials.draws(census.SHARED_SPACE, census.OWN_SPACE["ple"], "ple", 1)[0]
        spec = census.spec_of("work", {"main": group["main"], "never_married": census.AUXILIARY}, "main", "ple", settings)
        hidden = set(spec["features"]["ignore"]) | {task["label"] for task in spec["tasks"].values()}
        check({"education", "marital_stat", "income_50k", "college", "instance_weight"} <= hidden, f"{group['title']}: no label is an input", hidden)


def refused():
    told = experiment("--architectures", "mmoe,ppe", code=2)
    check("--architectures are single-task" in told, "an unknown architecture is refused", told)
    told = experiment("--from", "/nope", code=2)
    check("there is no folder '/nope'" in told and told.count("\n") == 1, "so is a folder that is not there", told)
    check("from 1 but found '0'" in experiment("--runs", "0", code=2), "and no runs")
    os.rename("data/test.csv", "data/other.csv")
    told = experiment("--quick", code=1)
    check("data/get.sh census-income" in told, "a folder without the data is refused, with what to do", told)


main(generated, page, tables, again, refused)
