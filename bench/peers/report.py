"""Make the page of results from what run.py measured: python3 report.py RESULTS --out docs/results/performance.md.

What stands in the page between the two lines of REMARKS is written by hand and kept."""
import argparse
import json
import os
import statistics

REMARKS = ("<!-- remarks -->", "<!-- end of remarks -->")

TITLES = {"article-mmoe": "article MMoE", "paper-128": "paper MMoE, batch 128", "paper-512": "paper MMoE, batch 512", "article-cgc": "article CGC",
          "recommender-mmoe": "recommender MMoE", "recommender-ple": "recommender PLE"}
# What the project set out to reach: shape -> factor.
GOALS = {
    "written": {"article-mmoe": 18, "paper-128": 18, "paper-512": 7, "article-cgc": 10.5, "recommender-mmoe": 1.4, "recommender-ple": 1.3},
    "once": {"article-cgc": 8.5},
    "fastest": {"article-mmoe": 12, "paper-128": 8, "paper-512": 4.2, "article-cgc": 4.6},
    "two": {"recommender-mmoe": 1.75, "recommender-ple": 1.65},
    1: {"article-mmoe": 40, "paper-128": 12, "article-cgc": 10, "recommender-mmoe": 1.6, "recommender-ple": 2},
    1024: {"article-mmoe": 4, "paper-128": 1.6, "paper-512": 1, "article-cgc": 1.4, "recommender-mmoe": 1, "recommender-ple": 1},
}
KINDS = {"eager": "as written", "eager-once": "as written, each expert once", "eager-expand": "experts as modules, weighted sum",
         "eager-einsum": "experts as modules, einsum", "eager-matmul": "experts as modules, matmul", "vec-bmm": "vectorised, mixed by products",
         "vec-sum": "vectorised, mixed by sums"}
HOWS = {"plain": "", "fast": "", "trace": ", traced", "compile": ", torch.compile"}


def read(results, name):
    try:
        with open(os.path.join(results, name + ".json")) as file:
            return json.load(file)
    except FileNotFoundError:
        return None


# ---- figures -------------------------------------------------------------------------------------------------------------------------

def times(answers, clock):
    return [a[clock] / a["n"] for a in answers]


def clean(answers, label, clock):
    """Rounds in which neither program had more than 6 % of a processor taken away; all, if fewer than two are so. Only wall time needs it."""
    pairs = list(zip(answers[label], answers["ours"]))
    good = [p for p in pairs if all(a.get("others", 0) <= 0.06 for a in p)]
    return (good if clock == "wall" and len(good) > 1 else pairs), len(good), len(pairs)


class Ratio:
    """How many times as long `label` takes as we do: the median of the rounds' ratios, the least and largest of them, and the ratio of the minima."""

    def __init__(self, answers, label, clock):
        pairs, self.clean, self.rounds = clean(answers, label, clock)
        theirs, ours = times([a for a, _ in pairs], clock), times([b for _, b in pairs], clock)
        ratios = sorted(a / b for a, b in zip(theirs, ours))
        self.label, self.theirs, self.ours = label, statistics.median(theirs), statistics.median(ours)
        self.median, self.low, self.high, self.minima = statistics.median(ratios), ratios[0], ratios[-1], min(theirs) / min(ours)


def ratios(answers, clock, wanted):
    return [Ratio(answers, label, clock) for label in answers if label != "ours" and wanted(label) and answers[label]]


def duration(seconds):
    for unit, factor in (("s", 1), ("ms", 1e3), ("us", 1e6)):
        if seconds * factor >= (10 if unit == "s" else 1) or unit == "us":
            return "%.3g %s" % (seconds * factor, unit) if seconds * factor < 1000 else "%.0f %s" % (seconds * factor, unit)


def factor(x):
    return "%.1fx" % x if x >= 10 else "%.2fx" % x


def variant_title(label, peers):
    peer, _, variant = label.partition(" ")
    how, _, kind = variant.partition(".")
    title = peers.get(peer, {}).get("title", peer)
    return "%s: %s%s" % (title, KINDS.get(kind, kind), HOWS.get(how, ""))


def goal(where, name):
    wanted = GOALS[where].get(name)
    return ">= %gx" % wanted if wanted else ""


HEAD = "| what | against | measured | [minima] | spread | goal | theirs | ours |\n|---|---|---|---|---|---|---|---|\n"


def row(what, against, r, wanted, note=""):
    return "| %s | %s | **%s** | [%s] | %s–%s%s | %s | %s | %s |\n" % (
        what, against, factor(r.median), factor(r.minima), factor(r.low), factor(r.high), note, wanted, duration(r.theirs), duration(r.ours))


# ---- sections ------------------------------------------------------------------------------------------------------------------------

def machine_section(machine):
    if not machine:
        return ""
    text = "## Machine and versions\n\n%s, family %s model %s, %d processors (%s), %s; %.1f GiB of memory; %s; %s. Gatewright at %s.\n\n" % (
        machine["cpu"], machine["family"], machine["model"], machine["processors"], ", ".join(machine["flags"]),
        ", ".join("%s %s" % item for item in machine["caches"].items()), machine["memory"] / 2**30, machine["system"], machine["compiler"], machine["commit"])
    for peer in machine["peers"].values():
        text += "- %s: PyTorch %s, Python %s, %s\n" % (peer["title"], peer.get("torch"), peer.get("python"), peer.get("blas"))
    text += "- ONNX Runtime %s, called through its C API\n" % machine["onnx"] if machine["onnx"] else "- ONNX Runtime was not there\n"
    if not machine["peers"]:
        text += "- PyTorch was not there\n"
    return text + ("\n**Measured with `--quick`: rounds too short and too few to be quoted.**\n" if machine["quick"] else "") + "\n"


def train1_section(results, peers):
    """The rows of the goal table, then every variant."""
    summary, details = "", ""
    for name, title in TITLES.items():
        found = read(results, "train1-" + name)
        if not found:
            continue
        answers = found["answers"]
        written = min(ratios(answers, "cpu", lambda l: l.endswith(" plain.eager")), key=lambda r: r.theirs, default=None)
        once = min(ratios(answers, "cpu", lambda l: l.endswith(" plain.eager-once")), key=lambda r: r.theirs, default=None)
        fastest = min(ratios(answers, "cpu", lambda l: True), key=lambda r: r.theirs, default=None)
        for r, where in ((written, "written"), (once, "once"), (fastest, "fastest")):
            if r:
                summary += row(title, ("fastest: " if where == "fastest" else "") + variant_title(r.label, peers), r, goal(where, name))
        for r in sorted(ratios(answers, "cpu", lambda l: True), key=lambda r: r.theirs):
            agreement = found["agreement"].get(r.label) or {}
            details += "| %s | %s | %s | %s | [%s] | %.0e | %.0e |\n" % (title, variant_title(r.label, peers), duration(r.theirs), factor(r.median),
                                                                     factor(r.minima), agreement.get("outputs", 0), agreement.get("losses", 0))
    if not summary:
        return ""
    return ("## Training, one thread\n\nProcessor time of a step. *As written* is the fastest of the PyTorchs with the articles' code; *fastest* the fastest of "
            "all variants and all PyTorchs.\n\n" + HEAD + summary + "\nEvery variant that was timed, with the largest relative difference of its outputs and "
            "of its losses over the first steps from Gatewright's:\n\n| what | variant | a step | ratio | [minima] | outputs | losses |\n"
            "|---|---|---|---|---|---|---|\n" + details + "\n")


def train2_section(results, peers):
    scaling, summary = "", ""
    for name, title in TITLES.items():
        found = read(results, "train2-" + name)
        if not found:
            continue
        answers = found["answers"]
        self_ratio = Ratio(answers, "ours, 1 thread", "wall")
        wanted = 1.8 if self_ratio.theirs > 1e-3 else 1.5
        scaling += row(title, "itself on one thread", self_ratio, ">= %gx" % wanted, ", clean %d/%d" % (self_ratio.clean, self_ratio.rounds))
        for r in sorted(ratios(answers, "wall", lambda l: not l.startswith("ours")), key=lambda r: r.theirs)[:6]:
            summary += row(title, variant_title(r.label, peers), r, goal("two", name), ", clean %d/%d" % (r.clean, r.rounds))
    if not scaling:
        return ""
    return ("## Training, two threads\n\nWall time of a step; *clean n/m*: rounds in which other programs took less than 6 % of a processor; the others are left "
            "out while two are left. Peers from the fastest: the goal is against the first.\n\n" + HEAD + scaling + summary + "\n")


def predict_section(results, peers):
    text = ""
    for rows in (1, 32, 1024):
        for name, title in TITLES.items():
            found = read(results, "predict-%s-%d" % (name, rows))
            if not found:
                continue
            onnx = min(ratios(found["answers"], "cpu", lambda l: l.startswith("onnx ")), key=lambda r: r.theirs, default=None)
            torch = min(ratios(found["answers"], "cpu", lambda l: not l.startswith("onnx ")), key=lambda r: r.theirs, default=None)
            what = "%s, %d row%s" % (title, rows, "s" if rows > 1 else "")
            if onnx:
                wanted = goal(rows, name) if rows != 32 else ""
                text += row(what, "ONNX Runtime (%s)" % KINDS[onnx.label.partition(" ")[2]], onnx, wanted)
            if torch:
                text += row(what, variant_title(torch.label, peers), torch, "")
    if not text:
        return ""
    return ("## Prediction, one thread\n\nProcessor time of a call on dense inputs that stay the same. ONNX Runtime through its C API, tensors bound once, all graph "
            "optimisations, the faster of several exports of the same network.\n\n" + HEAD + text + "\n")


def memory_section(results, peers):
    found = read(results, "memory")
    if not found:
        return ""
    mine, mega = found["found"]["ours"]["all"], 1e6
    text = "## Memory\n\nLargest resident size of a process that trains the %s, batch %d, one thread.\n\n" % (TITLES[found["shape"]["name"]], found["shape"]["batch"])
    text += "| | all | beyond its import | share of ours, all | beyond import |\n|---|---|---|---|---|\n| Gatewright | %.1f MB | | | |\n" % (mine / mega)
    for name, memory in found["found"].items():
        if name != "ours":
            beyond = memory["all"] - memory["import"]
            text += "| %s | %.0f MB | %.0f MB | 1/%.1f | 1/%.1f |\n" % (peers.get(name, {}).get("title", name), memory["all"] / mega, beyond / mega,
                                                                      memory["all"] / mine, beyond / mine)
    return text + "\nBoth hold four batches of generated rows; the goal is 1/8 of PyTorch's.\n\n"


def census_section(results):
    found = read(results, "census")
    if not found:
        return ""
    text = ("## From the census file to a trained model\n\nWhole programs, two threads, %d epochs: `gatewright train` on `examples/census-income.yaml` (with metrics of its "
            "validation part after each epoch, and a model file) against pandas and PyTorch (without either). Wall time; goal >= 12x.\n\n" % found["epochs"])
    text += "| against | measured | [minima] | spread | theirs | ours | theirs, processors | ours, processors | theirs, memory | ours, memory |\n"
    text += "|---|---|---|---|---|---|---|---|---|---|\n"
    answers = found["answers"]
    for label in answers:
        if label == "ours":
            continue
        wall, cpu = Ratio(answers, label, "wall"), Ratio(answers, label, "cpu")
        sizes = [statistics.median(a["max_rss"] for a in answers[name]) / 1e6 for name in (label, "ours")]
        text += "| pandas + PyTorch, %s | **%s** | [%s] | %s–%s | %.1f s | %.1f s | %.1f s | %.1f s | %.0f MB | %.0f MB |\n" % (
            label, factor(wall.median), factor(wall.minima), factor(wall.low), factor(wall.high), wall.theirs, wall.ours, cpu.theirs, cpu.ours, *sizes)
    return text + "\n"


def embedding_section(results):
    found = read(results, "embedding")
    return "## Embeddings\n\n`bench/embedding_bench`:\n\n```text\n%s\n```\n\n" % found["output"].strip() if found else ""


METHOD = """# Performance: measured beside its peers

Gatewright, PyTorch and ONNX Runtime on the same networks, the same parameters, inputs and labels, in one run in which the programs take turns. Made by
`bench/peers/report.py` from what `bench/peers/run.py` measured; how to repeat it: [bench/peers/README.md](../../bench/peers/README.md).

## How

- The shapes are the standard ones (`src/lab/shapes.c`). Before anything is timed a peer must give Gatewright's outputs (1e-5 relative) and its losses over the
  first Adam steps (1e-4 over the first ten, or five at batch 4096; later rounding grows: 1e-2); what does not agree is not timed.
- One thread: processor time of the process, pinned to one processor. Two threads: wall time on a machine that was waited for until it was idle.
- Programs take turns, round by round. *Measured* is the median over the rounds of (theirs / ours), *spread* the least and the largest, [minima] the ratio of
  the shortest times: of two figures that differ, believe the smaller.
- PyTorch gets batches that are cut beforehand and stay in memory: no data loader, no shuffling. Gatewright's step gathers shuffled rows itself. Variants other than
  those as written have the fastest Adam of their version (fused, or for-each) and losses from logits.
- PyTorch and ONNX Runtime come as Debian or PyPI ship them; setting them up is part of `bench/peers/`.

"""


def remarks(path):
    """What was written by hand into the page that is there."""
    try:
        with open(path) as file:
            text = file.read()
    except FileNotFoundError:
        text = ""
    begin, end = (text.find(mark) for mark in REMARKS)
    kept = text[begin + len(REMARKS[0]):end].strip("\n") if 0 <= begin < end else "Nothing has been written yet about rows that fall short of their goals."
    return "## What falls short, and why\n\n%s\n%s\n%s\n\n" % (REMARKS[0], kept, REMARKS[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("results")
    parser.add_argument("--out", required=True)
    arguments = parser.parse_args()
    machine = read(arguments.results, "machine")
    peers = machine["peers"] if machine else {}
    text = METHOD + machine_section(machine) + remarks(arguments.out)
    text += train1_section(arguments.results, peers) + train2_section(arguments.results, peers) + predict_section(arguments.results, peers)
    text += memory_section(arguments.results, peers) + census_section(arguments.results) + embedding_section(arguments.results)
    os.makedirs(os.path.dirname(arguments.out) or ".", exist_ok=True)
    with open(arguments.out + ".new", "w") as file:
        file.write(text.rstrip("\n") + "\n")
    os.rename(arguments.out + ".new", arguments.out)


main()
