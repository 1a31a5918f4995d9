"""`gatewright compare`: the whole road, what the files hold, what is refused, threads, Ctrl-C, runs that fail, parameters that match."""
import csv
import io
import json
import math
import os
import re
import resource
import signal
import statistics
import subprocess
import time

from cli_tap import COMMAND, SANITIZER_MARKS, SOURCE, check, fails, listing, main, people, read, run, same, small_world, succeeds, write
from page_tap import drawings_are_named, look, numbers_are_finite, parse, self_contained

FILES = ["compare.csv", "compare.json", "report.html", "runs.csv"]
QUICK = ["--set", "train.epochs=2"]
EVERY = ("shared-bottom,averaged,omoe,mmoe,cgc,ple,adatt-sp,adatt,cross-stitch,snr-aver,snr-trans,l2-constrained,tensor-factorization,home,stem,aitm")


def compare(*arguments, **options):
    return run("compare", "people.yaml", *arguments, **options)


def result(folder):
    return json.loads(read(os.path.join(folder, "compare.json")))


def table(folder, name):
    return list(csv.DictReader(io.StringIO(read(os.path.join(folder, name)).decode())))


def files(*architectures):
    """What a folder has: the same for each comparison, and a page for each architecture."""
    return sorted(FILES + [name + ".html" for name in architectures])


def by_label(found):
    return {a["label"]: a for a in found["architectures"]}


def without_seconds(value):
    if isinstance(value, dict):
        return {key: without_seconds(v) for key, v in value.items() if not key.startswith("seconds")}
    return [without_seconds(v) for v in value] if isinstance(value, list) else value


def near(a, b):
    return a is not None and b is not None and math.isclose(a, b, rel_tol=1e-12, abs_tol=1e-15)


def whole_road():
    small_world()
    write("test.csv", people(120, seed=5))
    found = succeeds("compare works", "compare", "people.yaml", "--architectures", "shared-bottom,mmoe", "--runs", 4, *QUICK, "--set", "data.test=test.csv", "-o", "out")
    same(listing("out"), files("single-task", "shared-bottom", "mmoe"), "the folder has the files")
    for part in ("test: 120 rows; 4 runs each, seeds 7 to 10", "rich: auc, higher is better", "age: rmse, lower is better", "job: accuracy, higher is better",
                 "gain: over single-task; above 0 is better; intervals are over seeds alone, on the same rows"):
        check(part in found.out, f"the screen has '{part}'", found)
    check("out" in found.err and found.err.count(": done\n") == 12, "each run that ends is told", found.err)
    all_of = result("out")
    same([a["label"] for a in all_of["architectures"]], ["single-task", "shared-bottom", "mmoe"], "the twin stands in front")
    same((all_of["part"], all_of["rows"], all_of["baseline"], all_of["first_seed"], all_of["data_seed"]), ("test", 120, "single-task", 7, 7), "what was compared")
    read_rows = int(found.err.split(" to train, ")[0].split()[-1])
    same((all_of["train_rows"], all_of["overrides"]), (read_rows, ["train.epochs=2", "data.test=test.csv"]), "of which spec")
    check(set(all_of["better"]["rich"]) >= {"loss", "auc"} and "rows" not in all_of["better"]["rich"], "scores are metrics and the loss", all_of["better"])
    statistics_agree(all_of)
    runs_repeat(all_of)
    tables_agree(all_of)


def statistics_agree(all_of):
    """Every summary is that of the runs beside it."""
    baseline = by_label(all_of)["single-task"]
    for a in all_of["architectures"]:
        same((a["done"], a["failed"], a["canceled"], [r["seed"] for r in a["runs"]]), (4, 0, 0, [7, 8, 9, 10]), f"{a['label']}: every run is done")
        check(all(len(r["curve"]) == r["epochs"] == 2 and r["curve"][0]["epoch"] == 1 and "valid" in r["curve"][0] for r in a["runs"]), f"{a['label']}: curves")
        check(a["seconds_per_epoch"] > 0, f"{a['label']}: takes time")
        for task, metrics in all_of["better"].items():
            for metric, better in metrics.items():
                values = [r["tasks"][task][metric] for r in a["runs"]]
                s, b = a["tasks"][task][metric], baseline["tasks"][task][metric]
                good = near(s["mean"], statistics.mean(values)) and near(s["sd"], statistics.stdev(values)) and s["runs"] == 4
                good &= s["best"] == (max(values) if better > 0 else min(values) if better < 0 else None)
                if a is baseline or better == 0:
                    good &= s["gain"] is None and s["gain_low"] is None
                else:
                    good &= abs(s["gain"] - better * (s["mean"] - b["mean"])) < 1e-12 and s["gain_low"] <= s["gain"] <= s["gain_high"]
                check(good, f"{a['label']}, {task}.{metric}: summary of the runs", (values, s, b))


def runs_repeat(all_of):
    """A run is what train makes of its overrides."""
    for label in ("single-task", "mmoe"):
        a = by_label(all_of)[label]
        sets = [word for override in a["overrides"] for word in ("--set", override)]
        alone = run("train", "people.yaml", *QUICK, "--set", "data.test=test.csv", *sets, "--set", "train.seed=9", "--set", "train.data_seed=7", "--json", "-o", "alone.gw")
        lines = [json.loads(line) for line in alone.out.splitlines()]
        same(lines[-1]["test"]["tasks"]["rich"]["auc"], a["runs"][2]["tasks"]["rich"]["auc"], f"{label}: train repeats the run")
        same(without_seconds(lines[:-1]), without_seconds(a["runs"][2]["curve"]), f"{label}: and its curve")
        size = json.loads(run("inspect", "alone.gw", "--json").out)
        same((size["parameters"], size["multiply_adds"]), (a["parameters"], a["multiply_adds"]), f"{label}: sizes are those of inspect")


def tables_agree(all_of):
    scores, runs = table("out", "compare.csv"), table("out", "runs.csv")
    same(len(scores), 3 * sum(map(len, all_of["better"].values())), "compare.csv: a line per architecture, task and metric")
    same(len(runs), 12, "runs.csv: a line per run")
    for line in scores:
        s = by_label(all_of)[line["label"]]["tasks"][line["task"]][line["metric"]]
        pairs = [(line[key], s[key]) for key in ("mean", "low", "high", "sd", "best", "gain", "gain_low", "gain_high")]
        if not all((cell == "" and value is None) or (cell and float(cell) == value) for cell, value in pairs):
            check(False, f"compare.csv: {line['label']} {line['task']}.{line['metric']}", (line, s))
    found = {(line["label"], int(line["seed"])): line for line in runs}
    expected = by_label(all_of)["mmoe"]["runs"][1]
    same(float(found["mmoe", 8]["age.rmse"]), expected["tasks"]["age"]["rmse"], "runs.csv has the metrics")
    same((found["mmoe", 8]["outcome"], found["mmoe", 8]["epochs"], found["mmoe", 8]["problem"]), ("done", "2", ""), "runs.csv has the outcome")


def page():
    """The report: of the same numbers, whatever names and texts are."""
    text = read("out/report.html").decode()
    check(text.startswith("<!DOCTYPE html>") and "<script" not in text, "the report is a page without script")
    for part in (">people</h1>", "3 architectures compared", "shared-bottom", "train.epochs=2", "7 to 10", "Gain over single-task", "test rows"):
        check(part in text, f"the page has '{part}'", text[-4000:])
    check("Intervals are over seeds alone: all runs have the same rows" in text and "Early stopping chose" not in text, "it says what intervals are over")
    shown = by_label(result("out"))["mmoe"]["tasks"]["rich"]["auc"]["mean"]
    check(f">{shown:.4f}" in text, "and the mean", shown)
    succeeds("a label may be anything", "compare", "people.yaml", "--architectures", "<b>&\"=mmoe", "--runs", "1", *QUICK, "-o", "odd")
    odd = read("odd/report.html").decode()
    check("<b>" not in odd and list(by_label(result("odd"))) == ["single-task", '<b>&"'], "and does nothing on the page")
    check("<dt>seed</dt><dd>7</dd>" in odd and "<dt>seeds</dt><dd>7 to 10</dd>" in text and "over seeds alone" not in odd, "one run has one seed, and no interval", odd[:3000])
    succeeds("one architecture", "compare", "people.yaml", "--architectures", "mmoe", "--baseline", "none", "--runs", "1", *QUICK, "-o", "odd")
    check("1 architecture compared" in read("odd/report.html").decode(), "is one")


def checked(path, links, title):
    """A page with everything that holds of every page."""
    page = read(path).decode("utf-8")
    root = parse(page, title)
    if root is not None:
        self_contained(page, root, title, links)
        drawings_are_named(root, title)
        numbers_are_finite(page, title)
    return root


def text_of(element):
    return " ".join("".join(element.itertext()).split())


def warnings_of(root, title):
    """What the page warns of, in its section of health; all is well only if that is nothing."""
    health = next((section for section in root.iter("section") if section.get("id") == "health"), None)
    told = [] if health is None else [text_of(item) for item in health.findall("./ul[@class='warnings']/li")]
    check(not told or "Nothing to warn of" not in text_of(root), f"{title}: no all-clear beside warnings", told)
    return told


def learning_curves():
    """The page's means are those of the runs that have the epoch."""
    stop = ["--set", "train.epochs=12", "--set", "train.early_stop={patience: 1, metric: loss}", "--set", "train.optimizer.lr=0.05"]
    succeeds("runs of different length", "compare", "people.yaml", "--architectures", "mmoe", "--runs", "4", *stop, "-o", "lengths")
    lengths = {r["epochs"] for a in result("lengths")["architectures"] for r in a["runs"]}
    check(len(lengths) > 1, "early stopping ends them one by one", lengths)
    root = checked("lengths/report.html", ["single-task.html", "mmoe.html"], "their page")
    check("The validation loss by epoch" in text_of(root) and "those runs that went on" in text_of(root), "it says what the curves are")
    check("measured on the validation rows. Early stopping chose the epochs by these rows" in text_of(root), "and that the rows chose the epochs", text_of(root)[:3000])
    for title, where, part, arguments in (("one of them", "some", True, ["--set-for", "mmoe:train.early_stop=loss"]), ("a test", "tested", False, [*stop, "--set", "data.test=test.csv"])):
        succeeds(f"early stopping of {title}", "compare", "people.yaml", "--architectures", "mmoe", "--runs", "1", *QUICK, *arguments, "-o", where)
        same("Early stopping chose epochs of some architectures by these rows" in read(f"{where}/report.html").decode(), part, "is told where it matters")
        check("Early stopping chose the epochs" not in read(f"{where}/report.html").decode(), "and only there")
    figure = next(f for f in root.iter("figure") if f.find("details/summary") is not None and text_of(f.find(".//h3")) == "rich")
    table = [[text_of(cell) for cell in row] for row in figure.find(".//tbody")]
    same(len(table), max(lengths), "as long as the longest")
    for column, a in enumerate(result("lengths")["architectures"], 1):
        for epoch in range(max(lengths)):
            losses = [r["curve"][epoch]["valid"]["tasks"]["rich"]["loss"] for r in a["runs"] if r["epochs"] > epoch]
            shown = f"{statistics.mean(losses):.4f}" if losses else ""
            if shown != table[epoch][column]:
                check(False, f"{a['label']}: the mean of epoch {epoch + 1}", (shown, table[epoch]))
    succeeds("without a validation part", "compare", "people.yaml", "--architectures", "mmoe", "--runs", "2", *QUICK, "--set", "data.valid=null", "--set", "data.test=test.csv",
             "-o", "unseen")
    root = checked("unseen/report.html", ["single-task.html", "mmoe.html"], "the page without one")
    table = next(f for f in root.iter("figure") if f.find("details/summary") is not None).find(".//tbody")
    first = statistics.mean(r["curve"][0]["train"]["tasks"]["rich"]["loss"] for r in by_label(result("unseen"))["mmoe"]["runs"])
    check("The training loss by epoch" in text_of(root) and text_of(table[0][2]) == f"{first:.4f}", "curves are of training", (first, text_of(table)))


def single_pages():
    """Of each architecture its first run, as train --report shows it."""
    links = [f"{name}.html" for name in by_label(result("out"))]
    root = checked("out/report.html", links, "the page of all")
    same([a.get("href") for a in root.find(".//section").iter("a")], links, "names lead to pages")
    check("leads to a page of its run with seed 7" in text_of(root), "and it says of which run")
    for name in links:
        page = checked("out/" + name, ["report.html"], name)
        same([a.get("href") for a in page.find(".//header").iter("a")], ["report.html"], f"{name}: the way back")
    a = by_label(result("out"))["mmoe"]
    sets = [word for override in a["overrides"] for word in ("--set", override)]
    run("train", "people.yaml", *QUICK, "--set", "data.test=test.csv", *sets, "--set", "train.seed=7", "--set", "train.data_seed=7", "-o", "one.gw", "--report", "one.html")
    alone = read("one.html").decode().split("<nav")[1]
    same(read("out/mmoe.html").decode().split("<nav")[1], alone, "a page has what train --report writes")
    check("<title>people: mmoe</title>" in read("out/mmoe.html").decode(), "under its label")


def page_names():
    labels = {"report": "report-2", "../up": "_._up", "a b": "a_b", "A_b": "A_b-2", "<b>&": "_b__", "-x": "_x", "größe": "gr____e", "x" * 80: "x" * 64, "x" * 81: "x" * 64 + "-2", "a.b-c": "a.b-c"}
    succeeds("labels become names of files", "compare", "people.yaml", "--architectures", ",".join(f"{label}=mmoe" for label in labels), "--baseline", "none", "--runs", "1",
             *QUICK, "-o", "names/")
    same(listing("names"), files(*labels.values()), "which are safe and differ")
    links = [name + ".html" for name in labels.values()]
    root = checked("names/report.html", links, "their page")
    same([a.get("href") for a in root.find(".//section").iter("a")], links, "and leads to each")
    checked("names/_b__.html", ["report.html"], "a page with a hostile label")
    for name in ("report.html", "_b__.html"):
        for width in (390, 1280):
            look("names/" + name, width, f"names/{name}")


def pages_of_others():
    """A page takes the place of such a page only."""
    base = ["compare", "people.yaml", "--architectures", "mmoe", "--runs", "1", *QUICK, "-o", "taken"]
    os.mkdir("taken")
    write("taken/mmoe.html", "<p>mine</p>")
    fails("a page of others is not replaced", 2, ["taken/mmoe.html", "no page of a comparison", "hint"], *base)
    same((listing("taken"), read("taken/mmoe.html")), (["mmoe.html"], b"<p>mine</p>"), "it is as it was, and nothing beside it")
    succeeds("nor is that of a single run", "train", "people.yaml", *QUICK, "-o", "one.gw", "--report", "taken/mmoe.html")
    fails("which is somebody's", 2, ["no page of a comparison"], *base)
    os.remove("taken/mmoe.html")
    succeeds("without it", *base)
    succeeds("pages of an earlier comparison are replaced", *base, "--set", "train.seed=9")
    check("with seed 9" in read("taken/report.html").decode() and "<dd>9</dd>" in read("taken/mmoe.html").decode(), "by new ones")


def pages_left():
    """Pages of an earlier comparison go with it, and nothing else does."""
    base = ["compare", "people.yaml", "--runs", "2", *QUICK, "-o", "left"]
    succeeds("an earlier comparison", *base, "--architectures", "mmoe,cgc,old=ple")
    same(listing("left"), files("single-task", "mmoe", "cgc", "old"), "has its pages")
    ours = read("left/mmoe.html")
    foreign = {"notes.html": b"<p>mine</p>", "mmoe (copy).html": ours, "-x.html": ours, "mmoe.htm": ours, "empty.html": b""}
    for name, content in foreign.items():
        write("left/" + name, content)
    write("kept.html", ours)
    os.symlink("../kept.html", "left/link.html")
    os.mkdir("left/folder.html")
    write("left/folder.html/mmoe.html", ours)
    found = succeeds("another one", *base, "--architectures", "mmoe,wild=cgc,CGC=cgc", "--set-for", "wild:train.optimizer={name: sgd, lr: 1e30}")
    same(listing("left"), sorted(files("single-task", "mmoe", "CGC") + list(foreign) + ["link.html", "folder.html"]), "leaves no page that is not its own, and all other files")
    same({name: read("left/" + name) for name in foreign}, foreign, "as they are")
    check(read("kept.html") == ours and listing("left/folder.html") == ["mmoe.html"], "also behind links and in folders", found)
    fails("without a run that is done", 1, ["finite"], *base, "--architectures", "ple", "--baseline", "none", "--set", "train.optimizer={name: sgd, lr: 1e30}")
    check("CGC.html" in listing("left"), "pages stay with their comparison")
    fails_first = ["--set-for", "mmoe:train.optimizer={name: sgd, lr: 1e30}"]
    succeeds("where the first run is not done", *base, "--architectures", "mmoe,ple", *fails_first)
    check("mmoe.html" not in listing("left") and "ple.html" in listing("left"), "the page of an earlier one does not stand for it", listing("left"))
    write("left/mmoe.html", ours)
    process = subprocess.run([COMMAND, *base[:2], "--architectures", "mmoe", *base[2:-1], "left/"], cwd=".", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    same((process.returncode, listing("left")), (0, sorted(files("single-task", "mmoe") + list(foreign) + ["link.html", "folder.html"])), "the same with a slash behind the folder")


def overall():
    """Tasks of one metric have a mean."""
    header, *rows = people(300).splitlines()
    write("busy.csv", "\n".join([header + ",busy"] + [f"{row},{int('red' in row)}" for row in rows]) + "\n")
    tasks = ["--set", "tasks.job=null", "--set", "tasks.age=null", "--set", "features.ignore=[id, job, age]", "--set", "tasks.busy=binary"]
    found = succeeds("tasks of one metric", "compare", "people.yaml", *tasks, "--set", "data.train=busy.csv", "--architectures", "mmoe",
                     "--runs", "4", *QUICK, "-o", "busy")
    entries = by_label(result("busy"))
    means = {label: [(r["tasks"]["rich"]["auc"] + r["tasks"]["busy"]["auc"]) / 2 for r in a["runs"]] for label, a in entries.items()}
    s = entries["mmoe"]["overall"]
    check(near(s["mean"], statistics.mean(means["mmoe"])) and near(s["sd"], statistics.stdev(means["mmoe"])) and
          near(s["gain"], statistics.mean(means["mmoe"]) - statistics.mean(means["single-task"])) and s["gain_low"] < s["gain"] < s["gain_high"], "have a mean", (s, means))
    check("mean of all tasks: auc" in found.out and "mean gain" in read("busy/report.html").decode() and "mean gain" not in read("out/report.html").decode() and result("out")["architectures"][0]["overall"] is None, "and others have not", found)


def screen_rows(out, head):
    """The rows below a table's title, as cells."""
    lines = out.split(f"\n{head}")[1].splitlines()[2:]
    return [re.split(r"  +", line.strip()) for line in lines[:next((i for i, line in enumerate(lines) if not line.strip()), len(lines))]]


def digits():
    """All numbers of a task have as many decimals as tell its runs apart, as on the page."""
    header, *rows = (line.rsplit(",", 2) for line in people(300).splitlines())
    for title, by in (("large values", 1e6), ("small values", 1e-6), ("values as they are", 1)):
        write("scaled.csv", "\n".join(",".join(row) for row in [header] + [[rest, age and str(float(age) * by), job] for rest, age, job in rows]) + "\n")
        found = succeeds(title, "compare", "people.yaml", "--set", "data.train=scaled.csv", "--set", f"tasks.age.weight={by ** -2}", "--architectures", "mmoe,cgc", "--runs", "4", *QUICK, "-o", "digits")
        shown = screen_rows(found.out, "age: rmse")
        numbers = [word for row in shown for cell in row[1:] for word in cell.split(" to ")]
        check(len(shown) == 3 and all(re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", word) for word in numbers), f"{title}: no exponents", found.out)
        decimals = {len(word.partition(".")[2]) for word in numbers if float(word) != 0 and len(word.lstrip("+-0.").replace(".", "")) > 1}
        check(len(decimals) == 1, f"{title}: as many decimals for all", shown)
        for row, a in zip(shown, result("digits")["architectures"]):
            s = a["tasks"]["age"]["rmse"]
            check(math.isclose(float(row[1]), s["mean"], rel_tol=1e-3) and math.isclose(float(row[2]), s["sd"], rel_tol=0.5), f"{title}: {a['label']}: four digits of a mean, and its spread", (row, s))
        page = parse(read("digits/report.html").decode(), title)
        cells = [[text_of(cell).replace("\u2212", "-") for cell in row][1:4] for row in page.find(".//div[@aria-label='age']/table[@class='results']/tbody")]
        same(cells, [row[1:4] for row in shown], f"{title}: as on the page")


def threads():
    arguments = ["--architectures", "mmoe,ple", "--runs", "3", *QUICK]
    found = []
    for n in (1, 2, 5):
        found.append(succeeds(f"with {n} threads", "compare", "people.yaml", *arguments, "--threads", n, "-o", f"t{n}", "--json"))
        same(json.loads(found[-1].out), result(f"t{n}"), f"{n} threads: --json prints compare.json")
        same(without_seconds(result(f"t{n}")), without_seconds(result("t1")), f"{n} threads: the same as one")
        same([name for name in listing("t1") if name.endswith(".html") and read(f"t{n}/{name}") != read(f"t1/{name}")], [], f"{n} threads: the same pages")
    same(result("t1")["part"], "valid", "without data.test the validation part is compared")


def labels_and_baselines():
    found = succeeds("labels tell entries apart", "compare", "people.yaml", "--architectures", "few=mmoe,many=mmoe", "--set-for", "many:model.experts.count=9",
                     "--set-for", "few:model.experts.count=2", "--set-for", "many:train.optimizer.lr=0.02", "--baseline", "few", "--runs", "2", *QUICK, "-o", "labels")
    entries = by_label(result("labels"))
    same(list(entries), ["few", "many"], "a listed baseline adds nothing")
    check(entries["many"]["dense_parameters"] > entries["few"]["dense_parameters"], "each has its overrides", entries.keys())
    same(entries["many"]["overrides"], ["model.architecture=mmoe", "model.experts.count=9", "train.optimizer.lr=0.02"], "in their order")
    check("gain: over few" in found.out and entries["many"]["tasks"]["rich"]["auc"]["gain"] is not None, "gains are over it", found)
    succeeds("an override may change the architecture, too", "compare", "people.yaml", "--architectures", "a=mmoe", "--set-for", "a:model={architecture: ple}", "--baseline",
             "none", "--runs", "1", *QUICK, "-o", "labels")
    same(by_label(result("labels"))["a"]["architecture"], "ple", "and is called what it is")
    succeeds("an architecture is a baseline", "compare", "people.yaml", "--architectures", "mmoe", "--baseline", "omoe", "--runs", "1", *QUICK, "-o", "labels")
    same(list(by_label(result("labels"))), ["omoe", "mmoe"], "which takes part")
    found = succeeds("no baseline", "compare", "people.yaml", "--architectures", "mmoe", "--baseline", "none", "--runs", "1", *QUICK, "-o", "labels")
    same((list(by_label(result("labels"))), result("labels")["baseline"]), (["mmoe"], None), "is none")
    check("gain: over" not in found.out, "and no gain is promised", found)
    fails("no label is another architecture's name", 2, ["'single-task'", "another architecture", "my-single-task=ple"], "compare", "people.yaml", "--architectures",
          "single-task=ple,mmoe", "-o", "labels")
    fails("nor has it a colon", 2, ["without ':'", "a:b=mmoe"], "compare", "people.yaml", "--architectures", "a:b=mmoe", "-o", "labels")


def every_architecture():
    """Whatever the spec's own architecture is, all others and its twin can be made of it, and parameters match."""
    own = {"mmoe": [], "ple": ["--set", "model.levels=2", "--set", "model.experts.hidden=[[12], [8, 6]]", "--set", "model.gates.hidden=[[4], []]"], "home": [],
           "cross-stitch": [], "aitm": []}
    for name, sets in own.items():
        found = succeeds(f"of a spec for {name}", "compare", "people.yaml", "--set", f"model.architecture={name}", *sets, "--architectures", EVERY, "--runs", "1",
                         "--set", "train.epochs=1", "--set", "model.experts.hidden=[24, 16]" if not sets else "train.batch=64", "--match-parameters", "-o", "every")
        all_of = result("every")
        target = all_of["match_parameters"]
        for a in all_of["architectures"]:
            gap = (a["dense_parameters"] - target) / target
            told = f"warning: {a['label']}: {a['dense_parameters']} dense parameters instead of {target}" in found.err
            check(near(a["gap"], gap) and told == (abs(gap) > 0.05) and abs(gap) < 0.2, f"{name}: {a['label']} has {a['dense_parameters']} parameters of {target}", found.err)
        same(by_label(all_of)[name]["gap"] if name in by_label(all_of) else 0, 0, f"{name} itself is as it is")


def twins():
    """The twin has the spec's layers, whatever the spec's architecture."""
    compare("--architectures", "mmoe", "--set", "model={architecture: ple, levels: 2, experts: {hidden: [[12], [8, 6]], activation: tanh}, towers: {hidden: [5]}}",
            "--runs", "1", *QUICK, "-o", "twin")
    twin = by_label(result("twin"))["single-task"]
    sets = [word for override in twin["overrides"] for word in ("--set", override)]
    described = json.loads(run("inspect", "people.yaml", *sets, "--json").out)
    same([[layer[0] for layer in e["layers"]] for e in described["levels"][0]["experts"]], [[12, 8, 6]] * 3, "the twin is as deep as a path through the network")
    same([[layer[0] for layer in t["layers"]] for t in described["towers"]], [[5, 1], [5, 1], [5, 3]], "with the same towers")
    check("model.experts.activation=tanh" in twin["overrides"], "and activation", twin["overrides"])


def unmatched():
    write("number.csv", "x,y\n" + "".join(f"{i % 7},{i % 3}\n" for i in range(60)))
    write("number.yaml", "data: {train: number.csv, valid: {fraction: 0.3}}\ntasks: {y: regression}\nmodel: {architecture: moe, experts: {count: 2, hidden: [1]}, towers: {hidden: []}}\n"
                         "train: {epochs: 1}\n")
    found = succeeds("what cannot be matched", "compare", "number.yaml", "--architectures", "mmoe", "--set-for", "mmoe:model.experts.count=64", "--match-parameters",
                     "--runs", "1", "-o", "un")
    a = by_label(result("un"))["mmoe"]
    check(a["gap"] > 1 and f"warning: mmoe: {a['dense_parameters']} dense parameters instead of {result('un')['match_parameters']}" in found.err, "is told", found.err)
    told = warnings_of(parse(read("un/report.html").decode(), "un"), "what cannot be matched")
    check(any(w.startswith(f"mmoe: {a['dense_parameters']} dense parameters instead of") for w in told), "on the page, too", told)


def failing_runs():
    found = succeeds("runs that diverge are counted", "compare", "people.yaml", "--architectures", "mmoe,wild=mmoe", "--set-for", "wild:train.optimizer={name: sgd, lr: 1e30}",
                     "--runs", "2", *QUICK, "-o", "wild")
    wild = by_label(result("wild"))["wild"]
    same((wild["done"], wild["failed"], wild["tasks"]["rich"]["auc"]["mean"], wild["tasks"]["rich"]["auc"]["gain"]), (0, 2, None, None), "they are in no mean")
    check("finite" in wild["runs"][0]["problem"] and wild["runs"][0]["outcome"] == "failed", "and say why", wild["runs"][0])
    same([r["outcome"] for r in table("wild", "runs.csv")], ["done"] * 4 + ["failed"] * 2, "runs.csv has them")
    root = checked("wild/report.html", ["single-task.html", "mmoe.html"], "the page with runs that failed")
    same([a.get("href") for a in root.find(".//section").iter("a")], ["single-task.html", "mmoe.html"], "leads to no page of what has none")
    check("0 of 2" in text_of(root) and f"2 failed (100 %): {wild['runs'][0]['problem']}" in text_of(root) and "interrupted" not in text_of(root), "but says why", text_of(root)[:2000])
    told = warnings_of(root, "runs that failed")
    check(f"wild: 2 of 2 runs failed; the first, seed 7: {wild['runs'][0]['problem']}" in told and not any(w.startswith("mmoe: ") and "failed" in w for w in told), "health tells of them", told)
    succeeds("nobody looks at runs that fail", "compare", "people.yaml", "--architectures", "wild=mmoe", "--set-for", "wild:train.optimizer={name: sgd, lr: 1e30}", "--runs", "1", *QUICK,
             "--health", "off", "-o", "wild")
    told = warnings_of(parse(read("wild/report.html").decode(), "wild"), "without a look")
    check(any(w.startswith("wild: 1 of 1 run failed; the first, seed 7: ") for w in told), "but they are told of", told)
    same(listing("wild"), files("single-task"), "and have no page")
    check("4 of 6 runs are in the table" in found.out and "wild, seed 8: epoch 1" in found.err, "the screen says it", found)
    before = listing()
    fails("if none comes to an end, it fails", 1, ["none of the 2 runs", "finite"], "compare", "people.yaml", "--architectures", "mmoe", "--baseline", "none", "--runs", "2",
          "--set", "train.optimizer={name: sgd, lr: 1e30}", "-o", "nothing")
    write("bad.csv", people(50).replace("Lima,", "Lima,zzz", 1))
    fails("so it does with a bad table", 1, ["gatewright: bad.csv:9: column 'hours'", "seed 8: failed\n"], "compare", "people.yaml", "--architectures", "mmoe", "--runs", "2",
          "--set", "data.train=bad.csv", "-o", "nothing")
    same([name for name in listing() if name not in before], ["bad.csv"], "and nothing is written")


def constant_runs():
    write("noise.csv", "x,y\n" + "".join(f"{(i * 7919) % 101},{(i * 104729) % 97}\n" for i in range(200)))
    write("noise.yaml", "data: {train: noise.csv, valid: {fraction: 0.3}}\ntasks: {y: regression}\nmodel: {experts: {count: 2, hidden: [4]}}\ntrain: {epochs: 1}\n")
    found = succeeds("runs that learn nothing", "compare", "noise.yaml", "--architectures", "mmoe", "--runs", "2", "-o", "noise")
    same([a["bad"]["y"] for a in result("noise")["architectures"]], [2, 2], "are called bad")
    check("bad: runs that predict no better than a constant" in found.out, "and explained", found)
    told = warnings_of(checked("noise/report.html", ["single-task.html", "mmoe.html"], "their page"), "runs that learn nothing")
    same([w for w in told if "constant" in w], [f"{label}: no better than a constant: 2 runs on y" for label in ("single-task", "mmoe")], "and told of on the page")


def unlabelled():
    """A task without labels in the rows that are compared: said, and not drawn."""
    header, *rows = (line.rsplit(",", 2) for line in people(60, seed=3).splitlines())
    same(header[1:], ["age", "job"], "the last columns")
    write("ageless.csv", "\n".join(",".join(row) for row in [header] + [[rest, "", job] for rest, _, job in rows]) + "\n")
    succeeds("a task without labels", "compare", "people.yaml", "--set", "data.test=ageless.csv", "--set", "tasks.job=null", "--set", "features.ignore=[id, job]",
             "--architectures", "mmoe", "--runs", "2", *QUICK, "-o", "ageless")
    root = checked("ageless/report.html", ["single-task.html", "mmoe.html"], "its page")
    text = text_of(root)
    check("There is none on age: these rows have no label of it" in text and "No run has a value" in text, "says so", text[:3000])
    same([h.text for h in root.iter("h3")].count("Both tasks together"), 0, "and has no picture of both tasks")
    same(len([svg for svg in root.iter("svg") if "gain of each" in svg.get("aria-label")]), 1, "nor of its gains")


def warned():
    """Warnings are counted by runs; health's figures are in the curves."""
    found = succeeds("runs are looked at", "compare", "people.yaml", "--architectures", "mmoe", "--runs", "6", *QUICK, "--set", "train.optimizer.lr=3", "--health", "every",
                     "-o", "warned")
    entries = by_label(result("warned"))
    for label, a in entries.items():
        kinds = [{w["kind"] for e in r["curve"] for w in e.get("warnings", [])} for r in a["runs"]]
        same(a["warnings"], {kind: sum(kind in k for k in kinds) for kind in a["warnings"]}, f"{label}: warnings are counted")
        same(set(a["warnings"]), set().union(*kinds), f"{label}: all of them")
        check(all("health" in e for r in a["runs"] for e in r["curve"]), f"{label}: health is in the curves")
    told = [(label, kind, n) for label, a in entries.items() for kind, n in a["warnings"].items()]
    check(told and all(f"{kind} in {n}" in found.out for _, kind, n in told), "the screen has them", found)
    check(all(kind in read("warned/report.html").decode() for _, kind, _ in told), "and the page")
    first = {}
    for label, a in entries.items():
        for seed, w in ((r["seed"], w) for r in a["runs"] for e in r["curve"] for w in e.get("warnings", [])):
            first.setdefault(w["kind"], f"{label}, seed {seed}: {w['text']}")
    shown = warnings_of(checked("warned/report.html", [f"{label}.html" for label in entries], "their page"), "warned runs")
    check(len(first) > 1 and shown[-len(first):] == list(first.values()), "which has the first of each kind in words, in the order in which they come up", (first, shown))
    texts = {label: {w["text"] for r in a["runs"] for e in r["curve"] for w in e.get("warnings", [])} for label, a in entries.items()}
    same([len(re.findall(f"warning: {label}, seed [0-9]+: ", found.err)) for label in entries], [min(3, len(texts[label])) for label in entries], "few are told while they run")
    said = {label: {(r["seed"], w["text"]) for r in a["runs"] for e in r["curve"] for w in e.get("warnings", [])} for label, a in entries.items()}
    check(all((int(seed), text) in said[label] for label, seed, text in re.findall(r"^warning: (\S+), seed ([0-9]+): (.*)$", found.err, re.MULTILINE)), "each with a run that has it", found.err)
    silent = sum(max(0, len(t) - 3) for t in texts.values())
    check(silent > 0 and f"note: {silent} more warnings like these\n" in found.err, "and it is said how many are not", (silent, found.err))
    succeeds("nobody looks", "compare", "people.yaml", "--architectures", "mmoe", "--runs", "1", *QUICK, "--health", "off", "-o", "warned")
    check(not any("health" in e for a in result("warned")["architectures"] for r in a["runs"] for e in r["curve"]), "with --health off")
    check("Nothing to warn of" not in read("warned/report.html").decode(), "and nobody says that all is well")


def hear(process, enough):
    """What a command says, up to the line after which it is enough."""
    seen = b""
    while not enough(seen):
        line = process.stderr.readline()
        if not line:
            break
        seen += line
    return seen


def interrupted():
    process = subprocess.Popen([COMMAND, "compare", "people.yaml", "--architectures", "short=mmoe,long=mmoe", "--baseline", "none", "--set-for", "short:train.epochs=1",
                                "--set-for", "long:train.epochs=1000000", "--runs", "2", "--threads", "4", "-o", "stopped"],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    seen = hear(process, lambda seen: seen.count(b": done\n") == 2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    err = (seen + err).decode()
    same(process.returncode, 130, "Ctrl-C ends with 130")
    check("canceled when 2 of 4 runs were done" in err and not any(mark in err for mark in SANITIZER_MARKS), "and says how far it was", err)
    found = by_label(result("stopped"))
    same([[r["outcome"] for r in a["runs"]] for a in found.values()], [["done"] * 2, ["canceled"] * 2], "runs have their outcome")
    same([(a["done"], a["canceled"]) for a in found.values()], [(2, 0), (0, 2)], "what is done is written")
    shown = read("stopped/report.html").decode()
    check("The comparison was interrupted: 2 of its 4 runs were canceled." in shown and "2 canceled" in shown and "failed (" not in shown, "the page says so")
    check("long: 2 of 2 runs were canceled" in warnings_of(parse(shown, "interrupted"), "interrupted"), "and warns of it", shown)
    check(b"2 of 4 runs are in the table" in out, "and printed", out)
    check("long, seed" not in err, "and the others are not told one by one", err)

    before = listing()
    process = subprocess.Popen([COMMAND, "compare", "people.yaml", "--architectures", "mmoe", "--set", "train.epochs=1000000", "-o", "never"],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    same((process.returncode, out), (130, b""), "without a run that is done nothing is printed")
    check(b"nothing to compare" in err, "but said", err)
    same(listing(), before, "and nothing written")


def bounded():
    """Runs of which one is far off: an interval of a mean is within what the metric can be; that of a gain is within how far apart two of them can be, or it is said that there is none."""
    sets = ["--set", "train.optimizer={name: sgd, lr: 0.3}", "--set", "train.epochs=4"]
    found = succeeds("runs that differ a lot", "compare", "people.yaml", "--architectures", "mmoe,ple", "--runs", 4, *sets, "-o", "wide")
    wide = result("wide")
    limits = {"auc": (0, 1), "gauc": (0, 1), "accuracy": (0, 1), "ece": (0, 1), "r2": (-math.inf, 1)}
    cut = 0
    for a in wide["architectures"]:
        for task, metrics in a["tasks"].items():
            for metric, s in metrics.items():
                least, most = limits.get(metric, (0, math.inf))
                if s["low"] is None:
                    continue
                cut += s["low"] == least or s["high"] == most
                check(least <= s["low"] <= s["mean"] + 1e-12 and s["mean"] - 1e-12 <= s["high"] <= most, f"{a['label']}, {task}.{metric}: bounded", s)
                if s["gain_low"] is not None:
                    check(least - most <= s["gain_low"] <= s["gain"] <= s["gain_high"] <= most - least, f"{a['label']}, {task}.{metric}: its gain, too", s)
    check(cut > 0, "some are cut", found)
    found = succeeds("two runs", "compare", "people.yaml", "--architectures", "mmoe", "--runs", 2, *QUICK, "-o", "two")
    check("\n-: too few runs" in found.out, "a gain without an interval is explained", found)
    check("too few runs" not in succeeds("without gains", "compare", "people.yaml", "--architectures", "mmoe", "--baseline", "none", "--runs", 2, *QUICK, "-o", "two").out, "where there is one")


def stop_when(folder, told, *arguments):
    """Ctrl-C as soon as the command has told all of `told`. What it printed, and what it wrote by label."""
    process = subprocess.Popen([COMMAND, "compare", "people.yaml", *arguments, "-o", folder], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    seen = hear(process, lambda seen: all(part in seen for part in told))
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    check(process.returncode == 130, f"{folder}: Ctrl-C ends with 130", (seen + err).decode())
    return out.decode(), by_label(result(folder))


def epochs_of(*pairs):
    return [word for label, n in pairs for word in ("--set-for", f"{label}:train.epochs={n}")]


def interrupted_early():
    """Seed by seed: what is interrupted has the first seeds of all. What is canceled warns of nothing."""
    _, found = stop_when("early", [b"short, seed 7: done", b"single-task, seed 7: done", b"warning: last"], "--architectures", "last=ple,short=mmoe,single-task",
                         *epochs_of(("single-task", 1), ("short", 2), ("last", 1000000)), "--runs", "3", "--threads", "2", "--health", "every", "--set", "train.optimizer.lr=3")
    same([[r["outcome"] for r in found[label]["runs"]] for label in ("short", "single-task")], [["done", "canceled", "canceled"]] * 2, "the first seed of the others is done")
    check(found["short"]["tasks"]["rich"]["auc"]["gain"] is not None, "so that there is a gain", found["short"]["tasks"])
    check(any(e.get("warnings") for r in found["last"]["runs"] for e in r["curve"]), "a canceled run was warned", found["last"]["runs"][0]["curve"][:2])
    same((found["last"]["done"], found["last"]["warnings"]), (0, {}), "which is not counted")


def interrupted_before_others():
    """The first stops early, the second never ends, the third has not begun: its sizes are unknown."""
    out, found = stop_when("unbegun", [b"first, seed 7: done"], "--architectures", "first=mmoe,second=mmoe,third=mmoe", "--baseline", "none",
                           *epochs_of(("first", 1000000), ("second", 999999), ("third", 1)), "--set-for", "first:train.early_stop={metric: mean, patience: 1}",
                           "--set-for", "first:train.optimizer={name: sgd, lr: 0}", "--runs", "1", "--threads", "1")
    sizes = ("parameters", "dense_parameters", "multiply_adds")
    same([found["third"][key] for key in sizes], [None] * 3, "what has not begun has no sizes")
    check(all(found["first"][key] > 0 for key in sizes), "what has does", found["first"])
    same([line[key] for key in sizes for line in table("unbegun", "compare.csv") if line["label"] == "third"][0], "", "they are empty in compare.csv")
    same(next(line.split() for line in out.splitlines() if line.split()[:1] == ["third"])[:4], ["third", "-", "-", "-"], "and a dash on the screen")


def refused():
    base = ["compare", "people.yaml"]
    for title, parts, arguments in (
            ("an unknown architecture", ["unknown architecture 'mmoee'", "did you mean 'mmoe'?"], ["--architectures", "mmoe,mmoee"]),
            ("one that is like nothing", ["unknown architecture 'qqqqqq'", "there are single-task, "], ["--architectures", "qqqqqq"]),
            ("the same twice", ["'mmoe' stands there twice", "=mmoe"], ["--architectures", "mmoe,mmoe"]),
            ("a label without a name", ["'--architectures'", "'big='"], ["--architectures", "big="]),
            ("no architecture", ["--architectures", "is missing"], []),
            ("no run", ["'--runs'"], ["--architectures", "mmoe", "--runs", "0"]),
            ("--set-for of what is not compared", ["'ple' is none of"], ["--architectures", "mmoe", "--set-for", "ple:model.levels=3"]),
            ("--set-for of a misspelt label", ["did you mean 'mmoe'?"], ["--architectures", "mmoe", "--set-for", "mmo:model.levels=3"]),
            ("--set-for without a label", ["LABEL:KEY.PATH=VALUE"], ["--architectures", "mmoe", "--set-for", "model.levels=3"]),
            ("other rows for one", ["'mmoe'", "data.train=x.csv", "in common"], ["--architectures", "mmoe", "--set-for", "mmoe:data.train=x.csv"]),
            ("another seed for one", ["train.seed=3", "in common"], ["--architectures", "mmoe", "--set-for", "mmoe:train.seed=3"]),
            ("a key that is wrong for one", ["'mmoe': ", "model.expert", "did you mean"], ["--architectures", "mmoe", "--set-for", "mmoe:model.expert.count=3"]),
            ("a key that is wrong for all", ["--set model.expert.count=3"], ["--architectures", "mmoe", "--set", "model.expert.count=3"]),
            ("an architecture for one task", ["'moe': ", "for one task"], ["--architectures", "moe"]),
            ("an unknown baseline", ["baseline 'bogus'"], ["--architectures", "a=mmoe", "--baseline", "bogus"]),
            ("a misspelt baseline", ["did you mean 'first'?"], ["--architectures", "first=mmoe", "--baseline", "frist"]),
            ("nothing to measure on", ["'data.test'", "'data.valid'", "hint"], ["--architectures", "mmoe", "--set", "data.valid=null"]),
            ("parameters of a pipe", ["standard input"], ["--architectures", "mmoe", "--match-parameters", "--set", 'data.train="-"']),
            ("an empty validation part", ["'data.valid' picks no row", "hint"],
             ["--architectures", "mmoe", "--match-parameters", "--set", "data.valid={fraction: 0.000001}"]),
            ("an empty folder name", ["empty"], ["--architectures", "mmoe", "-o", ""])):
        fails(f"{title} is refused", 2, parts, *base, *arguments)
    fails("a file for a folder is refused", 1, ["people.csv", "folder"], *base, "--architectures", "mmoe", "-o", "people.csv")
    fails("a folder in none is refused", 1, ["nowhere/x", "mkdir -p"], *base, "--architectures", "mmoe", "-o", "nowhere/x")
    check("compare" not in listing(), "nothing was written", listing())


def folders():
    os.mkdir("there")
    write("there/notes.txt", "mine")
    write("there/compare.csv", "old")
    succeeds("a folder that is there is used", "compare", "people.yaml", "--architectures", "mmoe", "--runs", "1", *QUICK, "-o", "there/")
    same(listing("there"), sorted(files("single-task", "mmoe") + ["notes.txt"]), "beside what is in it")
    check(read("there/compare.csv") != b"old" and read("there/notes.txt") == b"mine", "files of an earlier comparison are replaced, others are not")
    write("there/compare.json", read("people.yaml").replace(b"people.csv", b"../people.csv"))
    os.chdir("there")
    spec = json.dumps({"data": {"train": "../people.csv", "valid": {"fraction": 0.2}}, "features": {"ignore": ["id"]}, "tasks": {"rich": {"type": "binary"}}})
    write("compare.json", spec)
    fails("a spec is not replaced", 2, ["also the input", "compare.json"], "compare", "compare.json", "--architectures", "mmoe", "-o", ".")
    same(read("compare.json").decode(), spec, "it is as it was")
    os.chdir("..")
    os.makedirs("occupied/report.html")
    found = fails("a folder in a file's place is found before the runs", 1, ["occupied/report.html", "a folder has this name"], "compare", "people.yaml", "--architectures", "mmoe",
                  "--runs", "1", *QUICK, "-o", "occupied")
    check("1/2" not in found.err, "no run has begun", found)
    found = run("compare", "-", "--architectures", "mmoe", "--runs", "1", *QUICK, "--match-parameters", "-o", "piped", stdin=read("people.yaml"))
    check(found.code == 0 and listing("piped") == files("single-task", "mmoe"), "a spec may come from standard input", found)


def unwritten():
    """A disk that is full when all is done: the table is on the screen, and files of an earlier comparison are as they were."""
    arguments = ["compare", "people.yaml", "--architectures", "mmoe", "--runs", "1", *QUICK, "-o", "full"]
    succeeds("an earlier comparison", *arguments)
    before = {name: read(os.path.join("full", name)) for name in listing("full")}
    for title, more, shown in (("a full disk", [], "gain: over single-task"), ("a full disk, as JSON", ["--json"], '"architectures":[')):
        done = subprocess.run([COMMAND, *arguments, *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, check=False, restore_signals=False,
                              preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500)))
        out, err = done.stdout.decode(), done.stderr.decode()
        check(done.returncode == 1 and "gatewright: full/" in err and "wrote" not in err and not any(mark in err for mark in SANITIZER_MARKS), title, err)
        check(shown in out, f"{title}: what came of the runs is printed", out)
        same({name: read(os.path.join("full", name)) for name in listing("full")}, before, f"{title}: nothing is lost or half-written")


def documented():
    page = read(os.path.join(SOURCE, "docs", "compare.md")).decode()
    header = read("out/compare.csv").decode().splitlines()[0].split(",")
    check(all(f"`{name}`" in page for name in header), "docs/compare.md names the columns of compare.csv", header)
    same(result("out")["main"], {"rich": "auc", "age": "rmse", "job": "accuracy"}, "main metrics")
    for key in list(result("out")) + list(result("out")["architectures"][0]) + list(result("out")["architectures"][0]["runs"][0]):
        check(f'"{key}":' in page, f"docs/compare.md shows '{key}'")


main(whole_road, page, single_pages, learning_curves, page_names, pages_of_others, pages_left, overall, digits, threads, labels_and_baselines, twins, every_architecture,
     unmatched, failing_runs, constant_runs, unlabelled, bounded, warned, interrupted, interrupted_early, interrupted_before_others, refused, folders,
     unwritten, documented)
