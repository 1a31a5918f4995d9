#!/usr/bin/env python3
"""Figures 2, 4 and 5 of the MMoE paper (Ma et al. 2018): two related regressions, and how shared-bottom, OMoE and MMoE learn them.

    python3 experiments/mmoe_synthetic.py               200 runs of each model at each correlation
    python3 experiments/mmoe_synthetic.py --runs 10     the same in small

Writes docs/results/mmoe-synthetic.md and .svg. Results of single runs are kept in a file; what is there is not run again."""
import json
import os

import common
from common import mean, pearson
from mmoe_synthetic_page import FIGURE_2, figures, page

MODELS = {
    "Shared-Bottom": "{architecture: shared-bottom, experts: {hidden: [113]}, towers: {hidden: [8]}}",
    "OMoE": "{architecture: omoe, experts: {count: 8, hidden: [16]}, towers: {hidden: [8]}}",
    "MMoE": "{architecture: mmoe, experts: {count: 8, hidden: [16]}, towers: {hidden: [8]}}",
}
GRID = (0.0001, 0.001, 0.01)
PILOT_SEED, MAIN_SEED, FIGURE_SEED = 1_000_000, 1, 2_000_000

def arguments():
    options = common.parser(__doc__.split("\n")[0], "mmoe-synthetic.md")
    options.add_argument("--runs", type=int, default=200, metavar="N", help="of each model at each correlation; default: %(default)s")
    options.add_argument("--pilot", type=int, default=4, metavar="N", help="runs to choose a model's learning rate by, at each correlation; default: %(default)s")
    options.add_argument("--steps", type=int, default=10000, metavar="N", help="default: %(default)s")
    options.add_argument("--batch", type=int, default=128, metavar="N", help="default: %(default)s")
    options.add_argument("--rows", type=int, default=128000, metavar="N", help="of a training table; default: %(default)s")
    options.add_argument("--test-rows", type=int, default=5000, metavar="N", help="default: %(default)s")
    options.add_argument("--correlations", default="0.5,0.9,1", metavar="P,...", help="default: %(default)s")
    options.add_argument("--results", default=os.path.join(common.ROOT, "out", "mmoe-synthetic.jsonl"), metavar="FILE", help="of single runs; default: %(default)s")
    return options.parse_args()


# ---- one table, all that is trained on it ----

def spec(folder):
    return {"data": {"train": f"{folder}/train.csv", "valid": f"{folder}/test.csv"}, "features": {"default": {"type": "numeric", "transform": "none"}},
            "tasks": {"y1": "regression", "y2": "regression"}}


def losses(options, folder, model, rate, seed):
    """Of the first task on fresh rows, epoch by epoch; the mean over both tasks is told, too."""
    settings = [f"model={MODELS[model]}", f"train.optimizer={{name: adam, lr: {rate}}}", f"train.seed={seed}", f"train.batch={options.batch}",
                f"train.epochs={max(1, round(options.steps * options.batch / options.rows))}"]
    lines = common.train(options.gatewright, f"{folder}/spec.json", f"{folder}/model.gw", settings)
    return [[line["valid"]["tasks"][task]["loss"] for task in ("y1", "y2")] for line in lines if "epoch" in line]


def learn(options, work):
    """All of `work` = (correlation, seed, [(model, rate), ...]): one table of its own for it."""
    correlation, seed, models = work
    with common.work_folder() as folder:
        for name, first, rows in (("train", 0, options.rows), ("test", options.rows, options.test_rows)):
            common.run(options.gatewright, "synth", "mmoe", "--correlation", correlation, "--seed", seed, "--first", first, "--rows", rows, "-o", f"{folder}/{name}.csv")
        common.write(f"{folder}/spec.json", json.dumps(spec(folder)))
        return [{"model": model, "correlation": correlation, "rate": rate, "seed": seed, "losses": losses(options, folder, model, rate, seed)} for model, rate in models]


# ---- results that are kept ----

class Kept:
    """Results by what they are of; those of other settings in the same file are passed over."""

    def __init__(self, options):
        self.path, self.found = options.results, {}
        self.settings = {"steps": options.steps, "batch": options.batch, "rows": options.rows, "test_rows": options.test_rows}
        if os.path.exists(self.path):
            with open(self.path, encoding="utf-8") as file:
                for line in map(json.loads, file):
                    if line["settings"] == self.settings:
                        self.found[self.key(line)] = line["losses"]

    @staticmethod
    def key(result):
        return result["model"], result["correlation"], result["rate"], result["seed"]

    def add(self, results):
        os.makedirs(os.path.dirname(os.path.abspath(self.path)), exist_ok=True)
        with open(self.path, "a", encoding="utf-8") as file:
            for result in results:
                file.write(json.dumps(dict(result, settings=self.settings)) + "\n")
                self.found[self.key(result)] = result["losses"]

    def complete(self, options, wanted, what):
        """Run what is missing of `wanted` = [(model, correlation, rate, seed), ...], table by table."""
        tables = {}
        for model, correlation, rate, seed in wanted:
            if (model, correlation, rate, seed) not in self.found:
                tables.setdefault((correlation, seed), []).append((model, rate))
        common.parallel(lambda work: self.add(learn(options, work)), [(*table_, models) for table_, models in tables.items()], options.jobs, what)


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


def choose_rates(options, kept, correlations):
    """Of the paper's grid, for each model and correlation: the least mean of the final losses of a few runs that count for nothing else."""
    seeds = range(PILOT_SEED, PILOT_SEED + options.pilot)
    kept.complete(options, [(m, p, rate, seed) for p in correlations for seed in seeds for m in MODELS for rate in GRID], "pilot tables")
    found = {(m, p): {rate: mean([mean(kept.found[m, p, rate, seed][-1]) for seed in seeds]) for rate in GRID} for m in MODELS for p in correlations}
    return {cell: min(losses_, key=losses_.get) for cell, losses_ in found.items()}, found


def main():
    options = arguments()
    correlations, kept = [float(p) for p in options.correlations.split(",")], Kept(options)
    labels = figure_2(options)
    rates, pilot = choose_rates(options, kept, correlations)
    seeds = range(MAIN_SEED, MAIN_SEED + options.runs)
    kept.complete(options, [(m, p, rates[m, p], seed) for p in correlations for seed in seeds for m in MODELS], "tables")
    runs = {(m, p): [kept.found[m, p, rates[m, p], seed] for seed in seeds] for m in MODELS for p in correlations}
    common.write(os.path.splitext(options.out)[0] + ".svg", figures(options, labels, runs))
    common.write(options.out, page(options, labels, pilot, rates, runs))


if __name__ == "__main__":
    main()
