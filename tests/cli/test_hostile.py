"""Files from outside are hostile: broken tables, specs and model files give exit code 1 or 2, a message that names the place, nothing on
standard output, and nothing written. Under the sanitizers this is where most memory errors would show."""
import gzip
import json
import lzma
import os
import random
import re
import struct

from cli_tap import PEOPLE_SPEC, SOURCE, check, fails, listing, main, people, read, run, same, small_world, succeeds, write

HEAD = "id,city,hours,tags,note,rich,age,job\n"
ROW = "1,Oslo,2.5,red,n1,1,30,cook\n"
GOOD = people(60)

# name, bytes, what the message holds; each is read by train (as data.train), evaluate, predict and init
TABLES = [
    ("empty", b"", []),
    ("header-only", HEAD, []),
    ("open-quote", HEAD + ROW + '2,"Oslo,2.5,red,n1,1,30,cook\n' + ROW * 3, [":3"]),
    ("quote-inside", HEAD + ROW + '2,"Os"lo,2.5,red,n1,1,30,cook\n', [":3"]),
    ("short-row", HEAD + ROW + "2,Oslo\n" + ROW, [":3"]),
    ("long-row", HEAD + ROW + ROW.strip() + ",more\n", [":3"]),
    ("zero-byte", (HEAD + ROW).encode() + b"2,Os\x00lo,2.5,red,n1,1,30,cook\n", []),
    ("twice-named", HEAD.replace("note", "city") + ROW, ["city"]),
    ("unnamed", HEAD.replace("note", "") + ROW, []),
    ("not-gzip", b"\x1f\x8b\x08\x00garbage that is no deflate stream", []),
    ("cut-gzip", gzip.compress(GOOD.encode())[:200], []),
    ("not-xz", b"\xfd7zXZ\x00garbage that is no stream", []),
    ("cut-xz", lzma.compress(GOOD.encode())[:200], []),
    ("not-zstd", b"\x28\xb5\x2f\xfdgarbage that is no frame", []),
    ("binary", bytes(range(256)) * 8, []),
]
# sound tables, but not the spec's: train names the missing column, the others the table
OTHERS = [("one-cell", "x"), ("other-columns", "a,b\n1,2\n3,4\n")]
# what only shows where cells get their meaning
CELLS = [
    ("word-for-number", HEAD + ROW * 5 + ROW.replace("2.5", "many"), [":7", "hours", "many"]),
    ("hexadecimal", HEAD + ROW * 5 + ROW.replace("2.5", "0x10"), [":7", "hours"]),
    ("infinite", HEAD + ROW * 5 + ROW.replace("2.5", "inf"), [":7", "hours"]),
    ("too-large", HEAD + ROW * 5 + ROW.replace("2.5", "1e999"), [":7", "hours"]),
]
LABELS = [
    ("binary-label", HEAD + ROW * 5 + ROW.replace(",1,30,", ",maybe,30,"), [":7", "rich", "maybe"]),
    ("regression-label", HEAD + ROW * 5 + ROW.replace(",30,", ",old,"), [":7", "age", "old"]),
]

SPECS = [
    ("empty", b"", []),
    ("only-blanks", "  \n\n", []),
    ("scalar", "hello\n", []),
    ("list", "- a\n- b\n", []),
    ("tab-indent", "data:\n\ttrain: x.csv\n", [":2"]),
    ("open-brace", "data: {train: people.csv\ntasks: {rich: {type: binary}}\n", ["spec.yaml:"]),
    ("open-quote", 'data: {train: "people.csv}\n', ["spec.yaml:"]),
    ("twice", PEOPLE_SPEC + "train: {epochs: 1}\n", ["train"]),
    ("anchor", "data: &a {train: people.csv}\ntasks: *a\n", [":1"]),
    ("tag", "data: !!map {train: people.csv}\n", [":1"]),
    ("two-documents", PEOPLE_SPEC + "---\na: 1\n", []),
    ("deep", "a: " + "[" * 200 + "]" * 200 + "\n", [":1"]),
    ("not-utf8", b"data: {train: \xff\xfe}\n", []),
    ("zero-byte", b"data: {train: pe\x00ople.csv}\n", []),
    ("binary", bytes(range(1, 256)) * 4, []),
]
HERE = object()  # the line of the value that was replaced
# a value of the good spec replaced: old, new, what the message holds
SWAPS = [
    ("epochs: 3", "epochs: 0", [HERE, "epochs"]),
    ("epochs: 3", "epochs: -1", [HERE]),
    ("epochs: 3", "epochs: many", [HERE, "many"]),
    ("epochs: 3", "epochs: 99999999999999999999", [HERE]),
    ("epochs: 3", "epocs: 3", [HERE, "'epocs'", "'epochs'"]),
    ("ignore: [id]", "ignore: [idd]", [HERE, "features.ignore", "'idd' is no column", "'id'"]),
    ("hours: {type: numeric}", "huors: {type: numeric}", [HERE, "'huors' is no column", "'hours'"]),
    ("rich: {type: binary}", "rich: {type: binary, label: rihc}", [HERE, "tasks.rich.label", "'rich'"]),
    ("rich: {type: binary}", "rich: {type: binary, given: seen}", [HERE, "tasks.rich.given", "'seen'"]),
    ("batch: 32", "batch: 0", [HERE]),
    ("batch: 32", "batch: [1, 2]", [HERE]),
    ("lr: 0.01", "lr: .nan", [HERE]),
    ("lr: 0.01", "lr: -1", [HERE]),
    ("name: adam", "name: adma", [HERE, "'adma'", "adam"]),
    ("architecture: mmoe", "architecture: mmeo", [HERE, "'mmeo'", "mmoe"]),
    ("count: 3", "count: 0", [HERE]),
    ("count: 3", "count: 4000000000", [HERE]),
    ("hidden: [8, 4]", "hidden: [8, -4]", [HERE]),
    ("hidden: [8, 4]", "hidden: [4000000000, 4000000000]", []),
    ("hidden: [4]", "hidden: four", [HERE]),
    ("type: binary", "type: bynary", [HERE, "'bynary'", "binary"]),
    ("type: bag, dim: 3", "type: bag, dim: 0", [HERE]),
    ("type: bag, dim: 3", "type: bag, dim: 99999999999", [HERE]),
    ("fraction: 0.25", "fraction: 1.5", [HERE]),
    ("fraction: 0.25", "fraktion: 0.5", [HERE]),
    ("hours:", "ours:", ["ours"]),
    ("rich: {type: binary}", "rich: {type: binary, label: nowhere}", ["nowhere"]),
    ("rich:", "shared:", ["shared"]),
    ("rich:", "a.b:", ["a.b"]),
    ("train: people.csv", "train: nowhere.csv", ["nowhere.csv"]),
    ("train: people.csv", "train: .", []),
    ("tasks:", "takss:", ["'takss'", "'tasks'"]),
]


def unchanged(before, title):
    same(listing(), before, title)


def tables():
    small_world()
    succeeds("a sound model to begin with", "train", "people.yaml", "-o", "sound.gw")
    for name, content, parts in TABLES:
        write("bad.csv", content)
        before = listing()
        place = ["bad.csv", *parts]
        fails(f"{name}: train", (1, 2), place, "train", "people.yaml", "--set", "data.train=bad.csv", "-o", "out.gw")
        fails(f"{name}: init", (1, 2), place, "init", "bad.csv", "--task", "rich", "-o", "out.yaml")
        if name != "header-only":
            fails(f"{name}: evaluate", (1, 2), place, "evaluate", "sound.gw", "bad.csv")
            fails(f"{name}: predict", (1, 2), place, "predict", "sound.gw", "bad.csv", "-o", "out.csv")
        unchanged(before, f"{name}: nothing was written")
    for name, content in OTHERS:
        write("bad.csv", content)
        before = listing()
        fails(f"{name}: train", (1, 2), ["rich"], "train", "people.yaml", "--set", "data.train=bad.csv", "-o", "out.gw")
        fails(f"{name}: init", (1, 2), [], "init", "bad.csv", "--task", "rich", "-o", "out.yaml")
        fails(f"{name}: evaluate", (1, 2), ["bad.csv"], "evaluate", "sound.gw", "bad.csv")
        fails(f"{name}: predict", (1, 2), ["bad.csv"], "predict", "sound.gw", "bad.csv", "-o", "out.csv")
        unchanged(before, f"{name}: nothing was written")
    for name, content, parts in CELLS + LABELS:
        write("bad.csv", content)
        before = listing()
        fails(f"{name}: train", 1, ["bad.csv", *parts], "train", "people.yaml", "--set", "data.train=bad.csv", "-o", "out.gw")
        fails(f"{name}: evaluate", 1, ["bad.csv", *parts], "evaluate", "sound.gw", "bad.csv")
        if (name, content, parts) in CELLS:
            fails(f"{name}: predict", 1, ["bad.csv", *parts], "predict", "sound.gw", "bad.csv", "-o", "out.csv")
        unchanged(before, f"{name}: nothing was written")


def altered_tables():
    """Bytes of a good table altered at random: read or refused, never anything else."""
    rng = random.Random(5)
    data = GOOD.encode()
    odd = []
    for _ in range(60):
        bad = bytearray(data)
        for _ in range(rng.randint(1, 4)):
            bad[rng.randrange(len(bad))] = rng.choice(b'",\n\r\x00\xff;a1-')
        write("bad.csv", bytes(bad))
        found = run("evaluate", "sound.gw", "bad.csv", "--json")
        if not found.orderly or found.code not in (0, 1) or (found.code == 1 and "gatewright: bad.csv:" not in found.err):
            odd.append(f"{bytes(bad)!r}\n{found}")
    check(not odd, "altered tables are read or refused with their place", "\n".join(odd[:2]))


def huge_numbers():
    """Values at the end of the floats have predictions, or the row is named that has none."""
    rng = random.Random(5)
    rows = [(rng.uniform(-2, 2), rng.uniform(-2, 2)) for _ in range(200)]
    write("small.csv", "a,b,y,z\n" + "".join(f"{a:.4f},{b:.4f},{int(a + b > 0)},{int(a > b)}\n" for a, b in rows))
    write("huge.csv", "a,b\n1e25,1\n-1e25,1\n1e30,-1e30\n3e38,1\n-3e38,1\n")
    write("beyond.csv", "a,b\n1,1\n3.4e38,3.4e38\n2,1\n")
    for architecture in ("mmoe", "aitm", "stem"):
        write("small.yaml", "data: {train: small.csv}\ntasks: {y: binary, z: binary}\n"
              f"model: {{architecture: {architecture}, experts: {{hidden: [8]}}}}\ntrain: {{epochs: 2, batch: 32}}\n")
        succeeds(f"{architecture}: trained", "train", "small.yaml", "-o", "small.gw")
        lines = succeeds(f"{architecture}: huge values", "predict", "small.gw", "huge.csv").out.splitlines()[1:]
        check(len(lines) == 5 and all(0 <= float(cell) <= 1 for line in lines for cell in line.split(",")), f"{architecture}: have probabilities", lines)
    write("deep.yaml", "data: {train: small.csv}\ntasks: {y: binary, z: binary}\nmodel: shared-bottom\ntrain: {epochs: 2, batch: 32}\n")
    succeeds("a deeper network", "train", "deep.yaml", "-o", "deep.gw")
    before = listing()
    fails("a row without a prediction is named", 1, ["beyond.csv:3", "task 'y'", "not a number"], "predict", "deep.gw", "beyond.csv", "-o", "out.csv")
    same(listing(), before, "and nothing written")
    found = succeeds("or skipped", "predict", "deep.gw", "beyond.csv", "--on-bad-row", "skip")
    check(len(found.out.splitlines()) == 3 and "nan" not in found.out and "passed over: 1" in found.err, "and counted", found)


def specs():
    for name, content, parts in SPECS:
        write("spec.yaml", content)
        before = listing()
        fails(f"spec {name}: train", 2, ["spec.yaml", *parts], "train", "spec.yaml", "-o", "out.gw")
        fails(f"spec {name}: inspect", (1, 2), ["spec.yaml"], "inspect", "spec.yaml")
        unchanged(before, f"spec {name}: nothing was written")
    for old, new, parts in SWAPS:
        check(PEOPLE_SPEC.count(old) >= 1, f"the spec has '{old}'")
        write("spec.yaml", PEOPLE_SPEC.replace(old, new, 1))
        line = PEOPLE_SPEC[:PEOPLE_SPEC.index(old)].count("\n") + 1
        parts = [f"spec.yaml:{line}:" if part is HERE else part for part in parts]
        before = listing()
        code = 1 if "nowhere.csv" in new or new.endswith(" .") else (1, 2) if "40000" in new else 2
        fails(f"spec with '{new}'", code, parts, "train", "spec.yaml", "-o", "out.gw")
        unchanged(before, f"spec with '{new}': nothing was written")


def altered_specs():
    """A good spec cut at every 16th byte, and as JSON at every byte of a sample: trained or refused with its place."""
    odd = []
    data = PEOPLE_SPEC.encode()
    for end in range(0, len(data), 16):
        write("spec.yaml", data[:end])
        found = run("train", "spec.yaml", "-o", "out.gw")
        if not found.orderly or found.code not in (0, 1, 2) or (found.code and "gatewright: " not in found.err):
            odd.append(f"cut at {end}\n{found}")
    check(not odd, "a spec cut anywhere is trained or refused", "\n".join(odd[:2]))
    spec = {"data": {"train": "people.csv"}, "tasks": {"rich": {"type": "binary"}}, "model": {"architecture": "mmoe"}, "train": {"epochs": 1}}
    text = json.dumps(spec).encode()
    write("spec.json", text)
    succeeds("the same as JSON", "train", "spec.json", "-o", "out.gw")
    odd = []
    for end in range(0, len(text)):
        write("spec.json", text[:end])
        found = run("train", "spec.json", "-o", "out.gw")
        if not found.orderly or found.code != 2 or "gatewright: spec.json" not in found.err:
            odd.append(f"cut at {end}\n{found}")
    check(not odd, "a JSON spec cut anywhere is refused with its place", "\n".join(odd[:2]))


def refused(data):
    """Whether predict refuses these bytes as a model, naming the file, and writes nothing. The run, if not."""
    write("bad.gw", data)
    found = run("predict", "bad.gw", "people.csv", "-o", "out.csv")
    if found.orderly and found.code in (1, 2) and found.err.startswith("gatewright: bad.gw") and "out.csv" not in listing():
        return None
    return found


def model_files():
    run("train", "people.yaml", "-o", "sound.gw")
    for name in {"out.gw", "out.csv"} & set(listing()):
        os.remove(name)
    data = read("sound.gw")
    odd = [f"cut at {end} of {len(data)}\n{found}" for end in range(0, len(data), 64) for found in [refused(data[:end])] if found]
    check(not odd, f"a model file cut at every 64th of its {len(data)} bytes is refused", "\n".join(odd[:2]))
    header = struct.unpack_from("<Q", data)[0]
    places = list(range(0, 8)) + list(range(8, 8 + header, max(1, header // 250))) + list(range(8 + header, len(data), max(1, (len(data) - header) // 150)))
    rng = random.Random(3)
    odd = []
    for at in places:
        bad = bytearray(data)
        bad[at] ^= rng.choice((0x01, 0x80, 0xFF, 0x20))
        found = refused(bytes(bad))
        if found:
            odd.append(f"byte {at} of {len(data)} (header {header})\n{found}")
    check(not odd, f"a model file with one of {len(places)} bytes altered is refused", f"{len(odd)} of them\n" + "\n".join(odd[:2]))
    check(refused(data + b"x") is None, "bytes behind the end are refused")
    for name, content in (("empty", b""), ("a table", GOOD.encode()), ("zeros", bytes(4096)), ("a huge header", struct.pack("<Q", 1 << 60) + b"{}"),
                          ("a bare safetensors file", struct.pack("<Q", 2) + b"{}")):
        found = refused(content)
        check(found is None, f"{name} is no model", found)
    for command in (("inspect", "bad.gw"), ("export", "bad.gw", "--to", "safetensors", "-o", "out.safetensors"), ("evaluate", "bad.gw", "people.csv"),
                    ("train", "people.yaml", "--init", "bad.gw", "-o", "out.gw"), ("train", "people.yaml", "--resume", "bad.gw", "-o", "out.gw"),
                    ("import", "people.yaml", "bad.gw", "-o", "out.gw")):
        write("bad.gw", data[:len(data) - 64])
        before = listing()
        fails(f"a cut model file: {command[0]}", (1, 2), ["bad.gw"], *command)
        unchanged(before, f"a cut model file: {command[0]} writes nothing")


def seeds():
    """Fuzzing begins near every architecture, and with files that are taken."""
    page = read(f"{SOURCE}/docs/spec.md").decode()
    corpus = f"{SOURCE}/tests/fuzz/corpus"
    names = re.search(r"\| `model.architecture` \| one of ([^|]*) \|", page).group(1).split(", ")
    specs = "".join(read(f"{corpus}/spec/{name}").decode("utf-8", "replace") for name in os.listdir(f"{corpus}/spec"))
    known = {json.loads(succeeds(f"seed {name}", "inspect", f"{corpus}/model/{name}", "--json").out)["architecture"] for name in listing(f"{corpus}/model")}
    for name in names:
        check(re.search(rf"architecture: {name}$", specs, re.M), f"{name} has a spec among the seeds")
        check(name in known, f"{name} has a model among the seeds")


main(tables, altered_tables, huge_numbers, specs, altered_specs, model_files, seeds)
