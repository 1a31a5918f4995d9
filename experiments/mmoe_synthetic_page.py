"""The page of mmoe_synthetic.py: what was found, beside the MMoE paper's figures as read from their vector drawings."""
import os

import common
import intervals
from common import mean, table
from figures import Panel, drawing

BAD = 0.3  # a final loss above this is a run that got stuck
FIGURE_2 = {0.4: 0.0546, 0.5: 0.0739, 0.6: 0.0996, 0.7: 0.1342, 0.8: 0.1927, 0.9: 0.3053, 0.95: 0.4463, 0.98: 0.6571, 1.0: 0.9965}
FIGURE_4_STEPS = (1000, 2000, 4000, 6000, 8000, 9900)
FIGURE_4 = {
    ("Shared-Bottom", 0.5): (.385, .331, .286, .268, .260, .2551), ("OMoE", 0.5): (.291, .230, .178, .161, .151, .1458),
    ("MMoE", 0.5): (.173, .134, .106, .095, .088, .0827), ("Shared-Bottom", 0.9): (.424, .351, .294, .261, .239, .2211),
    ("OMoE", 0.9): (.238, .185, .150, .133, .124, .1182), ("MMoE", 0.9): (.166, .127, .101, .092, .086, .0812),
    ("Shared-Bottom", 1.0): (.361, .306, .259, .233, .216, .2009), ("OMoE", 1.0): (.164, .127, .101, .089, .083, .0784),
    ("MMoE", 1.0): (.156, .119, .092, .079, .073, .0703),
}
FIGURE_5_BAD = {("Shared-Bottom", 0.5): .395, ("Shared-Bottom", 0.9): .185, ("Shared-Bottom", 1.0): .245, ("OMoE", 0.5): .075, ("OMoE", 0.9): .045,
                ("OMoE", 1.0): .05, ("MMoE", 0.5): .02, ("MMoE", 0.9): .045, ("MMoE", 1.0): .025}


def final(runs):
    """The first task's loss at the end of each run, as the paper reports one task."""
    return [epochs[-1][0] for epochs in runs]


def paper_end(cell):
    return FIGURE_4[cell][-1] if cell in FIGURE_4 else None


def shown(value, form=".3f"):
    return "-" if value is None else f"{value:{form}}"


# ---- tables ----

def labels_table(labels):
    return table(["p", "paper", "here", "± 2 deviations"], [[p, f"{FIGURE_2[p]:.4f}", f"{mean(found):.4f}", f"{2 * common.deviation(found):.3f}"] for p, found in labels.items()])


def ends_table(runs):
    rows = []
    for cell, found in runs.items():
        values = final(found)
        bad = sum(value > BAD for value in values)
        rows.append([cell[0], cell[1], shown(paper_end(cell)), f"{mean(values):.3f}", intervals.shown(intervals.of_mean(values)), f"{common.quantile(values, 0.5):.3f}",
                     shown(FIGURE_5_BAD.get(cell), ".1%"), f"{bad / len(values):.1%}", intervals.shown(intervals.of_share(bad, len(values)), ".1%")])
    return table(["model", "p", "paper's mean", "mean", "95 % interval", "median", f"paper's share > {BAD}", f"share > {BAD}", "95 % interval"], rows)


def ratio(a, b):
    return mean(a) / mean(b)


def ratios_table(runs, correlations):
    rows = []
    for p in correlations:
        for above in ("Shared-Bottom", "OMoE"):
            a, b = final(runs[above, p]), final(runs["MMoE", p])
            ends, larger = (paper_end((above, p)), paper_end(("MMoE", p))), sum(x > y for x, y in zip(a, b))
            rows.append([f"{above} / MMoE", p, shown(ends[0] / ends[1] if ends[0] else None, ".2f"), f"{ratio(a, b):.2f}",
                         intervals.shown(intervals.of_ratio(a, b, paired=True), ".2f"), f"{larger} of {len(a)}", intervals.shown(intervals.of_share(larger, len(a)), ".0%")])
    for model in ("Shared-Bottom", "OMoE", "MMoE"):
        if 0.5 in correlations and 1.0 in correlations:
            a, b = final(runs[model, 0.5]), final(runs[model, 1.0])
            rows.append([f"{model} at 0.5 / at 1", "", f"{FIGURE_4[model, 0.5][-1] / FIGURE_4[model, 1.0][-1]:.2f}", f"{ratio(a, b):.2f}",
                         intervals.shown(intervals.of_ratio(a, b), ".2f"), "", ""])
    return table(["mean loss at the end", "p", "paper", "here", "95 % interval", "runs in which the first is larger", "95 % interval"], rows)


def curve(options, found):
    """[(step, mean loss of the first task)], epoch by epoch."""
    per_epoch = options.rows / options.batch
    return [((i + 1) * per_epoch, mean([epochs[i][0] for epochs in found])) for i in range(len(found[0]))]


def curves_table(options, runs):
    steps = [step for step, _ in curve(options, next(iter(runs.values())))]
    picked = sorted({min(range(len(steps)), key=lambda i: abs(steps[i] - step)) for step in FIGURE_4_STEPS})
    rows = []
    for cell, found in runs.items():
        rows.append([cell[0], cell[1], "here", *(f"{curve(options, found)[i][1]:.3f}" for i in picked)])
        if cell in FIGURE_4:
            at = [min(range(len(FIGURE_4_STEPS)), key=lambda k: abs(FIGURE_4_STEPS[k] - steps[i])) for i in picked]
            rows.append(["", "", "paper", *(f"{FIGURE_4[cell][k]:.3f}" for k in at)])
    return table(["model", "p", "", *(f"step {steps[i]:.0f}" for i in picked)], rows)


def pilot_table(pilot, rates):
    grid = list(next(iter(pilot.values())))
    return table(["model", "p", *(f"lr {rate:g}" for rate in grid), "taken"], [[m, p, *(f"{pilot[m, p][rate]:.3f}" for rate in grid), f"{rates[m, p]:g}"] for m, p in pilot])


# ---- drawings ----

def label_panel(labels):
    panel = Panel("Figure 2: correlation of the labels", (0.4, 1), (0, 1), "p", "Pearson correlation")
    panel.line(list(FIGURE_2.items()), "paper", 3, dashed=True)
    panel.line([(p, mean(found)) for p, found in labels.items()], "here", 2, marks=True)
    return panel


def curve_panels(options, runs, title):
    correlations, models = sorted({p for _, p in runs}), list(dict.fromkeys(m for m, _ in runs))
    for p in correlations:
        panel = Panel(f"Figure 4, p = {p:g}, {title}", (0, options.steps), (0, 0.8), "steps", "mean loss (dashed: paper)")
        for k, model in enumerate(models):
            panel.line(curve(options, runs[model, p]), model, k)
            if (model, p) in FIGURE_4:
                panel.line(list(zip(FIGURE_4_STEPS, FIGURE_4[model, p])), "", k, dashed=True)
        yield panel


def histogram_panels(runs, title):
    correlations, models = sorted({p for _, p in runs}), list(dict.fromkeys(m for m, _ in runs))
    edges = [i / 30 for i in range(31)]
    for p in correlations:
        panel = Panel(f"Figure 5, p = {p:g}, {title}", (0, 1), (0, 0.8), "loss at the end", "share of runs")
        for k, model in enumerate(models):
            values = [min(value, 0.999) for value in final(runs[model, p])]
            panel.bars(edges, [mean([low <= v < high for v in values]) for low, high in zip(edges, edges[1:])], model, k)
        yield panel


def figures(options, labels, best, by_rate):
    panels = [*curve_panels(options, best, "rates chosen"), *histogram_panels(best, "rates chosen")]
    for rate, runs in by_rate.items():
        panels += [*curve_panels(options, runs, f"rate {rate:g}"), *histogram_panels(runs, f"rate {rate:g}")]
    return drawing([*panels, label_panel(labels)], len({p for _, p in best}))


# ---- the page ----

def page(options, labels, pilot, rates, best, by_rate, made_by):
    correlations = sorted({p for _, p in best})
    n, name = len(next(iter(best.values()))), os.path.splitext(os.path.basename(options.out))[0]
    return f"""# The MMoE paper's synthetic data: figures 2, 4 and 5

Ma et al. 2018, sections 3 and 5. Two regressions whose weight vectors have cosine p; the same number of parameters for each model; how far each gets, and how
that depends on p.

![figures]({name}.svg)

## How

{common.provenance(options, f"tables and trainings 1 to {n}; learning rates were chosen on other ones")}{made_by}
- {n} runs of each model at each p (the paper: 200). Each run has a table of its own of {options.rows:,} rows, which the three models share, and initial values of its own;
  the loss is the mean squared error of the first task on {options.test_rows:,} rows of the same function that nobody trained on, after every {options.rows / options.batch:.0f} steps.
- 100 inputs, one layer of experts (8 of 16 units; shared-bottom: one of 113), towers of 8, gates that are linear in the input; Adam, batches of {options.batch},
  {options.steps:,} steps, no weight decay; the sum of both tasks' mean squared errors is minimised.
- Learning rates: for each model and p the one of the paper's grid with the least mean final loss in {options.pilot} other runs; and, below, all with one rate for everybody.

The paper does not give c, the sines, the size of the data, the batch, the loss or whether its curves are of training or of test rows, nor which learning rate
was taken. c and the sines are chosen here so that its figure 2 comes out (`gatewright synth mmoe`). What its x axis says, "number of steps (k)", is read as steps.

## Figure 2: correlation of the labels

{labels_table(labels)}
{len(next(iter(labels.values())))} tables of 10,000 rows for each p (the paper: 100).

## Figure 5: losses at the end

{ends_table(best)}
Intervals are over runs: of means Student's, of ratios Student's for the logarithm (delta method), of shares Wilson's. Losses lie in two hills, so that those of means
and ratios are rough: with few runs stuck they may reach below every loss that was met.

{ratios_table(best, correlations)}
The three models of a run learn from the same table: the last columns compare them table by table.

{common.remarks(options.out)}
## Figure 4: losses over steps

{curves_table(options, best)}
## One learning rate for all

{f"Runs 1 to {options.rate_runs}.{chr(10)}{chr(10)}" if options.rate_runs < n else ""}{"".join(rate_section(rate, runs, correlations) for rate, runs in by_rate.items())}## How the learning rates were chosen

Mean of both tasks' losses at the end of {options.pilot} runs:

{pilot_table(pilot, rates)}"""


def rate_section(rate, runs, correlations):
    return f"### {rate:g}\n\n{ends_table(runs)}\n{ratios_table(runs, correlations)}\n"
