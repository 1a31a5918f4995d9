"""Every `sh` example of README.md and docs/command.md runs, in order, in a folder with a copy of examples/."""
import json
import os
import re
import shutil
import subprocess

from cli_tap import COMMAND, SANITIZER_MARKS, SOURCE, check, listing, main, read, same

BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def run_page(path):
    """All blocks of a page, line by line: each is a command of its own."""
    folder = os.path.basename(path) + ".d"
    shutil.copytree(os.path.join(SOURCE, "examples"), os.path.join(folder, "examples"))
    environment = dict(os.environ, PATH=os.path.dirname(COMMAND) + os.pathsep + os.environ["PATH"])
    blocks = BLOCK.findall(read(os.path.join(SOURCE, path)).decode())
    check(len(blocks) >= 5, f"{path} has examples", blocks)
    for line in (line for block in blocks for line in block.splitlines()):
        done = subprocess.run(["sh", "-c", line], cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=120)
        text = done.stdout.decode("utf-8", "replace")
        check(done.returncode == 0 and not any(mark in text for mark in SANITIZER_MARKS), f"{path}: {line}", f"exit code {done.returncode}\n{text[-3000:]}")
    return folder


def readme():
    folder = run_page("README.md")
    rows = read(os.path.join(folder, "scores.csv")).decode().splitlines()
    same(rows[0], "visitor,clicked,watched_minutes", "README: the scores have the kept column and the tasks")
    same(len(rows), 2001, "README: one line per visitor and a header")
    table = read(os.path.join(SOURCE, "examples", "first.csv")).decode().splitlines()
    shown = read(os.path.join(SOURCE, "README.md")).decode()
    check(all(line in shown for line in table[:4]), "README shows the first lines of examples/first.csv")
    same([row.split(",")[0] for row in rows], [line.split(",")[0] for line in table], "README: the scores are in the input's order")


    check(read(os.path.join(folder, "first.yaml")) == read(os.path.join(SOURCE, "examples", "first.yaml")), "README: examples/first.yaml is what init writes")


def commands():
    folder = run_page("docs/command.md")
    epochs = [json.loads(line) for line in read(os.path.join(folder, "epochs.jsonl")).splitlines()]
    same([line.get("epoch") for line in epochs], [1, 2], "docs: --json gives one object per epoch")
    check("short.gw.ckpt" in listing(folder), "docs: the checkpoint stands beside the model", listing(folder))


def first_table():
    script = os.path.join(SOURCE, "examples", "first.awk")
    if shutil.which("awk"):
        made = subprocess.run(["awk", "-f", script], stdout=subprocess.PIPE, check=True).stdout
        check(made == read(os.path.join(SOURCE, "examples", "first.csv")), "examples/first.awk makes examples/first.csv")


main(readme, commands, first_table)
