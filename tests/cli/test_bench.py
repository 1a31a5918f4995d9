"""`gatewright bench`: what it prints and refuses. Never how fast anything is."""
import json
import os
import re
import subprocess

from cli_tap import COMMAND, SOURCE, check, fails, main, read, same, succeeds

HASTE = ("--seconds", "0.01")
NAMES = ["article-mmoe", "paper-128", "paper-512", "article-cgc", "recommender-mmoe", "recommender-ple"]
SPEED = ["rows_per_second", "gflops", "share"]


def times(what):
    return [f"us_per_{what}", f"least_us_per_{what}", f"wall_us_per_{what}"]


def positive(value):
    """Every number in there is one, and above zero."""
    if isinstance(value, dict):
        return all(positive(v) for v in value.values())
    if isinstance(value, list):
        return bool(value) and all(positive(v) for v in value)
    return isinstance(value, str) or (isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0)


def machine_line(line, threads):
    same(list(line), ["machine", "isa", "threads", "table_bytes", "ceilings"], "the first line is the machine")
    same([c["threads"] for c in line["ceilings"]], threads, "ceilings for one thread and for all")
    same([list(c) for c in line["ceilings"]], [["threads", "gflops", "read_gb_per_second", "triad_gb_per_second", "random_rows_per_second"]] * len(threads),
         "ceilings have their keys")
    same(list(line["ceilings"][0]["random_rows_per_second"]), ["plain", "prefetch", "huge_pages", "huge_pages_prefetch"], "random rows have their keys")
    check(positive({**line, "machine": ""}), "ceilings are above zero", line)


def shape_line(line, name, threads):
    same(list(line), ["shape", "title", "batch", "parameters", "multiply_adds", "training", "prediction", "latency"], f"{name}: keys")
    same(line["shape"], name, f"{name}: is measured")
    for i, (found, n) in enumerate(zip(line["training"], threads)):
        same(list(found), ["threads", *times("step"), *SPEED] + ["scaling"] * (i > 0), f"{name}: training with {n} threads, keys")
        same(found["threads"], n, f"{name}: training with {n} threads")
    same([(p["batch"], p["threads"]) for p in line["prediction"]], [(32, 1), (1024, 1)] + [(1024, n) for n in threads[1:]], f"{name}: predictions")
    check(all(list(p) == ["batch", "threads", *times("batch"), *SPEED] for p in line["prediction"]), f"{name}: predictions, keys", line["prediction"])
    quantiles = line["latency"]["us"]
    same(list(quantiles), ["p50", "p90", "p99", "p99.9"], f"{name}: quantiles")
    same(sorted(quantiles.values()), list(quantiles.values()), f"{name}: quantiles rise")
    same(line["latency"]["calls"] % line["latency"]["calls_per_reading"], 0, f"{name}: calls come in groups")
    check(positive(line), f"{name}: figures are above zero", line)


def json_lines():
    found = succeeds("bench --json works", "bench", "--json", *HASTE, "--threads", 2, "--shape", "article-mmoe", "--shape", "paper-128")
    lines = [json.loads(line) for line in found.out.splitlines()]
    same(len(lines), 3, "a line for the machine and one for each shape")
    machine_line(lines[0], [1, 2])
    shape_line(lines[1], "article-mmoe", [1, 2])
    shape_line(lines[2], "paper-128", [1, 2])
    same(lines[1]["multiply_adds"], {"training": 1920, "prediction": 880}, "what the mathematics needs of article-mmoe: 720 + 128 + 32, and the way back")
    same(lines[1]["parameters"], 826, "parameters of article-mmoe")
    same(found.err, "", "no progress where nobody watches")


def one_thread():
    found = succeeds("bench with one thread works", "bench", "--json", *HASTE, "--threads", 1, "--shape", "article-mmoe")
    lines = [json.loads(line) for line in found.out.splitlines()]
    machine_line(lines[0], [1])
    shape_line(lines[1], "article-mmoe", [1])


def instruction_sets():
    for isa in ("reference", "base"):
        found = succeeds(f"bench takes {isa}", "bench", "--json", *HASTE, "--threads", 1, "--shape", "article-mmoe", environment={"GATEWRIGHT_ISA": isa})
        same(json.loads(found.out.splitlines()[0])["isa"], isa, f"the machine's line says {isa}")


def table():
    found = succeeds("bench draws a table", "bench", *HASTE, "--threads", 2, "--shape", "article-mmoe")
    check(all(len(line) <= 100 for line in found.out.splitlines()), "the table fits 100 columns", found)
    check(re.search(r"^  article-mmoe +1 .*%.*%", found.out, re.M), "a line for one thread", found)
    check(re.search(r"^ +2 .*%.*%$", found.out, re.M), "a line for all threads", found)
    check("GF/s" in found.out and "instruction set" in found.out, "the machine stands above it", found)


def refused():
    fails("an unknown shape gets the nearest", 2, ["unknown shape 'article-mmo'", "'article-mmoe'"], "bench", "--shape", "article-mmo")
    fails("a shape unlike any gets the list", 2, ["unknown shape 'zzzzzzzz'", *NAMES], "bench", "--shape", "zzzzzzzz")
    for seconds in ("0", "-1", "nan", "3601", "inf"):
        fails(f"--seconds {seconds} is refused", 2, ["--seconds"], "bench", "--seconds", seconds)
    fails("an unknown instruction set is refused", 2, ["GATEWRIGHT_ISA"], "bench", environment={"GATEWRIGHT_ISA": "abacus"})
    fails("no argument is taken", 2, ["unexpected argument 'article-mmoe'"], "bench", "article-mmoe")
    fails("no thread is too few", 2, ["--threads"], "bench", "--threads", "0")


def full_disk():
    if not os.path.exists("/dev/full"):
        print("# no /dev/full here")
        return
    with open("/dev/full", "wb") as full:
        done = subprocess.run([COMMAND, "bench", "--json", *HASTE, "--threads", "1", "--shape", "article-mmoe"], stdout=full, stderr=subprocess.PIPE)
    check(done.returncode == 1 and b"gatewright: " in done.stderr, "a full disk is an error", done)


def documented():
    page = read(os.path.join(SOURCE, "docs", "command.md")).decode()
    for name in NAMES:
        check(f"`{name}`" in page, f"docs/command.md has {name}")


main(json_lines, one_thread, instruction_sets, table, refused, full_disk, documented)
