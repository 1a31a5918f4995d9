"""docs/architectures.md and docs/balancing.md: every architecture and every method has a section with equation, paper, spec, when to take it and what
differs; architectures have a diagram, too; and every spec in a section trains and is what the section is about."""
import json
import re

from cli_tap import SOURCE, check, main, people, read, same, succeeds, write

TABLE = {"click": "binary", "watch": "regression", "kind": "multiclass"}


def page(name):
    return open(f"{SOURCE}/docs/{name}", encoding="utf-8").read()


def choices(key):
    """The words that docs/spec.md allows for a key; test_spec_page holds it against the program."""
    return re.search(rf"\| `{key}` \| one of ([^|]*) \|", page("spec.md")).group(1).split(", ")


def sections(text, level):
    """Title -> text of the sections of a level."""
    parts = re.split(rf"^{'#' * level} (.*)\n", text, flags=re.M)[1:]
    return dict(zip(parts[::2], (re.split(r"^#{1,3} ", part, flags=re.M)[0] for part in parts[1::2])))


def points(section):
    """`- *Paper*: text` -> {"Paper": text}."""
    return dict(re.findall(r"^- \*(\w+)\*:? (.*?)(?=\n- |\n\n|\Z)", section, re.M | re.S))


def world():
    """The table of cli_tap with the tasks' names of the pages."""
    write("table.csv", people(240).replace("rich,age,job", "click,watch,kind", 1))
    write("spec.yaml", "data: {train: table.csv}\nfeatures: {ignore: [id, note]}\ntasks: {click: binary, watch: regression}\ntrain: {epochs: 2, batch: 64}\n")


def train(title, key, value, *more):
    lines = succeeds(title, "train", "spec.yaml", "--set", f"{key}={value}", "--set", "features.ignore=[id, note, kind]", *more, "--json", "-o", "model.gw").out.splitlines()
    return [json.loads(line) for line in lines if '"epoch"' in line]


def one_architecture(name, title, section, one_task):
    drawings = re.findall(r"^```text\n(.*?)^```$", section, re.M | re.S)
    check(len(drawings) >= 2 or (drawings and "| eq. 1" in section) or name == "custom", f"{title}: a diagram and an equation", section)
    check(name == "custom" or any("──" in drawing or "│" in drawing for drawing in drawings), f"{title}: the diagram is drawn")
    specs = [spec for spec in re.findall(r"`model: ({[^`]*})`", section) if re.search(rf"architecture: {name}\b(?!-)", spec)]
    blocks = re.findall(r"^```yaml\nmodel:\n(.*?)^```$", section, re.M | re.S)
    check(specs or blocks, f"{title}: has a spec of {name}")
    more = ["--set", "tasks={click: binary}", "--set", "features.ignore=[id, note, watch, kind]"] if one_task else []
    for spec in specs:
        check(train(f"{title}: {spec} trains", "model", spec, *more), f"{title}: epochs")
        same(json.loads(succeeds("its structure", "inspect", "model.gw", "--json").out)["architecture"], name, f"{title}: it is {name}")


def architectures():
    world()
    text = page("architectures.md")
    one_task = re.findall(r"^\| `([a-z-]+)` \|[^|]*one task", text, re.M)
    found = sections(text, 2)
    listed = re.findall(r"^\| ([a-z0-9, -]+) \|[^|]*\|[^|]*\|$", page("spec.md").split("| architecture | experts | gates |")[1].split("\n\n")[0], re.M)
    same(sorted(", ".join(listed).split(", ")), sorted(choices("model.architecture")), "docs/spec.md lists what each has")
    for name in choices("model.architecture"):
        titles = [title for title in found if f"`{name}`" in title.split(":")[0]]
        if same(len(titles), 1, f"{name}: has a section"):
            section = found[titles[0]]
            same({"Paper", "Spec", "When", "Differs"} - set(points(section)), set(), f"{name}: paper, spec, when, what differs")
            one_architecture(name, titles[0], section, name in one_task)


def wirings():
    """The blocks that write a wiring out."""
    found = sections(page("architectures.md"), 2)["`custom`: a wiring of your own"]
    blocks = re.findall(r"^```yaml\n(model:\n.*?)^```$", found, re.M | re.S)
    check(blocks, "custom: has blocks")
    for i, block in enumerate(blocks):
        write(f"{i}.yaml", read("spec.yaml").decode() + block)
        succeeds(f"custom: block {i} trains", "train", f"{i}.yaml", "-o", f"{i}.gw", "--set", "features.ignore=[id, note, kind]")
    train("the same by its name", "model", "{architecture: ple, experts: {shared: 2, per_task: 1}}")
    same(succeeds("predictions", "predict", "0.gw", "table.csv").raw, succeeds("predictions", "predict", "model.gw", "table.csv").raw, "custom: the first is ple, bit for bit")


def balances():
    found = sections(page("balancing.md"), 3)
    same(sorted(found), sorted(choices("train.balance.method")), "every method has a section")
    for name, section in found.items():
        check("```text\n" in section, f"{name}: has an equation")
        same({"Paper", "Spec", "When", "Cost", "Differs"} - set(points(section)), set(), f"{name}: paper, spec, when, cost, what differs")
        specs = re.findall(r"`balance: ([^`]*)`", points(section).get("Spec", ""))
        check(specs, f"{name}: has a spec")
        for spec in specs:
            check(name in spec, f"{name}: the spec is of it", spec)
            epochs = train(f"{name}: {spec} trains", "train.balance", spec)
            check(len(epochs) == 2 and (name == "fixed" or "balance" in epochs[-1]), f"{name}: and says what it did", epochs)


main(architectures, wirings, balances)
