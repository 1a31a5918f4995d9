"""The articles' examples: each trains as its file says and as its first lines show, and learns. And the census spec on generated people."""
import json
import os
import subprocess
import sys

from cli_tap import SOURCE, check, main, same, succeeds, write


def train(name, *options):
    spec = os.path.join(SOURCE, "examples", name + ".yaml")
    found = succeeds(f"{name} trains {' '.join(options)}".rstrip(), "train", spec, "--json", "-o", "m.gw", *options)
    return [line for line in map(json.loads, found.out.splitlines()) if "epoch" in line]


def losses(epochs, task):
    return [epoch["train"]["tasks"][task]["loss"] for epoch in epochs]


def structure():
    return json.loads(succeeds("its structure", "inspect", "m.gw", "--json").out)


def generate(name):
    succeeds(f"{name} has data", "synth", name, "-o", name + ".csv")


def mmoe():
    generate("article-mmoe")
    epochs = train("article-mmoe")
    same([epoch["epoch"] for epoch in epochs], list(range(1, 101)), "100 epochs")
    for task in ("y1", "y2"):
        found = losses(epochs, task)
        check(found[-1] < 0.6 * found[0], f"{task} is learnt", found[::20])
        check(all(b < a for a, b in zip(found, found[1:])), f"{task} gets better with every full batch")
    same(structure()["architecture"], "mmoe", "it is an mmoe")


def gates():
    generate("article-mmoe-gates")
    for option, architecture in (((), "mmoe"), (("--set", "model.architecture=averaged"), "averaged")):
        epochs = train("article-mmoe-gates", *option)
        for task in ("y1", "y2"):
            auc = epochs[-1]["valid"]["tasks"][task]["auc"]
            check(auc > 0.75, f"{task} is learnt", auc)
        same(structure()["architecture"], architecture, "the gates are as asked")


def cgc():
    generate("article-cgc")
    epochs = train("article-cgc")
    for task in ("y1", "y2"):
        found = losses(epochs, task)
        check(found[0] < 0.3 and found[-1] < 0.75 * found[0], f"{task} is learnt by the squared error", found)
        auc = epochs[-1]["valid"]["tasks"][task]["auc"]
        check(auc > 0.75, f"{task} ranks", auc)


def census():
    succeeds("people to learn from", "synth", "census", "--rows", 20000, "-o", "people.csv")
    names = subprocess.run([sys.executable, os.path.join(SOURCE, "data", "get_census.py"), "columns"], stdout=subprocess.PIPE, check=True)
    write("columns.txt", names.stdout)
    epochs = train("census-income", "--set", "data.train=people.csv", "--set", "data.test=[]", "--set", "data.header=columns.txt",
                   "--set", "data.valid={fraction: 0.2}", "--set", "train.batch=256", "--set", "train.epochs=5")
    found = {task: values["auc"] for task, values in epochs[-1]["valid"]["tasks"].items()}
    check(found["income"] > 0.88 and found["never_married"] > 0.97, "both tasks are learnt from generated people", found)
    names = [feature["name"] for feature in structure()["features"]]
    check("age" in names and not {"education", "marital_stat", "instance_weight", "income_50k"} & set(names), "what is to be kept out is kept out", names)


main(mmoe, gates, cgc, census)
