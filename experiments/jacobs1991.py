#!/usr/bin/env python3
"""Table 1 of Jacobs, Jordan, Nowlan & Hinton 1991: vowels told apart by 4 and 8 local experts and by nets with 6 and 12 hidden units.

    python3 experiments/jacobs1991.py

Writes docs/results/jacobs1991.md. Takes about a minute."""
import csv
import json
import math
import os

import common
from common import mean, student, table

SYSTEMS = {
    "4 experts": "{architecture: local-experts, experts: {count: 4, hidden: []}}",
    "8 experts": "{architecture: local-experts, experts: {count: 8, hidden: []}}",
    "BP 6 hidden": "{architecture: single-task, experts: {hidden: [6], activation: sigmoid}, towers: {hidden: []}}",
    "BP 12 hidden": "{architecture: single-task, experts: {hidden: [12], activation: sigmoid}, towers: {hidden: []}}",
}
PAPER = {"4 experts": (88, 90, 1124, 23), "8 experts": (88, 90, 1083, 12), "BP 6 hidden": (88, 90, 2209, 83), "BP 12 hidden": (88, 90, 2435, 124)}
VOWELS = {"iy": "i", "ih": "I", "aa": "a", "ah": "ʌ"}
TENSE = ("iy", "aa")
CRITERION = 0.08
PILOT_SEED, MAIN_SEED = 1001, 1
USED = 0.05  # an expert is in use that has at least this weight in some case


def arguments():
    options = common.parser(__doc__.split("\n")[0], "jacobs1991.md")
    options.add_argument("--runs", type=common.count, default=25, metavar="N", help="simulations of each system; default: %(default)s")
    options.add_argument("--pilot", type=common.count, default=5, metavar="N", help="simulations to choose a system's learning rate by; default: %(default)s")
    options.add_argument("--rates", type=common.rates, default="1,3,10,30,100,300", metavar="LR,...", help="to choose from; default: %(default)s")
    options.add_argument("--epochs", type=common.count, default=5000, metavar="N", help="at most; default: %(default)s")
    return options.parse_args()


def write_tables(folder):
    """Formants and the class; the first 50 speakers train."""
    with open(os.path.join(common.ROOT, "data", "vowels", "peterson-barney.tsv"), encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE) if row["Vowel"] in VOWELS]
    counts = []
    for name, part in (("train", [r for r in rows if int(r["Speaker"]) <= 50]), ("test", [r for r in rows if int(r["Speaker"]) > 50])):
        lines = ["F1,F2,tense", *(f"{r['F1']},{r['F2']},{int(r['Vowel'] in TENSE)}" for r in part)]
        common.write(f"{folder}/{name}.csv", "\n".join(lines) + "\n")
        counts.append(len(part))
    common.write(f"{folder}/spec.json", json.dumps({
        "data": {"train": f"{folder}/train.csv", "valid": f"{folder}/train.csv"},
        "tasks": {"tense": {"type": "binary", "loss": "mse", "activation": "sigmoid"}},
        "train": {"batch": "full", "optimizer": {"name": "sgd", "lr": 1}}}))
    return counts


def settings(system, rate, seed, epochs):
    return [f"model={SYSTEMS[system]}", f"train.optimizer.lr={rate}", f"train.seed={seed}", f"train.epochs={epochs}"]


def epochs_needed(options, folder, system, rate, seed):
    """The first epoch after which the average squared error of the training part is at most 0.08, or None."""
    lines = common.train(options.gatewright, f"{folder}/spec.json", f"{folder}/{system}-{rate}-{seed}.gw".replace(" ", "-"), settings(system, rate, seed, options.epochs))
    return next((line["epoch"] for line in lines if line["valid"]["tasks"]["tense"]["loss"] <= CRITERION), None)


def experts_used(options, folder, model):
    """How many of a model's experts have a weight of note in some training case; None without gates."""
    text = common.run(options.gatewright, "predict", model, f"{folder}/train.csv", "--gates")
    header, *rows = csv.reader(text.splitlines())
    gates = [i for i, name in enumerate(header) if name.startswith("gate.")]
    return sum(max(float(row[i]) for row in rows) >= USED for i in gates) if gates else None


def simulate(options, folder, system, rate, seed):
    """One simulation, stopped at the criterion: the same run once more with as many epochs as it needs, then measured."""
    epochs = epochs_needed(options, folder, system, rate, seed)
    if epochs is None:
        return None
    model = f"{folder}/{system}-{seed}.gw".replace(" ", "-")
    common.train(options.gatewright, f"{folder}/spec.json", model, settings(system, rate, seed, epochs))
    share = [common.json_lines(options.gatewright, "evaluate", model, f"{folder}/{part}.csv", "--json")[0]["tasks"]["tense"]["accuracy"] for part in ("train", "test")]
    return {"epochs": epochs, "train": share[0], "test": share[1], "used": experts_used(options, folder, model)}


def choose_rates(options, folder):
    """For each system the rate that needs the fewest epochs on average, of those that reach the criterion every time."""
    rates = options.rates
    work = [(system, rate, seed) for system in SYSTEMS for rate in rates for seed in range(PILOT_SEED, PILOT_SEED + options.pilot)]
    found = dict(zip(work, common.parallel(lambda w: epochs_needed(options, folder, *w), work, options.jobs, "pilot simulations")))
    averages = {}
    for system in SYSTEMS:
        for rate in rates:
            needed = [found[system, rate, seed] for seed in range(PILOT_SEED, PILOT_SEED + options.pilot)]
            averages[system, rate] = mean(needed) if None not in needed else None
        if all(averages[system, rate] is None for rate in rates):
            raise SystemExit(f"{system} reaches {CRITERION} with none of the rates {shown_rates(options)} within {options.epochs} epochs")
    return {system: min((r for r in rates if averages[system, r] is not None), key=lambda r: averages[system, r]) for system in SYSTEMS}, averages, rates


# ---- the page ----

def shown_rates(options):
    return ",".join(f"{rate:g}" for rate in options.rates)


def results_table(found, rates):
    rows = []
    for system, runs in found.items():
        paper, done = PAPER[system], [run for run in runs if run]
        used = [run["used"] for run in done if run["used"] is not None]
        if not done:
            rows.append([system, *["-"] * 6, f"0 of {len(runs)}"])
            continue
        rows.append([system, f"{paper[0]} / {paper[1]}", f"{100 * mean([r['train'] for r in done]):.1f} / {100 * mean([r['test'] for r in done]):.1f}",
                     f"{paper[2]} ± {paper[3]}", common.with_deviation([r["epochs"] for r in done], ".0f"), f"{rates[system]:g}",
                     f"{min(used)}–{max(used)}, mean {mean(used):.1f}" if used else "", f"{len(done)} of {len(runs)}"])
    return table(["system", "paper: train / test %", "here", "paper: epochs ± SD", "here", "rate", "experts in use", "reached 0.08"], rows)


def tests_table(found):
    rows, names = [], list(found)
    for i, first in enumerate(names):
        for second in names[i + 1:]:
            a, b = ([run["epochs"] for run in found[name] if run] for name in (first, second))
            if min(len(a), len(b)) < 2:
                continue
            t, freedom = student(a, b)
            ours, paper = mean(b) / mean(a), PAPER[second][2] / PAPER[first][2]
            rows.append([f"{first} and {second}", f"{paper:.2f}", f"{ours:.2f}", "-" if math.isnan(t) else f"{t:.2f}", freedom])
    return table(["epochs of", "paper: second / first", "here", "t", "degrees of freedom"], rows)


def page(options, counts, found, rates, averages, grid):
    pilot = table(["system", *(f"rate {rate:g}" for rate in grid)],
                  [[system, *("-" if averages[system, rate] is None else f"{averages[system, rate]:.0f}" for rate in grid)] for system in SYSTEMS])
    return f"""# Vowels: local experts beside back-propagation

Jacobs, Jordan, Nowlan & Hinton 1991, table 1. From the first two formants of a vowel: is it one of [i], [a] or one of [I], [ʌ]? No straight line tells that; linear experts
can, if each takes a part of the plane.

## How

{common.provenance(options, f"{MAIN_SEED} to {MAIN_SEED + options.runs - 1}; learning rates were chosen on other ones")}
- Peterson & Barney's measurements ([data/vowels](../../data/vowels/README.md)), four vowels, every speaker twice: {counts[0]} tokens of the first 50 speakers to train,
  {counts[1]} of the 26 others to test (the paper: 75 speakers in all). The first 50 are all the men and 17 women; the others are women and children.
- F1 and F2, each standardised on the training part. Gradient descent on all rows at once, a fixed learning rate, no momentum; a simulation ends at the first epoch after which the
  average squared error of the training part is at most {CRITERION}; {options.runs} simulations each.
- Experts: one linear map with a logistic output each, a linear gate, error 1.3 of the paper (`local-experts`). Nets: one hidden layer of logistic units, a logistic output, squared error.
- The learning rate of each system is the one of {shown_rates(options)} with the fewest epochs on average in {options.pilot} other simulations. An expert is in use if its weight is at least {USED} in some training case.

What the paper's numbers are is known here second-hand; its learning rates and the scale of its inputs are not known. That the output is one decision between two pairs of
classes, rather than one of four, is a reading: a linear map with four outputs would need no other experts, and an error of 0.08 goes with nine of ten right for one output.

## Results

{results_table(found, rates)}
{tests_table(found)}
t is Student's with one variance for both; |t| > 2.01 is significant at 5 % with 48 degrees of freedom.

{common.remarks(options.out)}
## Epochs by learning rate

Mean of {options.pilot} simulations; - where one did not reach {CRITERION} within {options.epochs:,} epochs:

{pilot}"""


def main(options):
    with common.work_folder() as folder:
        counts = write_tables(folder)
        rates, averages, grid = choose_rates(options, folder)
        work = [(system, rates[system], seed) for system in SYSTEMS for seed in range(MAIN_SEED, MAIN_SEED + options.runs)]
        runs = common.parallel(lambda w: simulate(options, folder, *w), work, options.jobs, "simulations")
        found = {system: runs[k * options.runs:(k + 1) * options.runs] for k, system in enumerate(SYSTEMS)}
        common.write(options.out, page(options, counts, found, rates, averages, grid))


if __name__ == "__main__":
    common.execute(main, arguments())
