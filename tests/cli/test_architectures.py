"""Every architecture of docs/spec.md by its name alone: trained, saved, inspected, scored, exported, imported; the same bytes for any number of
threads; and every tensor's name is one that docs/architectures.md has."""
import json
import re
import struct

from cli_tap import SOURCE, check, main, read, same, small_world, succeeds

NAMES = re.search(r"\| `model.architecture` \| one of ([^|]*) \|", open(f"{SOURCE}/docs/spec.md", encoding="utf-8").read()).group(1).split(", ")
PAGE = open(f"{SOURCE}/docs/architectures.md", encoding="utf-8").read()
ONE_TASK = re.findall(r"^\| `([a-z-]+)` \|[^|]*one task", PAGE, re.M)
TASKS = ["rich", "age", "job"]


def pattern(line):
    """`level{l}.gate.{TASK|all}.{layer}.weight|bias` as a regular expression; what follows two blanks is a remark."""
    text = re.escape(re.split(r"  +", line)[0]).replace(r"\{", "{").replace(r"\}", "}").replace(r"\|", "|")
    text = re.sub(r"{(l|i|layer)}", r"\\d+", text)
    text = text.replace("{FEATURE or share}", ".+").replace(r"{FEATURE\ or\ share}", ".+").replace("….", r".+\.")
    text = re.sub(r"{([^}]*)}", lambda m: "(" + "|".join("|".join(TASKS) if w == "TASK" else w for w in m.group(1).split("|")) + ")", text)
    head, _, last = text.rpartition(r"\.")
    return f"{head}\\.({last})"


def patterns():
    block = re.search(r"## Names of tensors.*?```text\n(.*?)```", PAGE, re.S).group(1)
    running = r".+\.norm\.(running_mean|running_var)"
    return re.compile("|".join([pattern(line) for line in block.splitlines() if line] + [running]))


def tensors_of(path):
    data = read(path)
    return json.loads(data[8:8 + struct.unpack("<Q", data[:8])[0]])


def one(name, known):
    model = ["--set", f"model={name}", "--set", "train.epochs=2"]
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


main(all_of_them)
