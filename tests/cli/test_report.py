#!/usr/bin/env python3
"""train --report: a page that is whole, says what the run says, and is the same for any number of threads."""
import json
import os
import re
import signal
import subprocess

from cli_tap import COMMAND, check, fails, listing, main, people, read, run, same, small_world, succeeds, write
from page_tap import drawings_are_named, look, numbers_are_finite, parse, self_contained

RUN_SECTIONS = ["learning", "structure", "gates", "curves"]


def text_of(element):
    return " ".join("".join(element.itertext()).split())


def sections(root):
    return [section.get("id") for section in root.iter("section")]


def checked(path, title):
    """A page with everything that holds of every page."""
    page = read(path).decode("utf-8")
    root = parse(page, title)
    if root is not None:
        self_contained(page, root, title)
        drawings_are_named(root, title)
        numbers_are_finite(page, title)
    return root


def mean_gates(task):
    """Of m.gw on test.csv, expert by expert, from the rows' own gates."""
    rows = [line.split(",") for line in succeeds(f"the gates of {task}", "predict", "m.gw", "test.csv", "--gates").out.splitlines()]
    columns = [i for i, name in enumerate(rows[0]) if name.startswith(f"gate.0.{task}.")]
    return [sum(float(row[i]) for row in rows[1:]) / (len(rows) - 1) for i in columns]


def facts(root):
    return {text_of(fact.find("dt")): text_of(fact.find("dd")) for fact in root.find(".//dl").iter("div")}


def whole():
    small_world()
    write("test.csv", people(150, seed=5))
    spec = ["people.yaml", "--set", "data.test=test.csv"]
    found = succeeds("a run with a report", "train", *spec, "-o", "m.gw", "--report", "page.html")
    check("look at page.html" in found.err, "the page is named at the end", found.err)
    root = checked("page.html", "a run")
    same(sections(root), [s for s in sections(root) if s == "health"] + RUN_SECTIONS, "its sections")
    same(text_of(root.find(".//h1")), "people", "named after the spec")
    has = facts(root)
    same((has["rows to test"], has["epochs"], has["seed"], has["batch"]), ("150", "3", "7", "32"), "facts")
    evaluated = json.loads(succeeds("the model, evaluated", "evaluate", "m.gw", "test.csv", "--json").out)
    check(f"AUC {evaluated['tasks']['rich']['auc']:.4f}" in text_of(root), "AUC is that of the test rows")
    tables = {text_of(f.find(".//h3")): f for f in root.iter("figure") if f.find(".//h3") is not None}
    row = [[text_of(cell) for cell in tr] for tr in tables["age regression"].iter("tr") if tr[0].text == "rmse"][0]
    same(row[2], f"{evaluated['tasks']['age']['rmse']:.4g}", "so are metrics")
    heat = [[text_of(cell) for cell in tr] for tr in tables["Mean weights"].find(".//tbody").iter("tr")]
    same(heat, [[task] + [f"{weight:.2f}" for weight in mean_gates(task)] for task in ("rich", "age", "job")], "so are mean gates")
    spec_text = text_of(root.find(".//details/pre"))
    check('"architecture": "mmoe"' in spec_text and "people.csv" not in spec_text, "the spec is there, without paths")
    curves = [svg.get("aria-label") for svg in root.iter("svg")]
    epochs = [json.loads(line) for line in run("train", *spec, "-o", "m2.gw", "--json").out.splitlines() if '"epoch"' in line]
    last = epochs[-1]["train"]["tasks"]["rich"]["loss"]
    check(any(f"train {epochs[0]['train']['tasks']['rich']['loss']:.4f} after epoch 1, {last:.4f} after epoch 3" in label for label in curves), "curves are those of the epochs", curves)
    same(read("m.gw"), read("m2.gw"), "a report does not change the model")


def deterministic():
    small_world(700)
    for threads in (1, 2, 3):
        run("train", "people.yaml", "-o", "m.gw", "--report", f"t{threads}.html", "--threads", threads)
    check(read("t1.html") == read("t2.html") == read("t3.html"), "the page is the same for 1, 2 and 3 threads")


def roc_is_thinned():
    write("many.csv", people(3000, seed=2))
    succeeds("more rows than points", "train", "people.yaml", "--set", "data.train=many.csv", "--set", "train.epochs=1", "-o", "m.gw", "--report", "many.html")
    root = checked("many.html", "many rows")
    line = [path.get("d") for path in root.find(".//section[@id='curves']").iter("path") if path.get("class") == "line c1"][0]
    places = [tuple(map(float, place.split())) for place in re.findall(r"[ML]([^ML]+)", line)]
    check(40 < len(places) <= 203, "a ROC curve has a few hundred points", len(places))
    check(all(a[0] <= b[0] and a[1] >= b[1] for a, b in zip(places, places[1:])), "which go up and to the right")


WIRING = "--set=model.wiring={levels: [{groups: {common: 2, left: {count: 1}}, streams: {all: {sees: [common, left]}}}]}"
ARCHITECTURES = [["single-task"], ["shared-bottom"], ["averaged"], ["omoe"], ["mmoe", "model.levels=2"], ["cgc"], ["ple"], ["ple", "model.levels=3"], ["adatt-sp"], ["adatt"],
                 ["cross-stitch"], ["snr-aver"], ["snr-trans"], ["l2-constrained"], ["tensor-factorization"], ["home"], ["stem"], ["aitm"],
                 ["mmoe", "model.gates.top_k=2"]]


def every_architecture():
    small_world(120)
    for name, *rest in ARCHITECTURES:
        sets = [f"--set=model.architecture={name}", *(f"--set={value}" for value in rest), "--set=train.epochs=1", "--set=model.experts=null"]
        title = " ".join([name, *rest])
        found = run("train", "people.yaml", *sets, "-o", "m.gw", "--report", "a.html")
        if not check(found.code == 0, f"{title}: a report", found):
            continue
        root = checked("a.html", title)
        diagram = next(root.find(".//section[@id='structure']").iter("svg"))
        described = json.loads(run("inspect", "m.gw", "--json").out)
        titles = [text_of(t) for t in diagram.iter("title")]
        experts = [f"expert {expert['name']} " for level in described["levels"] for expert in level["experts"]]
        missing = [expert for expert in experts if sum(t.startswith(expert) for t in titles) != experts.count(expert)]
        check(not missing and all(task in titles for task in ("rich", "age", "job")), f"{title}: experts and tasks are all drawn", missing)
        heads = [text_of(t).split(" ")[0] for t in diagram.iter("text") if t.get("class") == "axis"]
        kinds = {gate["kind"] for level in described["levels"] for gate in level["gates"]}
        same(("gates" in heads, "streams" in heads), ("softmax" in kinds, "softmax" not in kinds), f"{title}: what is no gate is not called one")
        if name == "ple":
            look("a.html", 1280, title)


def one_task():
    for name in ("moe", "local-experts"):
        sets = [f"--set=model.architecture={name}", "--set=tasks={rich: {type: binary}}", "--set=features.ignore=[id, age, job]", "--set=train.epochs=1"]
        succeeds(f"{name}: a report of one task", "train", "people.yaml", *sets, "-o", "m.gw", "--report", "one.html")
        checked("one.html", name)


def chains():
    write("chain.yaml", "data: {train: chain.csv}\ntasks:\n  click: {type: binary}\n  buy: {type: binary, given: click}\n  both: {type: binary, chain: [click, buy]}\ntrain: {epochs: 1}\n")
    write("chain.csv", "x,click,buy,both\n" + "".join(f"{i % 13},{i % 2},{i % 4 // 3},{i % 4 // 3}\n" for i in range(80)))
    succeeds("a chain, and no validation: a report", "train", "chain.yaml", "-o", "m.gw", "--report", "chain.html")
    root = checked("chain.html", "a chain")
    check("training" in text_of(root.find(".//section[@id='curves']/p")), "measured on the rows that there are")
    check("click to both" in [text_of(t) for t in root.iter("title")], "a chain is drawn")


def hostile():
    evil = '<script>alert("x")</script> & \'漢字\' ' + "é" * 80
    text = people(160).replace("rich,age,job", f'"{evil.replace(chr(34), chr(34) * 2)}",<b>age</b>,job', 1).replace("hours", "<img src=x onerror=alert(1)>", 1)
    write("evil.csv", text)
    write("<i>evil & co.json", json.dumps({
        "data": {"train": "evil.csv", "valid": {"fraction": 0.25}}, "features": {"ignore": ["id"]},
        "tasks": {evil: {"type": "binary"}, "<b>age</b>": {"type": "regression"}, "job": {"type": "multiclass"}},
        "model": {"architecture": "cgc"}, "train": {"epochs": 1}}))
    succeeds("names that are markup: a report", "train", "<i>evil & co.json", "-o", "m.gw", "--report", "evil.html")
    root = checked("evil.html", "hostile names")
    same(text_of(root.find(".//h1")), "<i>evil & co", "the title is text")
    check(any(text_of(h) == evil for h in root.iter("h3")), "a task's name is shown whole")
    look("evil.html", 360, "hostile names")


def small_and_odd():
    small_world(60)
    write("one-class.csv", re.sub(r",[01],(\d*\.?\d*),(\w+)\n", r",0,\1,\2\n", people(40, seed=9)))
    succeeds("one class in the test rows: a report", "train", "people.yaml", "--set", "data.test=one-class.csv", "--set", "train.epochs=1", "-o", "m.gw", "--report", "odd.html")
    root = checked("odd.html", "one class")
    check("ROC curve" not in " ".join(svg.get("aria-label") for svg in root.iter("svg")), "there is no ROC curve of one class")
    look("odd.html", 360, "one epoch")


def resumed():
    small_world()
    spec = ["people.yaml", "--set", "train.checkpoint.every=epoch", "--set", "train.epochs=2", "-o", "r.gw"]
    run("train", *spec)
    succeeds("a finished run, resumed: a report", "train", *spec, "--resume", "r.gw.ckpt", "--report", "r.html")
    root = checked("r.html", "resumed")
    check("learning" in sections(root), "with the metrics that the checkpoint has")


def stopped():
    """Ctrl-C: the page of the epochs that there were."""
    small_world(1500)
    process = subprocess.Popen([COMMAND, "train", "people.yaml", "--set", "train.epochs=100000", "-o", "s.gw", "--report", "s.html", "--json"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    for _ in range(3):
        process.stdout.readline()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    same(process.returncode, 130, "stopped by Ctrl-C")
    root = checked("s.html", "stopped")
    check(root is not None and "learning" in sections(root), "a stopped run has a page")


def health():
    small_world()
    write("test.csv", people(150, seed=5))
    run("train", "people.yaml", "--set", "data.test=test.csv", "-o", "m.gw", "--report", "health.html")
    found = json.loads(run("evaluate", "m.gw", "test.csv", "--json").out)["health"]
    section = checked("health.html", "health").find(".//section[@id='health']")
    check(f"on a sample of {found['rows']} test rows" in text_of(section), "health is that of the kept model on the test rows")
    tables = {text_of(f.find(".//h3")): [[text_of(cell) for cell in tr] for tr in f.find(".//tbody")] for f in section.iter("figure")}
    same([row[:3] for row in tables["Dead units"]], [[e["name"], str(e["units"]), str(e["dead"])] for e in found["experts"] if e["units"]], "dead units are those that evaluate finds")
    likeness = [[f"{value:.2f}".replace("-", "\u2212") for value in row] for row in found["similarity"][0]["values"]]
    same([row[1:] for row in tables["Likeness of experts"]], likeness, "so is the likeness of experts")
    check("Conflict of tasks" in tables and len(tables["Gates"]) == 3, "gates and conflict are shown", list(tables))
    run("train", "people.yaml", "--health", "off", "-o", "m.gw", "--report", "off.html")
    check("health" not in sections(checked("off.html", "--health off")), "nothing was looked at, nothing is shown")


def refused():
    small_world()
    before = listing()
    fails("not to standard output", 2, ["--report", "'-'"], "train", "people.yaml", "--report", "-")
    fails("not of many seeds", 2, ["--report", "--seeds"], "train", "people.yaml", "--report", "x.html", "--seeds", "1-2")
    fails("not over the spec", 2, ["people.yaml"], "train", "people.yaml", "--report", "people.yaml")
    fails("not over the data", (1, 2), ["people.csv", "data.train"], "train", "people.yaml", "-o", "n.gw", "--report", "people.csv")
    fails("not over the model", 2, ["the model"], "train", "people.yaml", "-o", "n.gw", "--report", "n.gw")
    fails("not into a folder that is not there", 1, ["nowhere"], "train", "people.yaml", "-o", "n.gw", "--report", "nowhere/x.html")
    same(listing(), before, "and nothing was written")


main(whole, deterministic, roc_is_thinned, every_architecture, one_task, chains, hostile, small_and_odd, resumed, stopped, health, refused)
