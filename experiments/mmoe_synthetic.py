#!/usr/bin/env python3
"""Figures 2, 4 and 5 of the MMoE paper (Ma et al. 2018): two related regressions, and how shared-bottom, OMoE and MMoE learn them.

    python3 experiments/mmoe_synthetic.py               200 runs of each model at each correlation
    python3 experiments/mmoe_synthetic.py --runs 10     the same in small

Writes docs/results/mmoe-synthetic.md and .svg. Results of single runs are kept in a file; what is there is not run again."""
import os

import common
import synthetic_runs
from common import mean, pearson
from mmoe_synthetic_page import FIGURE_2, figures, page

MODELS = {
    "Shared-Bottom": "{architecture: shared-bottom, experts: {hidden: [113]}, towers: {hidden: [8]}}",
    "OMoE": "{architecture: omoe, experts: {count: 8, hidden: [16]}, towers: {hidden: [8]}}",
    "MMoE": "{architecture: mmoe, experts: {count: 8, hidden: [16]}, towers: {hidden: [8]}}",
}
GRID = (0.0001, 0.001, 0.01)
MAIN_RATES = GRID[1:]  # with the first, 10,000 steps are too few
PILOT_SEED, MAIN_SEED, FIGURE_SEED = 1_000_000, 1, 2_000_000


def arguments():
    options = common.parser(__doc__.split("\n")[0], "mmoe-synthetic.md")
    options.add_argument("--runs", type=common.count, default=200, metavar="N", help="of each model at each correlation; default: %(default)s")
    options.add_argument("--pilot", type=common.count, metavar="N", help="runs to choose a model's learning rate by, at each correlation; default: a tenth of --runs, but 3 to 10")
    options.add_argument("--rate-runs", type=common.count, default=100, metavar="N", help="so many of the runs are also done with the rate that was not chosen; default: %(default)s")
    options.add_argument("--correlations", type=common.correlations, default="0.5,0.9,1", metavar="P,...", help="default: %(default)s")
    synthetic_runs.add_options(options, "mmoe-synthetic.jsonl", steps=10000, batch=128, rows=128000)
    found = synthetic_runs.parsed(options)
    found.pilot = found.pilot or max(3, min(10, found.runs // 10))
    return found


# ---- the three parts ----

def figure_2(options):
    """Mean and deviation of the labels' correlation over tables of 10,000 rows, for each p. Their inputs are few: labels do not depend on it."""
    trials = max(2, options.runs // 2)

    def trial(work):
        text = common.run(options.gatewright, "synth", "mmoe", "--correlation", work[0], "--seed", FIGURE_SEED + work[1], "--dim", 2, "--rows", 10000, "-o", "-")
        rows = [line.split(",") for line in text.splitlines()[1:]]
        return pearson([float(row[2]) for row in rows], [float(row[3]) for row in rows])

    found = common.parallel(trial, [(p, i) for p in FIGURE_2 for i in range(trials)], options.jobs, "label correlations")
    return {p: found[k * trials:(k + 1) * trials] for k, p in enumerate(FIGURE_2)}


def choose_rates(options, runs, correlations):
    """Of the paper's grid, for each model and correlation: the least mean of the final losses of a few runs that count for nothing else."""
    seeds = range(PILOT_SEED, PILOT_SEED + options.pilot)
    runs.complete([(m, p, rate, seed) for p in correlations for seed in seeds for m in MODELS for rate in GRID], "pilot tables")
    found = {(m, p): {rate: mean([mean(runs.found[m, p, rate, seed][-1]) for seed in seeds]) for rate in GRID} for m in MODELS for p in correlations}
    return {cell: min(losses_, key=losses_.get) for cell, losses_ in found.items()}, found


def main(options):
    correlations, runs = options.correlations, synthetic_runs.Runs(options, MODELS, ["mmoe"])
    labels = figure_2(options)
    rates, pilot = choose_rates(options, runs, correlations)
    seeds = range(MAIN_SEED, MAIN_SEED + options.runs)
    rated = seeds[:options.rate_runs]
    runs.complete([(m, p, rate, seed) for seed in seeds for p in correlations for m in MODELS for rate in {rates[m, p], *(MAIN_RATES if seed in rated else ())}], "tables")

    def results(rate_of, seeds):
        return {(m, p): [runs.found[m, p, rate_of(m, p), seed] for seed in seeds] for m in MODELS for p in correlations}

    best = results(lambda m, p: rates[m, p], seeds)
    by_rate = {rate: results(lambda m, p, rate=rate: rate, rated) for rate in MAIN_RATES}
    common.write(os.path.splitext(options.out)[0] + ".svg", figures(options, labels, best, by_rate))
    common.write(options.out, page(options, labels, pilot, rates, best, by_rate, runs.made_by()))


if __name__ == "__main__":
    given = arguments()
    common.execute(main, given, given.results)
