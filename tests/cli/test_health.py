"""Health: each warning is provoked alone, a healthy run has none, and figures are where they are said to be."""
import glob
import json
import math
import os
import random
import re
import struct

from cli_tap import SOURCE, check, fails, main, read, run, same, succeeds, write

SPEC = """\
data: {train: t.csv, valid: {fraction: 0.25}}
features: {columns: {a: {type: numeric}, b: {type: numeric}, c: {type: categorical, dim: 3}}}
tasks: {click: {type: binary}, stay: {type: binary}, price: {type: regression}}
model: {architecture: mmoe, experts: {count: 4, hidden: [12, 8]}, towers: {hidden: [6]}}
train: {epochs: 3, batch: 64, seed: 5, optimizer: {name: adam, lr: 0.003}}
"""


def table(n=900, seed=3, price=True):
    """Three labels that can be learnt, though not for certain."""
    rng = random.Random(seed)
    rows = ["a,b,c,click,stay,price"]
    for i in range(n):
        a, b, c = rng.gauss(0, 1), rng.gauss(0, 1), rng.choice("xyz")
        click = int(a + 0.5 * b + (c == "x") + rng.gauss(0, 1) > 0.3)
        stay = int(a - b * b + (c == "y") + rng.gauss(0, 1) > -0.2)
        cost = 2 * a - b + rng.gauss(0, 0.7)
        rows.append(f"{a:.4f},{b:.4f},{c},{click},{stay},{cost:.4f}")
    return "\n".join(rows) + "\n"


def trained(title, *arguments):
    """Epoch lines of `train --json`, warnings that they hold, and what was printed."""
    found = succeeds(title, "train", "t.yaml", "--json", "-o", "m.gw", *arguments)
    lines = [json.loads(line) for line in found.out.splitlines()]
    return lines, [warning for line in lines for warning in line.get("warnings", [])], found


def one_warning(title, kind, parts, figure, *arguments):
    """The run warns of this kind, once, on the screen and in its JSON, and of nothing else."""
    lines, warnings, found = trained(title, *arguments)
    same([warning["kind"] for warning in warnings], [kind], f"{title}: this warning alone")
    for warning in warnings[:1]:
        check(all(part in warning["text"] for part in parts), f"{title}: it names {parts}", warning)
        check(f"warning: {warning['text']}" in found.err, f"{title}: it is on the screen", found.err)
        check("; hint: " in warning["text"], f"{title}: it has a remedy", warning)
        check(figure(warning["figure"]), f"{title}: its figure", warning)
    same(found.err.count("warning: "), len(warnings), f"{title}: each comes once")
    return warnings


# ---- parameters made by hand: exported, changed, imported ----

def tensors(path):
    """A safetensors file of F32 as {name: (shape, numbers)}."""
    data = read(path)
    n = struct.unpack("<Q", data[:8])[0]
    found = {}
    for name, entry in json.loads(data[8:8 + n]).items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        found[name] = (entry["shape"], list(struct.unpack(f"<{(end - begin) // 4}f", data[8 + n + begin:8 + n + end])))
    return found


def store(path, parts):
    header, data = {}, b""
    for name, (shape, numbers) in parts.items():
        piece = struct.pack(f"<{len(numbers)}f", *numbers)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(piece)]}
        data += piece
    head = json.dumps(header).encode()
    write(path, struct.pack("<Q", len(head)) + head + data)


def start_with(change, *sets):
    """start.gw: a model of t.yaml whose parameters `change` has altered."""
    options = [part for value in sets for part in ("--set", value)]
    run("train", "t.yaml", "--set", "train.epochs=1", "--health", "off", "-o", "start.gw", *options)
    run("export", "start.gw", "--to", "safetensors", "-o", "start.safetensors")
    parts = tensors("start.safetensors")
    change(parts)
    store("start.safetensors", parts)
    succeeds("the start is made", "import", "t.yaml", "start.safetensors", "-o", "start.gw", *options)
    return ("--init", "start.gw", *options)


def fill(parts, name, numbers):
    shape, old = parts[name]
    assert len(numbers) == len(old), name
    parts[name] = (shape, numbers)


def flat_gate(parts, task, biases):
    name = f"level0.gate.{task}.0"
    fill(parts, f"{name}.weight", [0.0] * len(parts[f"{name}.weight"][1]))
    fill(parts, f"{name}.bias", biases)


def inspected(title, kind, *arguments, model="start.gw"):
    """`inspect` tells of this kind, once and of nothing else, in its JSON and on the screen. The warning."""
    described = json.loads(succeeds(f"{title}: inspect --json", "inspect", model, "--json", *arguments).out)
    warnings = described["warnings"]
    same([warning["kind"] for warning in warnings], [kind] if kind else [], f"{title}: what inspect warns of")
    screen = succeeds(f"{title}: inspect", "inspect", model, *arguments).out
    check(("\nwarnings\n" in screen) == bool(kind) and all(f"  {warning['text']}\n" in screen for warning in warnings), f"{title}: and on the screen", screen)
    return warnings[0] if warnings else None


def again(title, told, model="start.gw"):
    """`inspect` with rows tells of a model what training has told of it."""
    found = inspected(title, told["kind"], "--data", "t.csv", model=model)
    same([found.get(key) for key in ("level", "stream", "expert")], [told.get(key) for key in ("level", "stream", "expert")], f"{title}: of the same")
    check("; hint: " in found["text"] and abs(found["figure"] - told["figure"]) < 0.1, f"{title}: its remedy and figure", (found, told))


STILL = ("--set", "train.epochs=1", "--set", "train.optimizer.lr=1e-6")


# ---- the tests ----

def healthy():
    write("t.csv", table())
    write("t.yaml", SPEC)
    lines, warnings, found = trained("a healthy run")
    same(warnings, [], "a healthy run has no warning")
    check("warning" not in found.err, "nor on the screen", found.err)
    same([("health" in line) for line in lines], [True, False, True], "a short run looks at itself after its first and its last epoch")
    same([sorted(line) for line in lines][1], ["epoch", "seconds", "train", "valid"], "an epoch between has the keys it always had")
    health = lines[-1]["health"]
    same(sorted(health), ["conflict", "experts", "gates", "part", "rows", "similarity"], "what health holds")
    same((health["part"], len(health["gates"]), len(health["experts"]), len(health["similarity"])), ("valid", 3, 4, 1), "how much of each")
    gate = health["gates"][0]
    same(sorted(gate), ["effective", "entropy", "experts", "level", "normalised", "row_entropy", "stream"], "what a gate holds")
    weights = [expert["weight"] for expert in gate["experts"]]
    entropy = -sum(w * math.log(w) for w in weights)
    check(abs(sum(weights) - 1) < 1e-5 and all(expert["load"] == 1 for expert in gate["experts"]), "weights sum to 1, and every row has every expert", gate)
    check(abs(gate["entropy"] - entropy) < 1e-5 and abs(gate["effective"] - math.exp(entropy)) < 1e-5 and
          abs(gate["normalised"] - entropy / math.log(4)) < 1e-5 and gate["row_entropy"] <= entropy, "figures follow from the weights", gate)
    values = health["similarity"][0]["values"]
    check(all(abs(values[i][i] - 1) < 1e-9 and values[i][j] == values[j][i] and -1 <= values[i][j] <= 1 for i in range(4) for j in range(4)),
          "a similarity of experts is symmetric, 1 with itself", values)
    check(all(expert["units"] == 20 and 0 <= expert["dead"] <= 10 and expert["rows"] == health["rows"] for expert in health["experts"]), "units of experts", health)
    conflict = health["conflict"]
    same((conflict["tasks"], len(conflict["cosines"]), len(conflict["norms"])), (["click", "stay", "price"], 3, 3), "gradients of three tasks")
    check(all(norm > 0 for norm in conflict["norms"]) and all(-1 <= x <= 1 for row in conflict["cosines"] for x in row), "cosines", conflict)

    auto = read("m.gw")
    every = trained("--health every", "--health", "every")[0]
    same(["health" in line for line in every], [True, True, True], "--health every looks after every epoch")
    same(every[2]["health"], health, "and finds the same")
    check(read("m.gw") == auto, "the model is the same")
    off = trained("--health off", "--health", "off")[0]
    same(["health" in line for line in off], [False, False, False], "--health off looks at nothing")
    check(read("m.gw") == auto, "and the model is the same")
    for threads in (1, 2, 3, 5):
        again = trained(f"{threads} threads", "--threads", threads)[0]
        same([line.get("health") for line in again], [line.get("health") for line in lines], f"{threads} threads find the same to the last digit")
    without = trained("without data.valid", "--set", "data.valid=null")[0]
    same(without[0]["health"]["part"], "train", "without data.valid the training rows are looked at")
    fails("a choice that is none", 2, ["--health"], "train", "t.yaml", "--health", "sometimes")


def equal_experts():
    def clone(parts):
        for name in list(parts):
            if name.startswith("level0.expert.shared.2."):
                parts[name] = parts[name.replace("shared.2", "shared.0")]
    one_warning("experts that start equal", "equal_experts", ["level 0", "1 of 4", "'shared.2'", "'shared.0'"], lambda x: x == 1, *start_with(clone), *STILL)
    for arguments in ((), ("--data", "t.csv")):
        found = inspected(f"equal experts {arguments}", "equal_experts", *arguments)
        same((found["level"], found["expert"], found["figure"]), (0, "shared.2", 1), "which are equal")
        check("have the parameters" in found["text"] and "--init" not in found["text"] and "; hint: " in found["text"], "of a model, not of a start", found)


def polarised():
    def bias(parts):
        flat_gate(parts, "stay", [9.0, 0.0, 0.0, 0.0])
    found = one_warning("a gate that polarises", "polarised_gate", ["level 0", "'stay'", "3 of its 4", "weight_dropout"], lambda x: 1 < x < 1.1,
                        *start_with(bias), *STILL)
    same((found[0]["level"], found[0]["stream"]), (0, "stay"), "level and stream are members, too")
    again("a polarised gate", found[0])
    inspected("a polarised gate without rows", None)


def starving():
    def bias(parts):
        for task in ("click", "stay", "price"):
            flat_gate(parts, task, [0.0, 0.0, 0.0, -9.0])
    found = one_warning("an expert that starves", "starving_expert", ["level 0", "1 of 4", "'shared.3'"], lambda x: x < 0.001, *start_with(bias), *STILL)
    again("a starving expert", found[0])


def dead_units():
    def kill(parts):
        name = "level0.expert.shared.1.0.bias"
        fill(parts, name, [-100.0] * len(parts[name][1]))
    found = one_warning("dead units", "dead_units", ["level 0", "'shared.1'", "of the 20"], lambda x: 0.6 <= x <= 1, *start_with(kill), *STILL)
    again("dead units", found[0])


def conflict():
    rows = ["a,b,c,click,stay,price"]
    rng = random.Random(2)
    for i in range(600):
        a, b = rng.gauss(0, 1), rng.gauss(0, 1)
        label = int(a + rng.gauss(0, 0.5) > 0)
        rows.append(f"{a:.4f},{b:.4f},{rng.choice('xyz')},{label},{1 - label},{b + rng.gauss(0, 1):.4f}")
    write("t.csv", "\n".join(rows) + "\n")

    def same_towers(parts):
        for name in list(parts):
            if name.startswith("tower.stay."):
                parts[name] = parts[name.replace("stay", "click")]
    shared = ("model.architecture=shared-bottom", "tasks={click: binary, stay: binary}", "features.ignore=[price]")
    one_warning("tasks that fight", "task_conflict", ["task 'click'", "'stay'", "cosine", "pcgrad", "'cgc'"], lambda x: x < -0.9, *start_with(same_towers, *shared), *STILL)
    own = ("model.architecture=cgc", "model.experts.per_task=1", *shared[1:])
    lines, warnings, found = trained("tasks that fight beside experts of their own", *start_with(same_towers, *own), *STILL)
    said = [warning["text"] for warning in warnings if warning["kind"] == "task_conflict"]
    check(said and all("pcgrad" in text and "'cgc'" not in text for text in said), "who has such experts is not advised to take them", warnings)
    weighted = ("model.architecture=shared-bottom", "features={columns: {a: {type: numeric}}}", "tasks.price.weight=0.001")
    found = one_warning("one of three tasks that fights", "task_conflict", ["cosine"], lambda x: x < -0.5, *start_with(same_towers, *weighted), *STILL)
    check(found[0]["task"] in ("click", "stay"), "the task is named", found)
    write("t.csv", table())


def leak():
    lines = table().splitlines()
    rows = [lines[0] + ",after"] + [f"{line},{'was' if line.split(',')[3] == '1' else 'not'}" for line in lines[1:]]
    write("t.csv", "\n".join(rows) + "\n")
    found = one_warning("a label that leaked", "label_leak", ["task 'click'", "auc 1", "'after'", "too good to be true", "ignore"], lambda x: x >= 0.9999,
                        "--set", "train.epochs=5", "--set", "train.optimizer.lr=0.02")
    same(found[0]["feature"], "after", "the suspect is a member, too")
    write("t.csv", table())


def unlabelled():
    lines = table().splitlines()
    rows = [lines[0] + ",day"] + [f"{line.rsplit(',', 1)[0]},{'' if i % 4 == 0 else line.rsplit(',', 1)[1]},{9 if i % 4 == 0 else 1}" for i, line in enumerate(lines[1:])]
    write("t.csv", "\n".join(rows) + "\n")
    one_warning("a task unlabelled in validation", "unlabelled_task", ["task 'price'", "validation"], lambda x: x == 0,
                "--set", "data.valid={column: day, from: 5}", "--set", "features.ignore=[day]")
    write("t.csv", table())


def one_class():
    lines = table().splitlines()
    at = lines[0].split(",").index("click")
    clicks = [line.split(",")[at] for line in lines[1:]]
    write("t.csv", "\n".join([lines[0] + ",day"] + [f"{line},{9 if click == '0' and i % 3 == 0 else 1}" for i, (line, click) in enumerate(zip(lines[1:], clicks))]) + "\n")
    one_warning("a task of one class in validation", "missing_metric", ["task 'click'", "'auc'", "validation part", "all of one class"], lambda x: x > 0,
                "--set", "data.valid={column: day, from: 5}", "--set", "features.ignore=[day]")
    write("t.csv", table())


def documented():
    sources = "".join(read(path).decode() for path in glob.glob(os.path.join(SOURCE, "src", "train", "*.c")))
    page = read(os.path.join(SOURCE, "docs", "health.md")).decode().split("## Warnings")[1]
    same(sorted(re.findall(r"^\| `(\w+)` \|", page, re.M)), sorted(set(re.findall(r'gw__warn\([^,]+, "(\w+)"', sources))), "docs/health.md has every kind of warning")


def stuck():
    lines, warnings, found = trained("a loss that does not move", "--set", "train.optimizer.lr=1e-12")
    same([(warning["kind"], warning["task"]) for warning in warnings], [("stuck_loss", task) for task in ("click", "stay", "price")], "every task's loss stands still")
    check("epoch 1" in warnings[0]["text"] and "epoch 3" in warnings[0]["text"], "from when to when", warnings)
    fails("weights that are all 0 are refused", 2, ["weight", "hint"], "train", "t.yaml", "--set", "tasks.click.weight=0", "--set", "tasks.stay.weight=0",
          "--set", "tasks.price.weight=0")


def weightless():
    found = one_warning("a task without weight", "weightless_task", ["task 'stay'", "weight is 0"], lambda x: x == 0, "--set", "tasks.stay.weight=0")
    same(found[0]["task"], "stay", "the task is named")
    one_warning("a task of hardly any weight", "weightless_task", ["task 'price'", "next to no say", "variance"], lambda x: 0 < x < 1e-5, "--set", "tasks.price.weight=1e-7")
    same(trained("a small weight", "--set", "tasks.price.weight=0.01")[1], [], "is none to warn of")
    same(trained("a method of balancing", "--set", "tasks.price.weight=1e-7", "--set", "train.balance=dwa")[1], [], "has factors of its own")
    same(trained("single-task", "--set", "tasks.price.weight=1e-7", "--set", "model.architecture=single-task")[1], [], "shares nothing")
    rows = [line.split(",") for line in table().splitlines()]
    write("t.csv", "\n".join(",".join(row[:5] + [row[5] if i == 0 else f"{float(row[5]) * 1e4:.1f}"]) for i, row in enumerate(rows)) + "\n")
    kinds = [(warning["kind"], warning["task"]) for warning in trained("labels far larger than others", "--set", "train.epochs=1")[1] if "task" in warning]
    same(kinds, [("weightless_task", "click"), ("weightless_task", "stay")], "leave the other tasks no say")
    write("t.csv", table())


def evaluation():
    succeeds("a sparse model", "train", "t.yaml", "--set", "model.gates.top_k=1", "-o", "sparse.gw")
    found = succeeds("evaluate shows loads", "evaluate", "sparse.gw", "t.csv")
    check("% of rows" in found.out and "experts in effect" in found.out, "shares of rows beside weights", found)
    succeeds("a dense model", "train", "t.yaml", "-o", "m.gw")
    found = succeeds("evaluate shows experts", "evaluate", "m.gw", "t.csv")
    check("% of rows" not in found.out and "dead units" in found.out and "most like" in found.out and " of 20" in found.out, "experts with dead units and likeness", found)
    result = json.loads(succeeds("evaluate --json", "evaluate", "m.gw", "t.csv", "--json").out)
    same(sorted(result), ["gates", "health", "rows", "tasks"], "evaluate --json holds gates and health, too")
    same((result["rows"], result["health"]["rows"], len(result["gates"])), (900, 900, 3), "gates of all rows, experts on a sample")
    same(sorted(result["health"]), ["experts", "rows", "similarity"], "what health holds there")
    write("none.csv", table().splitlines()[0] + "\n")
    found = succeeds("evaluate of no row", "evaluate", "m.gw", "none.csv")
    check("gates" not in found.out and "experts" not in found.out and "0.000" not in found.out, "nothing is drawn of no row", found)
    result = json.loads(succeeds("evaluate --json of no row", "evaluate", "m.gw", "none.csv", "--json").out)
    check(result["gates"][0]["experts"][0]["weight"] is None and result["gates"][0]["effective"] is None, "what does not exist is null", result)

    found = succeeds("inspect a model", "inspect", "m.gw")
    check("most alike shared." in found.out and "biases of gates" in found.out, "experts by their parameters, and biases", found)
    described = json.loads(succeeds("inspect --json", "inspect", "m.gw", "--json").out)
    level = described["similarity"][0]
    same((level["measure"], level["experts"]), ("cosine", ["shared.0", "shared.1", "shared.2", "shared.3"]), "cosines of parameters")
    parameters = {}
    run("export", "m.gw", "--to", "safetensors", "-o", "m.safetensors")
    for name, (_, numbers) in sorted(tensors("m.safetensors").items()):
        for expert in level["experts"]:
            if name.startswith(f"level0.expert.{expert}."):
                parameters.setdefault(expert, []).extend(numbers)
    a, b = parameters["shared.0"], parameters["shared.3"]
    cosine = sum(x * y for x, y in zip(a, b)) / math.sqrt(sum(x * x for x in a) * sum(x * x for x in b))
    check(abs(level["values"][0][3] - cosine) < 1e-6, "the cosine is that of the exported parameters", (level, cosine))
    same([gate["stream"] for gate in described["gate_biases"]], ["click", "stay", "price"], "biases of every gate")
    described = json.loads(succeeds("inspect a spec", "inspect", "t.yaml", "--json").out)
    check("similarity" not in described and "gate_biases" not in described, "a spec has no parameters to compare", described)


def inspect_rows():
    """`inspect --data`: what evaluate says of the same rows, without labels, and no further than needed."""
    succeeds("a model", "train", "t.yaml", "-o", "m.gw")
    described = json.loads(succeeds("inspect --data", "inspect", "m.gw", "--data", "t.csv", "--json").out)
    without = json.loads(run("inspect", "m.gw", "--json").out)
    same({key: value for key, value in described.items() if key != "health"}, without, "the rest is that of inspect without rows")
    same(list(described)[-2:], ["health", "warnings"], "where they stand")
    same(described["warnings"], [], "a healthy model has no warning")
    result = json.loads(run("evaluate", "m.gw", "t.csv", "--json").out)
    health = described["health"]
    same(sorted(health), ["experts", "gates", "rows", "similarity"], "what health holds")
    same({key: health[key] for key in result["health"]}, result["health"], "experts as evaluate has them")
    check(all(abs(a["entropy"] - b["entropy"]) < 1e-9 and abs(a["row_entropy"] - b["row_entropy"]) < 1e-9 for a, b in zip(health["gates"], result["gates"])),
          "and gates, where the sample is the whole table", (health["gates"], result["gates"]))
    screen = succeeds("inspect --data on the screen", "inspect", "m.gw", "--data", "t.csv").out
    gate = health["gates"][0]
    check(f"level 0, click: {gate['effective']:.2f} of 4 experts in effect, entropy {gate['entropy']:.3f} ({gate['normalised']:.2f} of the greatest), of a row {gate['row_entropy']:.3f}" in screen,
          "a gate's figures", screen)
    check("looked at with 900 rows" in screen and "dead units" in screen and "most like (CKA)" in screen, "experts", screen)

    lines = table().splitlines()
    bare = "\n".join(line.rsplit(",", 3)[0] for line in lines) + "\n"
    write("bare.csv", bare)
    whole = run("inspect", "m.gw", "--data", "t.csv", "--json").out
    same(succeeds("rows without labels", "inspect", "m.gw", "--data", "bare.csv", "--json").out, whole, "labels change nothing")
    write("first.csv", "\n".join(lines[:401]) + "\n")
    write("second.csv", "\n".join(lines[:1] + lines[401:]) + "\n")
    two = json.loads(succeeds("two files", "inspect", "m.gw", "--data", "first.csv", "--data", "second.csv", "--json").out)
    same(two["health"]["rows"], 900, "are one table")
    same(succeeds("rows from standard input", "inspect", "m.gw", "--data", "-", "--json", stdin=bare.encode()).out, whole, "say the same")
    same(succeeds("a model from standard input", "inspect", "-", "--data", "t.csv", "--json", stdin=read("m.gw")).out, whole, "says the same")
    write("names.txt", "a\nb\nc\n")
    write("nameless.csv", bare.split("\n", 1)[1])
    same(succeeds("--header", "inspect", "m.gw", "--data", "nameless.csv", "--header", "names.txt", "--json").out, whole, "says the same")
    write("long.csv", table(9000))
    long = [succeeds(f"{threads} threads", "inspect", "m.gw", "--data", "long.csv", "--threads", threads, "--json").out for threads in (1, 2, 3, 5)]
    same(long[1:], long[:1] * 3, "say the same to the last digit")
    same(json.loads(long[0])["health"]["rows"], 1024, "a sample of a long table")
    write("bad.csv", "a,b,c\n" + "1,2,x\n" * 40 + "1,none,x\n")
    fails("a bad row", 1, ["bad.csv:42", "'b'", "none"], "inspect", "m.gw", "--data", "bad.csv")
    skipped = json.loads(succeeds("a bad row passed over", "inspect", "m.gw", "--data", "bad.csv", "--on-bad-row", "skip", "--json").out)["health"]
    same((skipped["skipped"], skipped["rows"]), (1, 40), "is counted")
    check("bad rows passed over: 1" in run("inspect", "m.gw", "--data", "bad.csv", "--on-bad-row", "skip").out, "on the screen, too")
    write("few.csv", "a,b,c\n" + "1,2,x\n" * 31)
    same(json.loads(succeeds("few rows", "inspect", "start.gw", "--data", "few.csv", "--json").out)["warnings"], [], "are nothing to judge by")
    write("none.csv", "a,b,c\n")
    found = succeeds("no row", "inspect", "m.gw", "--data", "none.csv")
    check("looked at with 0 rows" in found.out and "in effect" not in found.out, "nothing is drawn of no row", found)
    write("lacks.csv", "a,c\n1,x\n")
    fails("a column that lacks", 1, ["'b'"], "inspect", "m.gw", "--data", "lacks.csv")
    fails("no such file", 1, ["nowhere.csv"], "inspect", "m.gw", "--data", "nowhere.csv")
    fails("a spec has learned nothing", 2, ["--data", "spec"], "inspect", "t.yaml", "--data", "t.csv")
    fails("--header without --data", 2, ["--header", "--data"], "inspect", "m.gw", "--header", "true")
    fails("one standard input for both", 2, ["standard input", "--data"], "inspect", "-", "--data", "-")


main(documented, healthy, equal_experts, polarised, starving, dead_units, conflict, leak, unlabelled, one_class, stuck, weightless, evaluation, inspect_rows)
