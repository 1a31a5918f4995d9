"""What experiments that tune and repeat share: training a spec for many seeds with results that are kept, drawing the settings to try, and what pages
say of both. Standard library only."""
import hashlib
import json
import os
import random
import sys
import tempfile

import common

DESIGN = 4       # seed of the settings that a search tries: of the first eight the one whose first six settings pair most values
SEARCH_SEED = 0  # of the search's runs; the runs that are reported have the seeds from 1


def say(text):
    print(text, file=sys.stderr, flush=True)


# ---- training ----

class Trials:
    """Trains specs with one program, `jobs` runs at a time, and keeps each result as a file in `folder`, so that an experiment that was stopped goes
    on where it was. A result belongs to the spec, its seed, the program's bytes and `data`, which stands for the tables' content."""

    def __init__(self, program, folder, data, jobs):
        self.program, self.folder, self.data, self.jobs = program, folder, data, jobs
        self.identity = common.digest(program)
        self.asked = set()
        os.makedirs(folder, exist_ok=True)

    def _path(self, spec, seed, metric):
        key = json.dumps([spec, seed, metric, self.data, self.identity], sort_keys=True)
        return os.path.join(self.folder, hashlib.sha256(key.encode()).hexdigest()[:24] + ".json")

    def train(self, spec, seeds, metric):
        """The runs of `spec`, one per seed: {seed, epoch, valid, test, parameters}. `metric` is TASK.METRIC, by which the spec keeps an epoch, or
        `mean`. A run that fails ends the experiment."""
        paths = [self._path(spec, seed, metric) for seed in seeds]
        self.asked.update(paths)
        missing = [seed for seed, path in zip(seeds, paths) if not os.path.exists(path)]
        for run in self._train(spec, missing, metric) if missing else []:
            common.write(self._path(spec, run["seed"], metric), json.dumps(run))
        runs = []
        for path in paths:
            with open(path, encoding="utf-8") as file:
                runs.append(json.load(file))
        return runs

    def _train(self, spec, seeds, metric):
        with tempfile.TemporaryDirectory(prefix="train-", dir=self.folder) as folder:
            name, model = os.path.join(folder, "spec.json"), os.path.join(folder, "{seed}.gw")
            common.write(name, json.dumps(spec))
            lines = common.json_lines(self.program, "train", name, "-o", model, "--seeds", ",".join(map(str, seeds)), "--threads",
                                      min(self.jobs, len(seeds)), "--json")
            shape = json.loads(common.run(self.program, "inspect", model.format(seed=seeds[0]), "--json"))
            return [dict(run, parameters=shape["parameters"]) for run in runs_of(lines, metric)]

    def tune(self, settings, spec_of, seeds, metric):
        """Try each of the settings once, then train the best by `metric` on the validation part for all seeds. `spec_of` makes a spec of a setting."""
        found = common.parallel(lambda tried: score(self.train(spec_of(tried), [SEARCH_SEED], metric)[0]["valid"], metric), settings, self.jobs)
        best = found.index(max(found))
        return {"settings": settings[best], "searched": found[best], "least": min(found), "metric": metric,
                "runs": self.train(spec_of(settings[best]), seeds, metric)}


def score(tasks, metric):
    """TASK.METRIC of an epoch's or a test's tasks; `mean` is that of auc, or r2, of all."""
    if metric == "mean":
        return common.mean([score(tasks, f"{name}.{'auc' if 'auc' in task else 'r2'}") for name, task in tasks.items()])
    task, _, name = metric.rpartition(".")
    if tasks[task][name] is None:
        raise SystemExit(f"task '{task}' has no {name} on a part of the rows: too few of them, or all alike")
    return tasks[task][name]


def runs_of(lines, metric):
    """From the lines of `train --seeds --json`: per seed the epoch that was kept, which is the first of those with the best metric, and the test."""
    runs = {}
    for line in lines:
        run = runs.setdefault(line["seed"], {"seed": line["seed"], "epoch": 0})
        if "test" in line:
            run["test"] = line["test"]["tasks"]
        elif run["epoch"] == 0 or score(line["valid"]["tasks"], metric) > score(run["valid"], metric):
            run.update(epoch=line["epoch"], valid=line["valid"]["tasks"])
    return [runs[seed] for seed in sorted(runs)]


# ---- search ----

def spread(values, seed, n):
    """n values, of which each occurs as often as the others, in random order; those of a larger n begin with these."""
    rng, column = random.Random(seed), []
    while len(column) < n:
        column += rng.sample(values, len(values))
    return column[:n]


def draws(space, own_space, title, n, epochs=None):
    """n settings to try. What stands in `space` is the same whatever the title, so that models meet the same learning rates and widths. `epochs`
    limits the setting of that name, for a hasty look."""
    columns = {key: spread(values, f"{key} {DESIGN}", n) for key, values in space.items()}
    columns.update({key: spread(values, f"{title} {key} {DESIGN}", n) for key, values in own_space.items()})
    found = [{key: column[i] for key, column in columns.items()} for i in range(n)]
    return [dict(settings, epochs=min(settings["epochs"], epochs or settings["epochs"])) for settings in found]


def units_of(settings, architecture, n_tasks):
    """The hidden units of each expert, when a level's width is divided among all of them."""
    experts = settings.get("count", 1 if architecture == "shared-bottom" else n_tasks)
    if "shared" in settings:
        experts = settings["shared"] + n_tasks * settings["per_task"]
    return max(4, settings["width"] // experts // 4 * 4)


# ---- options ----

def told(options, parser, names):
    """The options that change figures, as they were given."""
    words = []
    for name in names:
        value = getattr(options, name)
        if value == parser.get_default(name):
            continue
        words += ["--" + name.replace("_", "-")] + ([] if value is True else [",".join(map(str, value)) if isinstance(value, list) else str(value)])
    return words


def hasten(options, parser, defaults, page):
    """Fill in what was not given: `defaults` has pairs of (whole, with --quick). A hasty page stays in the work folder."""
    for name, pair in defaults.items():
        value = getattr(options, name)
        setattr(options, name, pair[options.quick] if value is None else value)
    if options.quick and options.out == parser.get_default("out"):
        options.out = os.path.join(options.work, page)


# ---- pages ----

def with_spread(values):
    return common.with_deviation(values, ".4f")


def described(settings):
    words = {"lr": "learning rate", "task_rank": "task rank", "per_task": "per task"}
    return ", ".join(f"{words.get(key, key)} {value:g}" for key, value in settings.items())


def described_space(space):
    return "; ".join(f"{key} {', '.join(f'{value:g}' for value in values)}" for key, values in space.items())


def settings_table(results):
    """What the search chose, what it met, and whether the test part is like the validation part. `results`: pairs of a title and what `tune` gave."""
    rows = []
    for title, result in results:
        runs, metric = result["runs"], result["metric"]
        epochs = [run["epoch"] for run in runs]
        rows.append([title, described(result["settings"]), f"{result['least']:.4f}", f"{result['searched']:.4f}",
                     *(f"{common.mean([score(run[part], metric) for run in runs]):.4f}" for part in ("valid", "test")), f"{min(epochs)}–{max(epochs)}",
                     f"{runs[0]['parameters']:,}"])
    return common.table(["", "chosen", "search: least", "best", "validation, mean", "test, mean", "epochs kept", "parameters"], rows)


def provenance(options, words, trials):
    seeds = f"{SEARCH_SEED} in the search, from 1 in the tables; {len(trials.asked)} trainings in all"
    return common.provenance(options, seeds, [*words, *options.told])
