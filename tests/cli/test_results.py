"""The main road: a table, a spec, a model, and what the commands print about them."""
import csv
import gzip
import io
import json
import lzma
import os
import struct
import subprocess

from cli_tap import COMMAND, check, fails, listing, main, people, read, run, same, small_world, succeeds, write

GATE = "gate.0.rich.shared.0"


def rows_of(text):
    return list(csv.reader(io.StringIO(text)))


def training():
    small_world()
    found = succeeds("train succeeds", "train", "people.yaml")
    same(listing(), ["model.gw", "people.csv", "people.yaml"], "train -o defaults to model.gw, and nothing else is left")
    same(found.raw, b"", "without data.test nothing goes to standard output")
    for part in ("240 rows", "8 columns", "task 'rich'", "positive", "epoch 1/3", "epoch 3/3", "saved model.gw", "next: gatewright"):
        check(part in found.err, f"train tells '{part}'", found)
    check("\r" not in found.err and "\x1b" not in found.err, "no bar where nobody watches", found)

    lines = succeeds("train --json succeeds", "train", "people.yaml", "--json", "-o", "again.gw").out.splitlines()
    epochs = [json.loads(line) for line in lines]
    same([epoch["epoch"] for epoch in epochs], [1, 2, 3], "--json prints one line per epoch")
    same(sorted(epochs[1]), ["epoch", "seconds", "train", "valid"], "an epoch has these keys")
    same(sorted(epochs[0]), ["epoch", "health", "seconds", "train", "valid"], "and where the run looked at itself this one")
    same(sorted(epochs[0]["train"]["tasks"]), ["age", "job", "rich"], "an epoch has a loss per task")
    check(abs(epochs[0]["train"]["loss"]) > 0 and epochs[2]["train"]["loss"] < epochs[0]["train"]["loss"], "the loss falls", lines)
    check("auc" in epochs[0]["valid"]["tasks"]["rich"], "a validated binary task has an auc", lines[0])
    check(read("model.gw") == read("again.gw"), "two runs give the same bytes")

    for threads in (1, 2, 5):
        succeeds(f"train --threads {threads} succeeds", "train", "people.yaml", "--threads", threads, "-o", f"t{threads}.gw")
        check(read(f"t{threads}.gw") == read("model.gw"), f"--threads {threads} gives the same bytes")

    lines = succeeds("--set changes the spec", "train", "people.yaml", "--set", "train.epochs=1", "--set=data.valid=null", "--health", "off", "--json", "-o", "s.gw").out
    same([sorted(json.loads(line)) for line in lines.splitlines()], [["epoch", "seconds", "train"]], "without data.valid a line lacks 'valid'")
    found = succeeds("balanced tasks", "train", "people.yaml", "--set", "train.epochs=1", "--set", "train.balance=uncertainty", "--json", "-o", "s.gw")
    same(sorted(json.loads(found.out)["balance"]), ["age", "job", "rich"], "balancing tells its factor of each task")
    check("balance: rich" in found.err, "and shows them", found)
    fails("a misspelt method is recognised", 2, ["pcgrad"], "train", "people.yaml", "--set", "train.balance=pcgard")
    fails("a misspelt key of --set is recognised", 2, ["epochs"], "train", "people.yaml", "--set", "train.epchs=1")
    fails("--set wants key=value", 2, [], "train", "people.yaml", "--set", "train.epochs")

    found = succeeds("data.test is measured", "train", "people.yaml", "--set", "data.test=people.csv", "--set", "train.epochs=1", "-o", "s.gw")
    check("auc" in found.out and "240 rows" in found.out, "the test's table goes to standard output", found)
    found = succeeds("data.test with --json", "train", "people.yaml", "--set", "data.test=people.csv", "--set", "train.epochs=1", "--json", "-o", "s.gw")
    same([sorted(json.loads(line)) for line in found.out.splitlines()][1:], [["test"]], "a last line holds the test, without a key 'epoch'")
    found = succeeds("train -o - succeeds", "train", "people.yaml", "-o", "-")
    check(found.raw == read("model.gw"), "-o - writes the model to standard output")


def continuing():
    succeeds("a run with checkpoints", "train", "people.yaml", "--set", "train.checkpoint.every=epoch", "-o", "c.gw")
    succeeds("two epochs of three", "train", "people.yaml", "--set", "train.checkpoint.every=epoch", "--set", "train.epochs=3", "-o", "r.gw")
    succeeds("--resume succeeds", "train", "people.yaml", "--set", "train.checkpoint.every=epoch", "--resume", "c.gw.ckpt", "-o", "r.gw")
    check(read("r.gw") == read("c.gw"), "a resumed run gives the same bytes")
    succeeds("--init succeeds", "train", "people.yaml", "--init", "model.gw", "--set", "train.epochs=1", "-o", "i.gw")
    succeeds("a model may be trained further in its place", "train", "people.yaml", "--init", "i.gw", "--set", "train.epochs=1", "-o", "i.gw")
    fails("--init of another architecture is refused", 2, ["model.gw: ", "the model has no tensor 'level0.gate.all.0.weight'"],
          "train", "people.yaml", "--init", "model.gw", "--set", "model.architecture=omoe", "-o", "x.gw")
    fails("or with a tensor too many", 2, ["the spec has no parameter for tensor 'level0.expert.shared.1.0.weight'"],
          "train", "people.yaml", "--init", "model.gw", "--set", "model.architecture=shared-bottom", "-o", "x.gw")
    fails("or of other widths", 2, ["tensor 'level0.expert.shared.0.0.weight': expected the shape [3,"],
          "train", "people.yaml", "--init", "model.gw", "--set", "model.experts.hidden=[3]", "-o", "x.gw")
    check(not os.path.exists("x.gw"), "and nothing is written")


def many_seeds():
    quick = ("--set", "train.epochs=2")
    for seed in (3, 4, 9):
        succeeds(f"seed {seed} alone", "train", "people.yaml", *quick, "--set", f"train.seed={seed}", "-o", f"alone-{seed}.gw")
    found = succeeds("--seeds succeeds", "train", "people.yaml", *quick, "--seeds", "3-4,9", "-o", "seed-{seed}.gw")
    for seed in (3, 4, 9):
        check(read(f"seed-{seed}.gw") == read(f"alone-{seed}.gw"), f"seed {seed} is what it is alone")
    same([line.split()[0] for line in found.out.splitlines()], ["valid:", "seed", "3", "4", "9", "mean", "deviation"], "a row per seed, mean and deviation")
    check("rich auc" in found.out and "seed 9: epoch 2/2" in found.err, "which metrics, and whose epochs", found)
    same(found.err.count("240 rows"), 1, "what was read is told once")

    found = succeeds("--seeds with data.test and --json", "train", "people.yaml", *quick, "--seeds", "1-2", "--json", "--set", "data.test=people.csv", "--threads", "2")
    lines = [json.loads(line) for line in found.out.splitlines()]
    for run, seed in ((1, 1), (2, 2)):
        mine = [line for line in lines if line["run"] == run]
        same([line["seed"] for line in mine], [seed] * 3, f"the lines of run {run} have its seed")
        same([line.get("epoch") for line in mine], [1, 2, None], f"run {run} tells its epochs in order")
        check("test" in mine[2], "and its test", mine)
    check(os.path.exists("model-1.gw") and os.path.exists("model-2.gw"), "models are named model-{seed}.gw by default")

    found = fails("a seed that fails does not stop the others", 1, ["seed 1", "epoch 1"], "train", "people.yaml", "--seeds", "1,2", "--set", "train.optimizer={name: sgd, lr: 1e30}", "-o", "f{seed}.gw")
    check("seed 2: epoch 1" in found.err, "each failure is told", found)
    fails("--seeds wants {seed} in the output", 2, ["{seed}"], "train", "people.yaml", "--seeds", "1-2", "-o", "x.gw")
    fails("a seed twice is refused", 2, ["twice"], "train", "people.yaml", "--seeds", "1-3,2")
    for wrong in ("a", "3-1", "-2", "1-", "1-999999999", ""):
        fails(f"--seeds '{wrong}' is refused", 2, [], "train", "people.yaml", f"--seeds={wrong}")
    fails("--seeds and --resume exclude each other", 2, ["--resume"], "train", "people.yaml", "--seeds", "1", "--resume", "c.gw.ckpt")


def evaluating():
    found = succeeds("evaluate succeeds", "evaluate", "model.gw", "people.csv")
    for part in ("240 rows", "rich", "auc", "rmse", "mean gates", "shared.0"):
        check(part in found.out, f"evaluate shows '{part}'", found)
    found = succeeds("in a plain locale", "evaluate", "model.gw", "people.csv", environment={"LC_ALL": "C"})
    check("#" in found.out and found.out.isascii(), "bars are plain characters there", found)
    found = run("evaluate", "model.gw", "people.csv", environment={"LC_ALL": "C.UTF-8"})
    check("█" in found.out, "and blocks in a UTF-8 locale", found)

    result = json.loads(succeeds("evaluate --json succeeds", "evaluate", "model.gw", "people.csv", "--json").out)
    same(sorted(result), ["gates", "health", "rows", "tasks"], "evaluate --json has these keys")
    same(result["rows"], 240, "and counts the rows")
    check({"loss", "auc", "log_loss"} <= set(result["tasks"]["rich"]), "a binary task's metrics", result)
    check({"loss", "rmse", "mae", "r2"} <= set(result["tasks"]["age"]), "a regression's metrics", result)
    same(json.loads(run("evaluate", "model.gw", "-", "--json", stdin=read("people.csv")).out), result, "- reads standard input")
    write("people.csv.gz", gzip.compress(read("people.csv")))
    write("people.csv.xz", lzma.compress(read("people.csv")))
    for name in ("people.csv.gz", "people.csv.xz"):
        same(json.loads(run("evaluate", "model.gw", name, "--json").out), result, f"{name} gives the same")
    write("one-class.csv", "\n".join(line for line in people(240).splitlines() if ",1," not in line or line.startswith("id")) + "\n")
    result = json.loads(succeeds("a table of one class", "evaluate", "model.gw", "one-class.csv", "--json").out)
    same(result["tasks"]["rich"]["auc"], None, "the AUC of one class is null")
    fails("labels are needed", 1, ["rich"], "evaluate", "model.gw", write("unlabelled.csv", people(20, labels=False)))


def predicting():
    found = succeeds("predict succeeds", "predict", "model.gw", "people.csv")
    rows = rows_of(found.out)
    same(rows[0], ["rich", "age", "job.clerk", "job.cook", "job.smith"], "the header names tasks and classes")
    same(len(rows), 241, "one line per row")
    check(all(0 <= float(row[0]) <= 1 for row in rows[1:]), "a binary task gives probabilities")
    check(all(abs(sum(map(float, row[2:])) - 1) < 1e-5 for row in rows[1:]), "classes sum to one")
    same(found.err, "", "nothing is said when all went well")

    succeeds("predict -o succeeds", "predict", "model.gw", "people.csv", "-o", "scores.csv")
    check(read("scores.csv") == found.raw, "a file holds what standard output shows")
    check(run("predict", "model.gw", "-", stdin=read("people.csv")).raw == found.raw, "- reads standard input")
    check(run("predict", "model.gw", "people.csv", "--threads", 1).raw == found.raw, "threads change nothing")
    write("two.csv", "".join(read("people.csv").decode().splitlines(True)[:101]))
    write("three.csv", people(1).splitlines(True)[0] + "".join(read("people.csv").decode().splitlines(True)[101:]))
    check(run("predict", "model.gw", "two.csv", "three.csv").raw == found.raw, "two files are one table")
    check(rows_of(succeeds("labels may be absent", "predict", "model.gw", write("new.csv", people(240, labels=False))).out) == rows, "and change nothing")

    kept = rows_of(succeeds("--keep succeeds", "predict", "model.gw", "people.csv", "--keep", "id,note").out)
    same(kept[0][:3], ["id", "note", "rich"], "--keep repeats columns first")
    same(kept[1][:2], [str(10 ** 15), 'a "quoted", note'], "quoted cells survive, ids keep all digits")
    same([row[2:] for row in kept], rows, "and the predictions follow")
    fails("--keep of an unknown column is refused", (1, 2), ["nope"], "predict", "model.gw", "people.csv", "--keep", "nope")

    objects = [json.loads(line) for line in succeeds("--format jsonl succeeds", "predict", "model.gw", "people.csv", "--format", "jsonl").out.splitlines()]
    same(len(objects), 240, "one object per row")
    check(abs(objects[0]["rich"] - float(rows[1][0])) < 1e-6, "with the same numbers", objects[0])

    succeeds("--format npy succeeds", "predict", "model.gw", "people.csv", "--format", "npy", "-o", "scores.npy")
    data = read("scores.npy")
    size = struct.unpack_from("<H", data, 8)[0]
    head = data[10:10 + size].decode()
    check(data[:6] == b"\x93NUMPY" and "(240, 5)" in head and "'<f4'" in head, "an npy file of 240 by 5 floats", head)
    same(struct.unpack_from("<f", data, 10 + size)[0], struct.unpack("<f", struct.pack("<f", float(rows[1][0])))[0], "with the same bits")

    gates = rows_of(succeeds("--gates succeeds", "predict", "model.gw", "people.csv", "--gates").out)
    check(GATE in gates[0] and len(gates[0]) == 5 + 9, "--gates adds a column per weight", gates[0])
    first = gates[0].index(GATE)
    check(all(abs(sum(map(float, row[first:first + 3])) - 1) < 1e-5 for row in gates[1:]), "a gate's weights sum to one")

    write("bad.csv", people(3) + "only,three,cells\n" + people(2, 2).split("\n", 1)[1])
    fails("a bad row is named", 1, ["bad.csv:5"], "predict", "model.gw", "bad.csv", "-o", "bad-scores.csv")
    check("bad-scores.csv" not in listing(), "and nothing is written")
    found = succeeds("--on-bad-row skip goes on", "predict", "model.gw", "bad.csv", "--on-bad-row", "skip")
    same(len(rows_of(found.out)), 6, "and gives the other rows")
    check("bad rows passed over: 1" in found.err, "and says so", found)


def moving():
    succeeds("export succeeds", "export", "model.gw", "--to", "safetensors", "-o", "w.safetensors")
    succeeds("import succeeds", "import", "people.yaml", "w.safetensors", "-o", "imported.gw")
    check(run("predict", "imported.gw", "people.csv").raw == run("predict", "model.gw", "people.csv").raw, "an imported model gives the same predictions")
    data = read("w.safetensors")
    size = struct.unpack_from("<Q", data)[0]
    names = json.loads(data[8:8 + size])
    check("tower.rich.0.weight" in names and "level0.gate.rich.0.weight" in names, "the tensors have their documented names", sorted(names))
    cut = {name: names[name] for name in names if name not in ("__metadata__", "tower.rich.0.bias")}
    head = json.dumps(cut).encode()
    fails("a file with a hole is refused", 1, [], "import", "people.yaml", write("hole.safetensors", struct.pack("<Q", len(head)) + head + data[8 + size:]), "-o", "x.gw")
    check(not os.path.exists("x.gw"), "and nothing is written")


def inspecting():
    for what in ("model.gw", "people.yaml"):
        found = succeeds(f"inspect {what} succeeds", "inspect", what)
        for part in ("mmoe", "parameters", "multiply-adds", "shared.0-2", "gate rich", "tower age", "features", "hours", "tasks"):
            check(part in found.out, f"inspect {what} shows '{part}'", found)
        description = json.loads(succeeds(f"inspect {what} --json succeeds", "inspect", what, "--json").out)
        check(description["architecture"] == "mmoe" and description["parameters"] > 0, f"inspect {what} --json tells the same", description)
        same(run("inspect", "-", "--json", stdin=read(what)).out, run("inspect", what, "--json").out, f"inspect - < {what} tells the same")
        shell = subprocess.run(["sh", "-c", f'cat {what} | "$0" inspect /dev/stdin --json', COMMAND], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        same(shell.stdout.decode(), run("inspect", what, "--json").out, f"and so does inspect of a pipe with {what}")
    fails("a model from standard input that is truncated is refused", 1, ["standard input"], "inspect", "-", stdin=read("model.gw")[:-5])
    fails("a model from standard input has no --set", 2, ["--set"], "inspect", "-", "--set", "train.epochs=1", stdin=read("model.gw"))
    fails("a text with a NUL byte is neither", 2, ["standard input", "NUL"], "inspect", "-", stdin=b"data: {train: people.csv}\n\0")
    fails("nothing is no spec", 2, ["found nothing"], "inspect", "-", stdin=b"")
    check("ple" in succeeds("a spec from standard input takes --set", "inspect", "-", "--set", "model.architecture=ple", stdin=read("people.yaml")).out, "and shows it")
    check("cgc" in succeeds("inspect takes --set", "inspect", "people.yaml", "--set", "model.architecture=cgc").out, "and shows it")
    fails("a model has no --set", 2, ["--set"], "inspect", "model.gw", "--set", "train.epochs=1")


def beginning():
    found = succeeds("init succeeds", "init", "people.csv", "--task", "rich", "--task", "age:regression", "--task=job")
    check("tasks:" in found.out and "#" in found.out, "init writes a commented spec", found)
    found = succeeds("init -o succeeds", "init", "people.csv", "--task", "rich", "--task", "age:regression", "-o", "init.yaml")
    check(found.raw == b"" and "next: gatewright train init.yaml" in found.err, "init names the next step", found)
    succeeds("its spec trains as it is", "train", "init.yaml", "--set", "train.epochs=1", "-o", "init.gw")
    fails("a misspelt task column is recognised", (1, 2), ["'rihc'", "rich"], "init", "people.csv", "--task", "rihc")
    fails("an unknown type is refused", 2, ["regresion", "regression"], "init", "people.csv", "--task", "age:regresion")


main(training, continuing, many_seeds, evaluating, predicting, moving, inspecting, beginning)
