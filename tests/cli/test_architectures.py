"""Every architecture of docs/spec.md by its name alone: trained, saved, inspected, scored, exported, imported; the same bytes for any number of
threads; and every tensor's name is one that docs/architectures.md has."""
import json
import math
import os
import re
import struct

from cli_tap import SOURCE, check, fails, main, read, run, same, small_world, succeeds, write

NAMES = re.search(r"\| `model.architecture` \| one of ([^|]*) \|", open(f"{SOURCE}/docs/spec.md", encoding="utf-8").read()).group(1).split(", ")
PAGE = open(f"{SOURCE}/docs/architectures.md", encoding="utf-8").read()
ONE_TASK = re.findall(r"^\| `([a-z-]+)` \|[^|]*one task", PAGE, re.M)
TASKS = ["rich", "age", "job"]


def pattern(line):
    """`level{l}.gate.{TASK|all}.{layer}.weight|bias` as a regular expression; what follows two blanks is a remark."""
    text = re.escape(re.split(r"  +", line)[0]).replace(r"\{", "{").replace(r"\}", "}").replace(r"\|", "|")
    text = re.sub(r"{(l|i|layer)}", r"\\d+", text)
    text = text.replace("…\\.", r".+\.").replace("{FEATURE or share}", ".+").replace(r"{FEATURE\ or\ share}", ".+")
    text = re.sub(r"{([^}]*)}", lambda m: "(" + "|".join({"TASK": "|".join(TASKS), "CATEGORY": "all"}.get(w, w) for w in m.group(1).split("|")) + ")", text)
    head, _, last = text.rpartition(r"\.")
    return f"{head}\\.({last})"


MMOE_2 = """{levels: [{experts: {shared: 2}, gates: {expert0: [shared], expert1: [shared]}},
                     {experts: {shared: {count: 2, reads: [expert0, expert1]}}, gates: {rich: [shared], age: shared, job: {sees: [shared.0, shared.1]}}}]}"""
EVERYONE = "[rich, age, job]"

# Named architectures, and what they are in full.
WRITTEN_OUT = {
    "{architecture: mmoe, levels: 2, experts: {count: 2}}": MMOE_2,
    "{architecture: omoe, experts: {count: 4}, gates: {top_k: 2}}": "{levels: [{experts: {shared: 4}, gates: {all: shared}}]}, gates: {top_k: 2}",
    "{architecture: omoe, experts: {count: 3}}": "{levels: [{experts: {shared: 3}, gates: {all: shared}}]}",
    "{architecture: shared-bottom}": "{levels: [{experts: {shared: 1}, gates: {all: shared}}], towers: {rich: all, age: all, job: all}}",
    "{architecture: averaged, experts: {count: 3}}": "{levels: [{experts: {shared: 3}, gates: {all: {sees: shared, kind: average}}}]}",
    "{architecture: ple, experts: {shared: 1, per_task: 2}}":
        """{levels: [{experts: {shared: 1, rich: 2, age: 2, job: 2},
                      gates: {rich: [shared, rich], age: [shared, age], job: [shared, job], shared: [shared, rich, age, job]}},
                     {experts: {shared: 1, rich: 2, age: 2, job: 2}, gates: {rich: [shared, rich], age: [shared, age], job: [shared, job]}}]}""",
    "{architecture: ple, ple: raw-gates, experts: {shared: 1, per_task: 1}}":
        """{levels: [{experts: {shared: 1, rich: 1, age: 1, job: 1},
                      gates: {rich: [shared, rich], age: [shared, age], job: [shared, job], shared: [shared, rich, age, job]}},
                     {experts: {shared: 1, rich: 1, age: 1, job: 1},
                      gates: {rich: {sees: [shared, rich], reads: input}, age: {sees: [shared, age], reads: input}, job: {sees: [shared, job], reads: input}}}]}""",
    "{architecture: adatt-sp, levels: 1, experts: {per_task: 2}}":
        f"""{{levels: [{{experts: {{rich: 2, age: 2, job: 2}}, gates: {{rich: {{sees: {EVERYONE}, residual: rich}}, age: {{sees: {EVERYONE}, residual: age}},
                      job: {{sees: {EVERYONE}, residual: [job.0, job.1]}}}}}}]}}""",
    "{architecture: cross-stitch, experts: {hidden: [[6]]}}":
        f"""{{levels: [{{experts: {{rich: 1, age: 1, job: 1}}, gates: {{rich: {{sees: {EVERYONE}, kind: stitch}}, age: {{sees: {EVERYONE}, kind: stitch}},
                      job: {{sees: {EVERYONE}, kind: stitch}}}}}}]}}""",
    "{architecture: snr-aver, levels: 1, experts: {count: 2}}":
        """{levels: [{experts: {shared: 2}, gates: {rich: {sees: shared, kind: connect}, age: {sees: shared, kind: connect}, job: {sees: shared, kind: connect}}}]}""",
}


def custom(wiring, more=""):
    return f"{{architecture: custom, wiring: {wiring}{more}}}"


def values_of(path):
    data = read(path)
    return data[8 + struct.unpack("<Q", data[:8])[0]:], list(tensors_of(path))[1:]


def written_out():
    """A named architecture in full is the same network, bit for bit after training."""
    for named, wiring in WRITTEN_OUT.items():
        more = ", experts: {hidden: [[6]]}" if "hidden" in named else ""
        for model, path in ((named, "named.gw"), (custom(wiring, more), "full.gw")):
            succeeds(f"{path}: {named}", "train", "people.yaml", "--set", f"model={model}", "--set", "train.epochs=2", "-o", path)
            succeeds("exported", "export", path, "--to", "safetensors", "-o", path + ".st")
        check(values_of("named.gw.st") == values_of("full.gw.st"), f"{named}: the same tensors, bit for bit")
        same(run("predict", "named.gw", "people.csv").raw, run("predict", "full.gw", "people.csv").raw, f"{named}: the same predictions")


def wrong_wirings():
    for wiring, parts in {
        "{levels: [{experts: {shared: 2}, gates: {all: other}}]}": ["no experts 'other'", "shared.0"],
        "{levels: [{experts: {shared: 2}, gates: {all: [shared, shared.1]}}]}": ["sees 'shared.1' twice"],
        "{levels: [{experts: {shared: 2}, gates: {all: shared.0}}]}": ["no gate of level 0 sees expert 'shared.1'"],
        "{levels: [{experts: {shared: 2}, gates: {rich: shared, age: shared}}]}": ["tower of task 'job'", "'all'"],
        "{levels: [{experts: {shared: 2}, gates: {all: shared, more: shared}}]}": ["no tower reads stream 'more'"],
        "{levels: [{experts: {shared: 2}, gates: {a: shared, b: shared}}, {experts: {x: {count: 2, reads: a}}, gates: {all: x}}]}": ["nothing of level 1 reads stream 'b'"],
        "{levels: [{experts: {shared: 2}, gates: {a: shared}}, {experts: {x: 2}, gates: {all: x}}]}": ["group 'x' of level 1 has nothing to read", "'reads'"],
        "{levels: [{experts: {shared: {count: 2, reads: y}}, gates: {all: shared}}]}": ["level 0 reads 'y'", "'input'"],
        "{levels: [{experts: {shared: {count: 3, reads: [input, input]}}, gates: {all: shared}}]}": ["one for each of its 3 experts", "found 2"],
        "{levels: [{experts: {shared: 0}, gates: {all: shared}}]}": ["group 'shared'", "from 1 to 1024"],
        "{levels: [{experts: {input: 1}, gates: {all: input}}]}": ["'input' cannot be the name"],
        "{levels: [{experts: {shared: 2}, gates: {all: {sees: shared, kind: hard}}}]}": ["'kind'", "softmax", "'hard'"],
        "{levels: [{experts: {shared: 2}, gates: {all: {sees: shared, kind: stitch, residual: shared}}}]}": ["residual", "'softmax'"],
        "{levels: [{experts: {shared: 2}, gates: {all: {seen: shared}}}]}": ["unknown key 'seen'", "'sees'"],
        "{levels: [{experts: {shared: 2}}]}": ["'gates'"],
        "{levels: []}": ["'levels'"],
        "{levels: [{experts: {shared: 2}, gates: {all: shared}}], towers: {riche: all}}": ["no task is named 'riche'"],
    }.items():
        fails(f"refused: {wiring}", 2, parts, "train", "people.yaml", "--set", "model=" + custom(wiring))
    sparse = ", gates: {top_k: 1}"
    for wiring in ("{levels: [{experts: {a: 3, b: 2}, gates: {all: a, rich: {sees: b, kind: average}}}]}",
                   "{levels: [{experts: {a: 3}, gates: {p: a}}, {experts: {b: {count: 2, reads: [p, input]}}, gates: {all: b}}]}"):
        fails(f"sparse gates in {wiring}", 2, ["'top_k'", "'softmax'", "'input'"], "train", "people.yaml", "--set", "model=" + custom(wiring, sparse))
    fails("custom without a wiring", 2, ["'custom' needs a 'wiring'"], "train", "people.yaml", "--set", "model=custom")
    fails("a wiring of a named architecture", 2, ["'wiring' is only for architecture 'custom'"], "train", "people.yaml", "--set",
          "model={wiring: {levels: [{experts: {shared: 2}, gates: {all: shared}}]}}")
    fails("levels that disagree", 2, ["'levels'"], "train", "people.yaml", "--set", "model=" + custom("{levels: [{experts: {shared: 1}, gates: {all: shared}}]}, levels: 3"))


TREE = """{levels: [{experts: {left: 2, right: 2}, gates: {left: left, right: right}},
                     {experts: {branches: {count: 2, reads: [left, right], identity: true}}, gates: {all: branches}}]}"""


def hierarchy():
    """Gates of gates: mixed as the weights that are shown say, which are those of a flat mixture by their products."""
    model = ["--set", "model=" + custom(TREE, ", experts: {hidden: [6]}"), "--set", "train.epochs=2"]
    for threads in (1, 3):
        succeeds(f"a tree of gates trains with {threads} threads", "train", "people.yaml", *model, "--threads", threads, "-o", f"{threads}.gw")
    check(read("1.gw") == read("3.gw"), "the same bytes")
    shown = succeeds("its structure", "inspect", "1.gw").out
    check(re.search(r"expert branches\.1 +right +as it is +0 +0", shown), "an identity is shown as what it is", shown)
    experts = json.loads(succeeds("as JSON", "inspect", "1.gw", "--json").out)["levels"][1]["experts"]
    check(all(e["identity"] is True and e["layers"] == [] for e in experts), "and told", experts)
    names = [n for n in tensors_of("1.gw") if n.startswith("level")]
    check("level1.gate.all.0.weight" in names and not any("branches" in n for n in names), "identities have no tensors", names)
    rows = [line.split(",") for line in succeeds("its gates", "predict", "1.gw", "people.csv", "--gates").out.splitlines()]
    at = {name: i for i, name in enumerate(rows[0])}
    products = [sum(float(row[at[f"gate.1.all.branches.{i}"]]) * float(row[at[f"gate.0.{side}.{side}.{j}"]]) for i, side in enumerate(("left", "right")) for j in (0, 1))
                for row in rows[1:]]
    check(all(abs(p - 1) < 1e-5 for p in products), "weights of the leaves add up to one")
    succeeds("is exported", "export", "1.gw", "--to", "safetensors", "-o", "tree.safetensors")
    succeeds("and imported", "import", "people.yaml", "tree.safetensors", *model, "-o", "tree.gw")
    same(run("predict", "tree.gw", "people.csv").raw, run("predict", "1.gw", "people.csv").raw, "predicts the same")


def example():
    os.makedirs("examples", exist_ok=True)
    for name in ("first.csv", "custom-wiring.yaml", "hierarchical-mixture.yaml"):
        write(f"examples/{name}", read(f"{SOURCE}/examples/{name}"))
    lines = succeeds("the example of a tree trains", "train", "examples/hierarchical-mixture.yaml", "--json", "-o", "example.gw").out.splitlines()
    losses = [json.loads(line)["train"]["loss"] for line in lines]
    check(losses[-1] < losses[0], "and learns", losses)
    lines = succeeds("the example of a wiring trains", "train", "examples/custom-wiring.yaml", "--json", "-o", "example.gw").out.splitlines()
    losses = [json.loads(line)["train"]["loss"] for line in lines]
    check(losses[-1] < losses[0], "and learns", losses)
    shown = succeeds("its structure", "inspect", "example.gw").out
    for part in ("taste.0-2", "habit.0-1", "both = mean of", "+ habit.0-1"):
        check(part in shown, f"shows {part}", shown)


def patterns():
    block = re.search(r"## Names of tensors.*?```text\n(.*?)```", PAGE, re.S).group(1)
    running = r".+\.norm\.(running_mean|running_var)"
    return re.compile("|".join([pattern(line) for line in block.splitlines() if line] + [running]))


def tensors_of(path):
    data = read(path)
    return json.loads(data[8:8 + struct.unpack("<Q", data[:8])[0]])


def one(name, known):
    model = ["--set", f"model={name}", "--set", "train.epochs=2"]
    if name == "custom":
        model[1] = "model=" + custom(MMOE_2)
    if name in ONE_TASK:
        model += ["--set", "tasks={rich: binary}", "--set", "features.ignore=[id, age, job]"]
    for threads in (1, 2, 3, 5):
        succeeds(f"{name}: trains with {threads} threads", "train", "people.yaml", *model, "--threads", threads, "-o", f"{threads}.gw")
        check(read(f"{threads}.gw") == read("1.gw"), f"{name}: {threads} threads give the same bytes")
    same(json.loads(succeeds(f"{name}: is inspected", "inspect", "1.gw", "--json").out)["architecture"], name, f"{name}: says its name")
    check(name in succeeds(f"{name}: is shown", "inspect", "1.gw").out, f"{name}: and for people, too")
    scores = succeeds(f"{name}: predicts", "predict", "1.gw", "people.csv", "--gates").raw
    succeeds(f"{name}: is exported", "export", "1.gw", "--to", "safetensors", "-o", "weights.safetensors")
    unknown = [tensor for tensor in tensors_of("weights.safetensors") if tensor != "__metadata__" and not known.fullmatch(tensor)]
    same(unknown, [], f"{name}: the names of its tensors are documented")
    succeeds(f"{name}: is imported", "import", "people.yaml", "weights.safetensors", *model, "-o", "again.gw")
    check(succeeds(f"{name}: predicts again", "predict", "again.gw", "people.csv", "--gates").raw == scores, f"{name}: and the same")


def all_of_them():
    small_world()
    known = patterns()
    for name in NAMES:
        check(f"\n| `{name}` |" in PAGE, f"{name}: stands in docs/architectures.md")
        one(name, known)


def numbers_of(path):
    data = read(path)
    begin = 8 + struct.unpack("<Q", data[:8])[0]
    places = {name: tensor["data_offsets"] for name, tensor in tensors_of(path).items() if name != "__metadata__"}
    return {name: struct.unpack(f"<{(b - a) // 4}f", data[begin + a:begin + b]) for name, (a, b) in places.items()}


def connected():
    """What is learned for all rows alike is shown: the stored constants, of connections what they are in prediction."""
    for model, kind, part, n in (("cross-stitch", "stitch", "alpha", 6), ("{architecture: snr-trans, levels: 2, experts: {count: 4}}", "connect", "log_alpha", 7),
                                 ("adatt", "residual", "residual", 7), ("{architecture: adatt, experts: {per_task: 1, shared: 1}}", "residual", "residual", 0),
                                 ("mmoe", None, None, 0)):
        succeeds(f"{model} trains", "train", "people.yaml", "--set", f"model={model}", "--set", "train.epochs=2", "--set", "train.optimizer.lr=0.05", "-o", "m.gw")
        succeeds("its tensors", "export", "m.gw", "--to", "safetensors", "-o", "m.safetensors")
        numbers = numbers_of("m.safetensors")
        shown = json.loads(succeeds("as JSON", "inspect", "m.gw", "--json").out)["connections"]
        same((len(shown), {c["kind"] for c in shown} or {None}), (n, {kind if n else None}), f"{model}: the streams that have constants")
        for c in shown:
            stored = numbers[f"level{c['level']}.gate.{c['stream']}.{part}"]
            if kind == "connect":
                stored = [min(1, max(0, 1.2 / (1 + math.exp(-x)) - 0.1)) for x in stored]
            check(len(c["experts"]) == len(stored) and max(abs(a - b) for a, b in zip(c["values"], stored)) < 1e-6, f"{model}: their values", (c, stored))
        text = succeeds("as text", "inspect", "m.gw").out.partition("learned connections, the same for every row\n")[2]
        same(len(text.splitlines()), n, f"{model}: a line for each stream")
        for c, line in zip(shown, text.splitlines()):
            values = [float(word) for word in re.findall(r"\.\d+ (-?[0-9.e-]+)(?:,|$)", line)]
            check(line.startswith(f"  level {c['level']}, {c['stream']}") and all(f" {expert} " in line for expert in c["experts"]), f"{model}: names", line)
            check(len(values) == len(c["values"]) and max(abs(a - b) for a, b in zip(values, c["values"])) < 1e-3, f"{model}: numbers", (line, c))
    same("connections" in json.loads(succeeds("a spec", "inspect", "people.yaml", "--json").out), False, "a spec has learned none")


main(all_of_them, written_out, wrong_wirings, hierarchy, example, connected)
