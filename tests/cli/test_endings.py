"""How the command ends when it cannot go on: Ctrl-C, a full disk, a reader that went away, outputs that cannot be."""
import json
import os
import shutil
import signal
import subprocess
import time

from cli_tap import COMMAND, SANITIZER_MARKS, check, fails, listing, main, people, read, run, same, small_world, succeeds, write


def start(*arguments):
    return subprocess.Popen([COMMAND, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finish(process):
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err.decode("utf-8", "replace")


def interrupted():
    small_world(2000)
    before = listing()
    for number, name in ((signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM")):
        process = start("train", "people.yaml", "--set", "train.epochs=100000", "--json", "-o", "stopped.gw")
        process.stdout.readline()  # the first epoch is over
        process.send_signal(number)
        code, _, err = finish(process)
        same(code, 130, f"{name} ends training with 130")
        check("saved stopped.gw" in err and not any(mark in err for mark in SANITIZER_MARKS), f"{name}: the message says what was saved", err)
        same(listing(), sorted(before + ["stopped.gw"]), f"{name}: the model is there and nothing else")
        succeeds(f"{name}: and it predicts", "predict", "stopped.gw", "people.csv")
        found = succeeds(f"{name}: inspect reads it", "inspect", "stopped.gw")
        kept = json.loads(run("inspect", "stopped.gw", "--json").out)["training"]["kept_epoch"]
        whose = f"epoch {kept}" if kept else "its last step"
        check(f"the parameters are those of {whose}\n" in found.out, f"{name}: inspect says whose parameters they are", found)
        os.remove("stopped.gw")

    for number, name in ((signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM")):
        process = start("bench", "--seconds", "60")
        time.sleep(0.5)
        process.send_signal(number)
        code, _, err = finish(process)
        same((code, err), (130, "gatewright: stopped on request\n"), f"{name} ends a command that has nothing to save with 130")

    write("large.csv", people(60000))
    process = start("train", "people.yaml", "--set", "data.train=large.csv", "--set", "train.epochs=100000", "-o", "stopped.gw")
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    code, _, err = finish(process)
    check(code in (130, -signal.SIGINT) and not any(mark in err for mark in SANITIZER_MARKS), "Ctrl-C while reading ends, too", f"{code}\n{err}")
    for name in set(listing()) - set(before):
        os.remove(name)

    process = start("train", "people.yaml", "--set", "train.epochs=100000", "--json", "-o", "stopped.gw")
    process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    finish(process)
    same(listing(), before, "kill -9 leaves nothing half-written")


def predict_killed():
    succeeds("a model for the next tests", "train", "people.yaml", "--set", "train.epochs=1", "-o", "m.gw")
    before = listing()
    for number in (signal.SIGINT, signal.SIGKILL):
        process = subprocess.Popen([COMMAND, "predict", "m.gw", "-", "-o", "half.csv"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdin.write(people(20000).encode())
        process.stdin.flush()  # most of it is read by now, and the end never comes
        process.send_signal(number)
        finish(process)
        left = [name for name in listing() if name not in before and not name.endswith(".tmp")]
        same(left, [], f"predict ended by signal {number} leaves nothing half-written")
    for name in set(listing()) - set(before):  # a file system without nameless files
        os.remove(name)


def into_a_pipe():
    shell = subprocess.run(["sh", "-c", '"$0" predict m.gw people.csv -o /dev/stdout | cat', COMMAND], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    same(shell.stdout.decode(), run("predict", "m.gw", "people.csv").out, "-o /dev/stdout writes into a pipe")


def full_disk():
    if not os.path.exists("/dev/full"):
        print("# no /dev/full here")
        return
    before = listing()
    fails("predict names the full disk", 1, ["/dev/full"], "predict", "m.gw", "people.csv", "-o", "/dev/full")
    fails("train names the full disk", 1, ["/dev/full"], "train", "people.yaml", "--set", "train.epochs=1", "-o", "/dev/full")
    fails("init names the full disk", 1, ["/dev/full"], "init", "people.csv", "--task", "rich", "-o", "/dev/full")
    fails("export names the full disk", 1, ["/dev/full"], "export", "m.gw", "--to", "safetensors", "-o", "/dev/full")
    for arguments in (["evaluate", "m.gw", "people.csv"], ["evaluate", "m.gw", "people.csv", "--json"], ["predict", "m.gw", "people.csv"],
                      ["inspect", "m.gw"], ["train", "people.yaml", "--set", "train.epochs=2", "--json", "-o", "/dev/null"],
                      ["train", "people.yaml", "--set", "train.epochs=1", "--set", "data.test=people.csv", "-o", "/dev/null"], ["train", "people.yaml", "-o", "-"], ["init", "people.csv", "--task", "rich"], ["--help"], ["train", "--help"]):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([COMMAND, *arguments], stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE, timeout=60)
        err = done.stderr.decode()
        check(done.returncode == 1 and err.count("gatewright: ") == 1 and "standard output" in err and "No space left" in err,
              f"{' '.join(arguments)} to a full disk fails", f"{done.returncode}\n{err}")
    same(listing(), before, "nothing was written")


def reader_gone():
    write("many.csv", people(20000))
    process = start("predict", "m.gw", "many.csv")
    process.stdout.readline()
    process.stdout.close()
    err = process.stderr.read().decode()
    code = process.wait(timeout=60)
    process.stderr.close()
    check(code in (0, -signal.SIGPIPE) and err == "", "a reader that has seen enough ends it without a word", f"{code}\n{err}")


def wrong_outputs():
    os.mkdir("folder")
    before = listing()
    for command in (["train", "people.yaml"], ["predict", "m.gw", "people.csv"], ["init", "people.csv", "--task", "rich"],
                    ["export", "m.gw", "--to", "safetensors"]):
        fails(f"{command[0]} -o folder is refused", (1, 2), ["folder", "directory"], *command, "-o", "folder")
        fails(f"{command[0]} -o into no folder is refused", (1, 2), ["nowhere/x", "mkdir -p"], *command, "-o", "nowhere/x")
        fails(f"{command[0]} -o with an empty name is refused", (1, 2), ["empty"], *command, "-o", "")
        fails(f"{command[0]} -o onto its input is refused", (1, 2), ["also the input"], *command, "-o", command[1])
    for name in ("people.yaml", "people.csv", "m.gw"):
        check(len(read(name)) > 100, f"{name} is as it was")
    same(listing(), before, "nothing was written")
    found = run("predict", "m.gw", "people.csv", "-o", "/dev/null")
    check(found.code == 0 and os.path.exists("/dev/null"), "-o /dev/null is written, not replaced", found)
    if os.geteuid() != 0:
        os.chmod("folder", 0o500)
        fails("a folder that may not be written is named", 1, ["folder/x"], "predict", "m.gw", "people.csv", "-o", "folder/x")
        os.chmod("folder", 0o700)


def inputs_are_kept():
    """Nothing that the spec names is replaced, by whatever name it is called; nothing is read or trained before that is said."""
    os.mkdir("tables")
    succeeds("weights to import", "export", "m.gw", "--to", "safetensors", "-o", "w.safetensors")
    write("tables/a.csv", people(60))
    write("tables/b.csv", people(60, seed=2))
    write("holdout.csv", people(60, seed=3))
    write("test.csv", people(60, seed=4))
    header, rows = people(60).split("\n", 1)
    write("names.txt", header.replace(",", "\n") + "\n")
    write("bare.csv", rows)
    os.symlink("tables/a.csv", "link.csv")
    os.link("tables/b.csv", "hard.csv")
    shutil.copy("people.csv", "data.gw.ckpt")
    shutil.copy("m.gw", "old.gw.ckpt")
    before = {name: read(name) for name in ("tables/a.csv", "tables/b.csv", "holdout.csv", "test.csv", "names.txt", "bare.csv", "people.yaml",
                                            "data.gw.ckpt", "old.gw.ckpt", "w.safetensors")}
    several = ["--set", "data={train: 'tables/*.csv', valid: [holdout.csv], test: test.csv}"]
    named = ["--set", "data={train: bare.csv, header: names.txt}"]
    every = ["--set", "train.checkpoint.every=epoch"]
    for path, key, extra in (("tables/a.csv", "data.train", several), ("tables/b.csv", "data.train", several), ("./tables/../tables/a.csv", "data.train", several),
                             ("link.csv", "data.train", several), ("hard.csv", "data.train", several), (os.path.abspath("holdout.csv"), "data.valid", several),
                             ("./test.csv", "data.test", several), ("names.txt", "data.header", named), ("./bare.csv", "data.train", named)):
        for command in (["train", "people.yaml"], ["import", "people.yaml", "w.safetensors"]):
            fails(f"{command[0]} -o {os.path.basename(path)}, a file of {key}, is refused", 2, [f"gatewright: {path}: ", "also the input", key],
                  *command, *extra, "-o", path)
    fails("import -o onto the weights is refused", 2, ["also the input 'w.safetensors'"], "import", "people.yaml", "w.safetensors", "-o", "./w.safetensors")
    fails("train -o onto the checkpoint to resume is refused", 2, ["also the input"], "train", "people.yaml", "--resume", "old.gw.ckpt", "-o", "./old.gw.ckpt")
    fails("a checkpoint onto a table is refused", 2, ["gatewright: data.gw.ckpt: the checkpoint is also the input", "data.train"],
          "train", "people.yaml", *every, "--set", "data.train=data.gw.ckpt", "-o", "data.gw")
    fails("a checkpoint onto the model to start from is refused", 2, ["gatewright: old.gw.ckpt: the checkpoint is also the input"],
          "train", "people.yaml", *every, "--init", "old.gw.ckpt", "-o", "old.gw")
    fails("predict -o onto a file of a pattern is refused", 2, ["also the input 'tables/a.csv'"], "predict", "m.gw", "tables/*.csv", "-o", "link.csv")
    fails("predict -o onto the names is refused", 2, ["also the input 'names.txt'"], "predict", "m.gw", "bare.csv", "--header", "names.txt", "-o", "names.txt")
    fails("init -o onto the names is refused", 2, ["also the input 'names.txt'"],
          "init", "bare.csv", "--header", "names.txt", "--task", "rich", "-o", "names.txt")
    same({name: read(name) for name in before}, before, "every input is as it was")
    one = ["--set", "train.epochs=1"]
    succeeds("without checkpoints a table may have the name of one", "train", "people.yaml", *one, "--set", "data.train=data.gw.ckpt", "-o", "data.gw")
    succeeds("a run with checkpoints goes on from its own", "train", "people.yaml", *one, *every, "-o", "goes.gw")
    succeeds("and replaces it", "train", "people.yaml", *one, *every, "--resume", "goes.gw.ckpt", "-o", "goes.gw")
    check(read("goes.gw") != read("goes.gw.ckpt") and read("data.gw.ckpt") == before["data.gw.ckpt"], "model, checkpoint and table stay apart")


main(interrupted, predict_killed, into_a_pipe, full_disk, reader_gone, wrong_outputs, inputs_are_kept)
