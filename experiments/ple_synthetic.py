#!/usr/bin/env python3
"""Figure 7 of the PLE paper (Tang et al. 2020): what sharing gains over single-task models, by the tasks' correlation, and who pays for it.

    python3 experiments/ple_synthetic.py

Writes docs/results/ple-synthetic.md and .svg. The tables and networks are an eighth of the paper's and smaller."""
import json
import os

import common
import intervals
import synthetic_runs
from common import mean, table
from figures import Panel, drawing

TOWER = "towers: {hidden: [32, 16]}"
MODELS = {
    "single-task": f"{{architecture: single-task, experts: {{hidden: [64]}}, {TOWER}}}",
    "shared-bottom": f"{{architecture: shared-bottom, experts: {{hidden: [64]}}, {TOWER}}}",
    "MMoE": f"{{architecture: mmoe, experts: {{count: 3, hidden: [64]}}, {TOWER}}}",
    "CGC": f"{{architecture: cgc, experts: {{shared: 1, per_task: 1, hidden: [64]}}, {TOWER}}}",
    "PLE": "{architecture: ple, levels: 2, experts: {shared: 1, per_task: 1, hidden: [[64], [32]]}, towers: {hidden: [16]}}",
}
# Read from a raster figure, to a few per cent of its axis: (task 1, task 2).
FIGURE_7 = {
    0.2: {"shared-bottom": (.0027, -.0007), "MMoE": (.0045, .0003), "PLE": (.0069, .0006)},
    0.4: {"shared-bottom": (-.0020, .0051), "MMoE": (-.0004, .0063), "PLE": (.0002, .0103)},
    0.5: {"shared-bottom": (.0019, .0014), "MMoE": (.0064, -.0009), "PLE": (.0074, .0020)},
    0.75: {"shared-bottom": (.0022, -.0006), "MMoE": (.0024, .0003), "PLE": (.0054, .0030)},
    1.0: {"shared-bottom": (-.0022, -.0132), "MMoE": (.0072, -.0013), "PLE": (.0075, .0018)},
}
DRAW_SEED, MAIN_SEED = 1, 1
STUCK = 0.03  # a loss above this, thrice the noise, is of a training that got stuck


def arguments():
    options = common.parser(__doc__.split("\n")[0], "ple-synthetic.md")
    options.add_argument("--runs", type=common.count, default=20, metavar="N", help="of each model at each correlation; default: %(default)s")
    options.add_argument("--correlations", type=common.correlations, default="0.2,0.4,0.5,0.75,1", metavar="P,...", help="default: %(default)s")
    options.add_argument("--dim", type=common.count, default=64, metavar="D", help="inputs; default: %(default)s")
    options.add_argument("--rate", type=common.number, default=0.001, metavar="LR", help="Adam's learning rate; default: %(default)s")
    synthetic_runs.add_options(options, "ple-synthetic.jsonl", steps=3000, batch=256, rows=64000)
    return synthetic_runs.parsed(options)


def draw(options):
    """alpha and beta, drawn once as the paper draws them, so that the losses of all tables compare; and the labels' variance."""
    with common.work_folder() as folder:
        common.run(options.gatewright, "synth", "ple", "--dim", 2, "--rows", 1, "--seed", DRAW_SEED, "-o", f"{folder}/t.csv")
        with open(f"{folder}/t.csv.truth.json", encoding="utf-8") as file:
            return json.load(file)


# ---- gains ----

def gains(found, correlation, model, task):
    """Single-task loss minus this model's, run by run: both learnt from one table."""
    return [alone[-1][task] - shared[-1][task] for alone, shared in zip(found["single-task", correlation], found[model, correlation])]


def signed(values):
    return f"{mean(values):+.4f} ({intervals.shown(intervals.of_mean(values), '+.4f')})"


def gains_table(found, correlations):
    rows = []
    for p in correlations:
        for model in list(MODELS)[1:]:
            paper = FIGURE_7.get(p, {}).get(model)
            one, two = (gains(found, p, model, task) for task in (0, 1))
            rows.append([model, p, " / ".join(f"{v:+.4f}" for v in paper) if paper else "-", signed(one), signed(two), signed([a + b for a, b in zip(one, two)])])
    return table(["model", "p", "paper: task 1 / task 2", "task 1 (95 % interval)", "task 2", "both"], rows)


def seesaws(found, correlations, model):
    """Runs by who gains: both tasks, one of them (a seesaw), none."""
    pairs = [pair for p in correlations for pair in zip(gains(found, p, model, 0), gains(found, p, model, 1))]
    return [mean([(a > 0) + (b > 0) == n for a, b in pairs]) for n in (2, 1, 0)]


def average_table(found, correlations):
    """Over all p. Tables of one seed have a weight vector in common, so the interval is by seeds."""
    rows = []
    for model in list(MODELS)[1:]:
        both = [[a + b for a, b in zip(gains(found, p, model, 0), gains(found, p, model, 1))] for p in correlations]
        paper = [sum(FIGURE_7[p][model]) for p in correlations if model in FIGURE_7.get(p, {})]
        rows.append([model, f"{mean(paper):+.4f}" if paper else "-", signed([mean(seed) for seed in zip(*both)]), f"{common.quantile(sum(both, []), 0.5):+.4f}",
                     *(f"{share:.0%}" for share in seesaws(found, correlations, model))])
    return table(["model", "paper: both tasks, mean over p", "here (95 % interval)", "median table", "both gain", "a seesaw: one gains", "none gains"], rows)


def losses_table(found, correlations):
    rows = []
    for model in MODELS:
        losses = [[mean(run[-1]) for run in found[model, p]] for p in correlations]
        rows.append([model, *(f"{mean(values):.4f}" for values in losses), f"{common.quantile(sum(losses, []), 0.5):.4f}", f"{sum(v > STUCK for v in sum(losses, []))} of {len(sum(losses, []))}"])
    return table(["mean squared error, both tasks", *(f"p = {p:g}" for p in correlations), "median table", f"tables above {STUCK:g}"], rows)


def figures(found, correlations):
    panels = []
    points = {p: {m: [mean(gains(found, p, m, task)) for task in (0, 1)] for m in list(MODELS)[1:]} for p in correlations}
    most = 1.2 * max(abs(v) for cells in points.values() for pair in cells.values() for v in pair) or 1
    for title, task in (("gain of task 1", 0), ("gain of task 2", 1)):
        panel = Panel(title, (min(correlations) - 0.01, max(correlations) + 0.01), (-most, most), "p", "single-task loss - loss")
        for k, model in enumerate(list(MODELS)[1:]):
            panel.line([(p, points[p][model][task]) for p in correlations], model, k, marks=True)
        panels.append(panel)
    panel = Panel("seesaw: each point a p", (-most, most), (-most, most), "gain of task 1", "gain of task 2")
    for k, model in enumerate(list(MODELS)[1:]):
        panel.points([points[p][model] for p in correlations], model, k)
    return drawing([*panels, panel])


def page(options, truth, found, correlations, made_by):
    n, name = len(next(iter(found.values()))), os.path.splitext(os.path.basename(options.out))[0]
    return f"""# The PLE paper's synthetic data: gains over single-task models

Tang et al. 2020, section 5.2.1 and figure 7. The gain of a model is the single-task model's loss minus its own (eq. 11), task by task; a *seesaw* is a gain of one task that
the other pays for.

![figures]({name}.svg)

## How

{common.provenance(options, f"tables and trainings 1 to {n}; alpha and beta from seed {DRAW_SEED}")}{made_by}
- Tables as the paper's: c = 1, 10 sines, alpha and beta from N(0,1) (`gatewright synth ple`), one draw for all: {", ".join(f"{v:.2f}" for v in truth["alpha"])} and
  {", ".join(f"{v:.2f}" for v in truth["beta"])}; a label's variance is {truth["label_variance"]:.2f}. The paper does not publish its draw.
- **Smaller than the paper's**: {options.dim} inputs (512), {options.rows:,} training rows (1.4 million in all), layers of 64, 32 and 16 for each task (256, 128 and 64): the first is that of the
  experts, in PLE's two levels the first two. The paper's number of experts is not known: here MMoE has 3, CGC and PLE 1 shared and 1 of each task.
- {n} tables for each p, each with the five models and initial values of its own; {options.steps:,} steps of Adam with learning rate {options.rate:g}, batches of {options.batch}; losses are mean squared
  errors on {options.test_rows:,} fresh rows at the end. Intervals are Student's over tables; over all p together, over seeds.

## On average over all p

{average_table(found, correlations)}
Shares are of tables, so that the chance of a single training is in them, too.

{common.remarks(options.out)}
## By correlation

{gains_table(found, correlations)}
## Losses

{losses_table(found, correlations)}"""


def main(options):
    correlations, truth = options.correlations, draw(options)
    angles = [f"--{key}=" + ",".join(map(repr, truth[key])) for key in ("alpha", "beta")]
    runs = synthetic_runs.Runs(options, MODELS, ["ple", "--dim", options.dim, *angles])
    seeds = range(MAIN_SEED, MAIN_SEED + options.runs)
    runs.complete([(m, p, options.rate, seed) for seed in seeds for p in correlations for m in MODELS], "tables")
    found = {(m, p): [runs.found[m, p, options.rate, seed] for seed in seeds] for m in MODELS for p in correlations}
    common.write(os.path.splitext(options.out)[0] + ".svg", figures(found, correlations))
    common.write(options.out, page(options, truth, found, correlations, runs.made_by()))


if __name__ == "__main__":
    given = arguments()
    common.execute(main, given, given.results)
