"""The command line itself: help, misspellings, exit codes, what is refused; and that help and docs/command.md say the same."""
import os
import re

from cli_tap import SOURCE, check, fails, listing, main, read, run, same, succeeds

OPTION = re.compile(r"^ +(?:-\w, )?(--[a-z-]+)", re.MULTILINE)


def section(text, title):
    return text.split(f"\n{title}:\n", 1)[1].split("\n\n", 1)[0]


def commands():
    rows = section(run("--help").out, "commands").splitlines()
    return [row.split()[0] for row in rows if row.split()[0] != "help"]


def top():
    found = succeeds("--help succeeds", "--help")
    check("usage: gatewright COMMAND" in found.out and found.err == "", "--help goes to standard output", found)
    same(run("help").out, found.out, "help is --help")
    found = succeeds("--version succeeds", "--version")
    check(re.fullmatch(r"gatewright \d+\.\d+\.\d+\nthis machine can run: reference, [a-z0-9, ]+; in use: [a-z0-9]+\n", found.out),
          "--version prints version and instruction sets", found)
    isas = found.out.split(":", 1)[1].split(";")[0].split(",")
    for isa in map(str.strip, isas):
        found = succeeds(f"GATEWRIGHT_ISA={isa} is taken", "--version", environment={"GATEWRIGHT_ISA": isa})
        check(found.out.endswith(f"; in use: {isa}\n"), "and told", found)
    for bad in ("avx9", "AVX2", "z" * 500):
        fails(f"GATEWRIGHT_ISA={bad[:9]} is refused", 2, ["GATEWRIGHT_ISA", "(reference, ", f"'{bad[:9]}"], "train", "x.yaml", environment={"GATEWRIGHT_ISA": bad})
        found = succeeds(f"--version is told with GATEWRIGHT_ISA={bad[:9]}, too", "--version", environment={"GATEWRIGHT_ISA": bad})
        check(re.fullmatch(rf"gatewright \d+\.\d+\.\d+\nthis machine can run: .*; GATEWRIGHT_ISA is '{bad[:80]}', which is none of them\n", found.out), "and why not", found)
    succeeds("an empty GATEWRIGHT_ISA is none", "--version", environment={"GATEWRIGHT_ISA": ""})
    fails("nothing at all is refused", 2, ["a command is missing", "--help"])
    for word, meant in (("trian", "train"), ("evalute", "evaluate"), ("prdict", "predict"), ("inpsect", "inspect"), ("exprot", "export")):
        fails(f"'{word}' is taken for '{meant}'", 2, [f"'{word}'", f"did you mean '{meant}'?"], word)
        fails(f"help {word} is taken for '{meant}'", 2, [f"did you mean '{meant}'?"], "help", word)
    found = fails("a word that is like nothing is refused", 2, ["unknown command 'qqqqqqqq'"], "qqqqqqqq")
    check("did you mean" not in found.err, "and nothing is guessed", found)
    fails("commands are not abbreviated", 2, ["unknown command"], "eval")
    fails("a misspelt option before a command is refused", 2, ["--hlep", "did you mean '--help'?"], "--hlep")
    fails("help takes one command", 2, ["'evaluate'"], "help", "train", "evaluate")
    same(listing(), [], "nothing was written")


def documented(page, name):
    """The options that the page's section on a command lists."""
    part = re.split(rf"^## {name}$", page, maxsplit=1, flags=re.MULTILINE)[1]
    part = re.split(r"^## ", part, maxsplit=1, flags=re.MULTILINE)[0]
    return sorted(set(re.findall(r"^\| .*?`(?:-\w`, `)?(--[a-z-]+)", part, re.MULTILINE)))


NEEDS_NOTHING = ("bench",)  # commands that can do without arguments


def every_command():
    page = read(os.path.join(SOURCE, "docs", "command.md")).decode()
    for name in commands():
        found = succeeds(f"{name} --help succeeds", name, "--help")
        same(run("help", name).out, found.out, f"help {name} is {name} --help")
        same(run(name, "--no-such", "--help", "x").out, found.out, f"{name}: --help wins over mistakes")
        check(found.err == "" and f"usage: gatewright {name} " in found.out and f"gatewright {name} " in section(found.out, "examples"),
              f"{name} --help shows usage and examples", found)
        check("exit codes: " in found.out, f"{name} --help names the exit codes", found)
        check(max(map(len, found.out.splitlines())) <= 120, f"{name} --help is at most 120 columns wide", found)
        check(f"\n## {name}\n" in page, f"docs/command.md has a section on {name}")
        options = sorted(set(OPTION.findall(section(found.out, "options"))) - {"--help"})
        same(documented(page, name), options, f"docs/command.md lists the options of {name}")
        if name not in NEEDS_NOTHING:
            fails(f"{name} without arguments is refused", 2, ["is missing", f"gatewright {name} --help"], name)
        fails(f"{name} with an unknown option is refused", 2, ["unknown option '--qqqqqqqq'"], name, "--qqqqqqqq", "x", "y")
        for option in options:
            fails(f"{name} {option} misspelt is recognised", 2, [f"did you mean '{option}'?"], name, option[:-1] + "qx"[option.endswith("q")] + option[-1])


def values():
    for bad in ("0", "-1", "1025", "many", "", "1e2", "99999999999999999999"):
        fails(f"--threads '{bad}' is refused", 2, ["'--threads'", "from 1 to 1024"], "train", "s.yaml", "--threads", bad)
        fails(f"--threads='{bad}' is refused", 2, ["'--threads'"], "evaluate", "m.gw", "d.csv", f"--threads={bad}")
    fails("an option at the end lacks its value", 2, ["'--threads'", "expected a value"], "train", "s.yaml", "--threads")
    fails("a flag takes no value", 2, ["'--json'", "takes no value"], "train", "s.yaml", "--json=1")
    fails("options are not abbreviated", 2, ["unknown option '--thr'"], "train", "s.yaml", "--thr", "1")
    fails("an unknown letter is refused", 2, ["unknown option '-x'"], "train", "s.yaml", "-x")
    fails("an unknown format is refused", 2, ["csv|jsonl|npy", "'xml'"], "predict", "m.gw", "d.csv", "--format", "xml")
    fails("an unknown target is refused", 2, ["safetensors", "'pdf'"], "export", "m.gw", "--to", "pdf", "-o", "x")
    fails("an unknown policy is refused", 2, ["fail|skip", "'maybe'"], "evaluate", "m.gw", "d.csv", "--on-bad-row", "maybe")
    fails("export without --to is refused", 2, ["'--to"], "export", "m.gw", "-o", "x")
    fails("export without -o is refused", 2, ["'-o FILE'"], "export", "m.gw", "--to", "safetensors")
    fails("init without a task is refused", 2, ["'--task"], "init", "d.csv")
    fails("one argument too many is refused", 2, ["unexpected argument 'b'"], "train", "a", "b")
    fails("behind -- an option is an argument", 2, ["unexpected argument '--json'"], "train", "--", "a", "--json")
    fails("--init and --resume exclude each other", 2, ["--init", "--resume"], "train", "s.yaml", "--init", "a", "--resume", "b")
    fails("the model and --json cannot share standard output", 2, ["standard output"], "train", "s.yaml", "-o", "-", "--json")
    fails("control characters never reach the terminal", 2, [r"\x1B[31m"], "train", "s.yaml", "--\x1b[31m")
    same(listing(), [], "nothing was written")


def absent():
    fails("a spec that does not exist is named", 1, ["nowhere.yaml"], "train", "nowhere.yaml")
    fails("a model that does not exist is named", 1, ["nowhere.gw"], "evaluate", "nowhere.gw", "x.csv")
    fails("inspect names what does not exist", 1, ["nowhere.gw: cannot read: No such file"], "inspect", "nowhere.gw")
    fails("inspect with rows, too", 1, ["nowhere.gw: cannot read: No such file"], "inspect", "nowhere.gw", "--data", "x.csv")
    fails("init names a table that does not exist", 1, ["nowhere.csv"], "init", "nowhere.csv", "--task", "x")
    fails("a pattern that matches nothing is named", 1, ["none-*.csv"], "init", "none-*.csv", "--task", "x")
    same(listing(), [], "nothing was written")


main(top, every_command, values, absent)
