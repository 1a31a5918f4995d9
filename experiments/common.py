"""What the experiments share: running the command, statistics, Markdown. Standard library only."""
import argparse
import hashlib
import json
import math
import os
import platform
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor

_running, _stopped, _lock = set(), threading.Event(), threading.Lock()  # the commands of all threads
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


# ---- running ----

class Parser(argparse.ArgumentParser):
    """One that tells what is wrong in one line."""

    def error(self, message):
        self.exit(2, f"{self.prog}: {message}\n")


def count(text):
    """The type of an option that is a number of things."""
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 but found '{text}'")
    return int(text)


def number(text, low=0.0, high=math.inf):
    """A finite number above 0, or between two others."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and low <= value <= high and (value > 0 or low < 0)):
        bounds = f"from {low:g} to {high:g}" if high < math.inf else "above 0"
        raise argparse.ArgumentTypeError(f"expected a number {bounds} but found '{text}'")
    return value


def rates(text):
    return [number(part) for part in text.split(",")]


def correlations(text):
    return [number(part, -1, 1) for part in text.split(",")]


def program(text):
    """Where a program is that can be run."""
    found = shutil.which(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"'{text}' is no program that can be run; 'ninja -C build' makes build/gatewright")
    return found


def new_file(text):
    if os.path.isdir(text):
        raise argparse.ArgumentTypeError(f"'{text}' is a folder")
    return text


def folder(text):
    if not os.path.isdir(text):
        raise argparse.ArgumentTypeError(f"there is no folder '{text}'")
    return text


def parser(about, page):
    """Options that every experiment has. `page` is the file in docs/results that it writes."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that folders of work are removed
    options = Parser(description=about)
    options.add_argument("--gatewright", type=program, default=os.path.join(ROOT, "build", "gatewright"), metavar="PROGRAM", help="the command; default: %(default)s")
    options.add_argument("--out", type=new_file, default=os.path.join(ROOT, "docs", "results", page), metavar="PAGE", help="what to write; default: %(default)s")
    options.add_argument("--jobs", type=count, default=os.cpu_count() or 1, metavar="N", help="runs at a time, of one thread each; default: %(default)s")
    return options


def work_folder():
    """A folder of one's own that is gone at the end (a context manager), in memory where the system has that."""
    return tempfile.TemporaryDirectory(prefix="gatewright-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)


def execute(main, options, kept=None):
    """main(options) as a program: Ctrl-C and what the system refuses end it with a line. `kept` is where results of runs are."""
    try:
        main(options)
    except KeyboardInterrupt:
        goes_on = f"results of finished runs are kept in {kept}; the same command goes on from there" if kept else "no results are kept; the same command begins anew"
        print(f"stopped; {goes_on}", file=sys.stderr)
        sys.exit(130)
    except OSError as error:
        raise SystemExit(str(error)) from None


def run(program, *arguments):
    """Standard output of a command; its message ends the experiment if it fails."""
    command = [program, *map(str, arguments)]
    with _lock:
        if _stopped.is_set():
            raise KeyboardInterrupt
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        _running.add(process)
    try:
        out, err = process.communicate()
    finally:
        process.kill()  # if it is interrupted; else it has ended
        process.wait()
        with _lock:
            _running.discard(process)
    if _stopped.is_set() or process.returncode in (130, -signal.SIGINT):
        raise KeyboardInterrupt
    if process.returncode != 0:
        raise SystemExit(f"{shlex.join(command)}\n{err.decode(errors='replace')[-2000:]}")
    return out.decode()


def _stop():
    """End the commands that run; no other begins."""
    with _lock:
        _stopped.set()
        for process in _running:
            process.kill()


def json_lines(program, *arguments):
    return [json.loads(line) for line in run(program, *arguments).splitlines()]


def digest(path):
    """SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def train(program, spec, model, settings=(), threads=1):
    """`train --json` of a spec with settings ("key=value"): its lines. An epoch has "epoch" and "train", the last line may have "test"."""
    sets = [word for setting in settings for word in ("--set", setting)]
    return json_lines(program, "train", spec, "-o", model, "--threads", threads, "--json", *sets)


def parallel(function, items, jobs, what=None):
    """function(item) for all, `jobs` at a time; results in the order of the items. Progress in `what` goes to standard error. The first that fails, or
    Ctrl-C, ends all."""
    items, results = list(items), []
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        waiting = [pool.submit(function, item) for item in items]
        for future in waiting:
            try:
                results.append(future.result())
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                _stop()
                raise
            if what and len(results) % max(1, len(items) // 20) == 0:
                print(f"{len(results)} of {len(items)} {what}", file=sys.stderr, flush=True)
    return results


def write(path, text):
    """The file appears whole or not at all."""
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path + ".part", "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(path + ".part", path)


# ---- statistics ----

def mean(values):
    return math.fsum(values) / len(values)


def deviation(values):
    """Of a sample (n - 1)."""
    middle = mean(values)
    return math.sqrt(math.fsum((v - middle) ** 2 for v in values) / (len(values) - 1)) if len(values) > 1 else math.nan


def with_deviation(values, form):
    """The mean and, of more than one value, its sample's deviation."""
    return f"{mean(values):{form}} ± " + (f"{deviation(values):{form}}" if len(values) > 1 else "-")


def quantile(values, share):
    """Between the nearest two values, linearly."""
    ordered = sorted(values)
    at = share * (len(ordered) - 1)
    low = int(at)
    return ordered[low] + (at - low) * (ordered[min(low + 1, len(ordered) - 1)] - ordered[low])


def pearson(a, b):
    ma, mb = mean(a), mean(b)
    above = math.fsum((x - ma) * (y - mb) for x, y in zip(a, b))
    return above / math.sqrt(math.fsum((x - ma) ** 2 for x in a) * math.fsum((y - mb) ** 2 for y in b))


def student(a, b):
    """t of two samples with one variance, and the degrees of freedom."""
    n, m = len(a), len(b)
    pooled = ((n - 1) * deviation(a) ** 2 + (m - 1) * deviation(b) ** 2) / (n + m - 2)
    return ((mean(a) - mean(b)) / math.sqrt(pooled * (1 / n + 1 / m)) if pooled > 0 else math.nan), n + m - 2


# ---- pages ----

def table(header, rows):
    """Markdown; the first column to the left, the others to the right."""
    lines = [header, ["---"] + ["--:"] * (len(header) - 1), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines) + "\n"


def machine():
    """The processor's name, how many there are, and the system."""
    name = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            name = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), name)
    except OSError:
        pass
    return f"{name}, {os.cpu_count()} processors, {platform.system()}"


def _without_places(words):
    """A command line without the options that only say where things are."""
    kept, places = [], ("--gatewright", "--out", "--results", "--jobs")
    for i, word in enumerate(words):
        if word.split("=")[0] not in places and not (i > 0 and words[i - 1] in places):
            kept.append(word)
    return kept


def provenance(options, seeds, words=None):
    """How a page came to be: command, versions, machine, seeds. `words` stand for the command's where those name places of this machine."""
    version = "; ".join(run(options.gatewright, "--version").split("\n")[:2])
    command = shlex.join(["python3", "experiments/" + os.path.basename(sys.argv[0]), *(_without_places(sys.argv[1:]) if words is None else words)])
    return (f"- Made by `{command}`\n- {version}; Python {platform.python_version()}\n"
            f"- {machine()}\n- Seeds: {seeds}\n")


REMARKS = "<!-- remarks: written by hand, kept when the page is made again -->"


def remarks(path):
    """The part of a page that people write: what differs from the paper, and why."""
    found = REMARKS + "\n" + REMARKS + "\n"
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            parts = file.read().split(REMARKS)
        if len(parts) == 3:
            found = REMARKS + parts[1] + REMARKS + "\n"
    return "## What differs, and why\n\n" + found
