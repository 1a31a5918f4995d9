"""Trainings on generated tables of two tasks, a table of its own for each correlation and seed; results of single runs are kept in a file."""
import json
import os
import sys
import threading

import common
from common import count, new_file


def add_options(options, results, steps, batch, rows):
    options.add_argument("--steps", type=count, default=steps, metavar="N", help="of a training; default: %(default)s")
    options.add_argument("--batch", type=count, default=batch, metavar="N", help="default: %(default)s")
    options.add_argument("--rows", type=count, default=rows, metavar="N", help="of a training table; default: %(default)s")
    options.add_argument("--test-rows", type=count, default=5000, metavar="N", help="default: %(default)s")
    options.add_argument("--results", type=new_file, default=os.path.join(common.ROOT, "out", results), metavar="FILE",
                         help="results of single runs: what is there is not run again; default: %(default)s")


def parsed(parser):
    """The options, checked: a training is a whole number of epochs of whole batches, so that the page's steps are those that were done."""
    found = parser.parse_args()
    if found.rows % found.batch:
        parser.error(f"--rows {found.rows} is no multiple of --batch {found.batch}: an epoch would end with a smaller batch")
    if found.steps * found.batch % found.rows:
        parser.error(f"--steps {found.steps} are no whole epochs: take a multiple of {found.rows // found.batch}, which is --rows / --batch")
    return found


def spec(folder):
    return {"data": {"train": f"{folder}/train.csv", "valid": f"{folder}/test.csv"}, "features": {"default": {"type": "numeric", "transform": "none"}},
            "tasks": {"y1": "regression", "y2": "regression"}}


KEYS = ("model", "spec", "correlation", "rate", "seed", "losses", "settings")


def read_results(path):
    """The results in a file, and where its whole lines end. A last line that was cut off, by a kill or a full disk, is passed over."""
    found, end = [], 0
    if not os.path.exists(path):
        return found, end
    with open(path, "rb") as file:
        lines = file.readlines()
    for number, line in enumerate(lines, 1):
        try:
            result = json.loads(line.decode())
            if not (isinstance(result, dict) and all(key in result for key in KEYS)):
                raise ValueError("this is no result of a run")
        except ValueError as error:
            if number < len(lines):
                raise SystemExit(f"{path}:{number}: {error}; remove the line to run it again") from None
            print(f"{path}:{number}: the last line is broken and passed over; its run is done again", file=sys.stderr)
            return found, end
        found.append(result)
        end += len(line)
    return found, end


class Runs:
    """Results by (model, correlation, rate, seed): the losses of both tasks on fresh rows after each epoch. Those of other settings that stand in the
    file are passed over. Each has the program that made it: those of another one are taken, and the page says so. `models` are specs by name, `table` the kind and options of `gatewright synth`."""

    def __init__(self, options, models, table):
        self.options, self.models, self.table, self.found = options, models, table, {}
        self.settings = {"steps": options.steps, "batch": options.batch, "rows": options.rows, "test_rows": options.test_rows, "table": table}
        self.program = {"version": common.run(options.gatewright, "--version").split("\n")[0], "sha256": common.digest(options.gatewright)}
        self.programs, self.asked, self.lock = {}, set(), threading.Lock()
        lines, self.end = read_results(options.results)
        for line in lines:
            self._take(line)

    def _take(self, line):
        if line["settings"] == self.settings and line["spec"] == self.models.get(line["model"]):
            run = line["model"], line["correlation"], line["rate"], line["seed"]
            self.found[run], self.programs[run] = line["losses"], line.get("program")

    def _add(self, line):
        os.makedirs(os.path.dirname(os.path.abspath(self.options.results)), exist_ok=True)
        with self.lock:
            with open(self.options.results, "ab") as file:
                if self.end is not None:  # the first one: a broken last line goes, one without its end gets it
                    file.truncate(self.end)
                    file.write(b"" if self._ends_a_line() else b"\n")
                    self.end = None
                file.write(json.dumps(line).encode() + b"\n")
            self._take(line)

    def _ends_a_line(self):
        with open(self.options.results, "rb") as file:
            return file.read()[-1:] in (b"", b"\n")

    def _losses(self, folder, model, rate, seed):
        o = self.options
        settings = [f"model={self.models[model]}", f"train.optimizer={{name: adam, lr: {rate}}}", f"train.seed={seed}", f"train.batch={o.batch}",
                    f"train.epochs={o.steps * o.batch // o.rows}"]
        lines = common.train(o.gatewright, f"{folder}/spec.json", f"{folder}/model.gw", settings)
        return [[line["valid"]["tasks"][task]["loss"] for task in ("y1", "y2")] for line in lines if "epoch" in line]

    def _learn(self, work):
        """All that is to learn from one table."""
        correlation, seed, wanted = work
        with common.work_folder() as folder:
            for name, first, rows in (("train", 0, self.options.rows), ("test", self.options.rows, self.options.test_rows)):
                common.run(self.options.gatewright, "synth", *self.table, "--correlation", correlation, "--seed", seed, "--first", first, "--rows", rows, "-o", f"{folder}/{name}.csv")
            common.write(f"{folder}/spec.json", json.dumps(spec(folder)))
            for model, rate in wanted:
                self._add({"model": model, "spec": self.models[model], "correlation": correlation, "rate": rate, "seed": seed,
                           "losses": self._losses(folder, model, rate, seed), "settings": self.settings, "program": self.program})

    def made_by(self):
        """A line of the page: which programs the runs that were asked for are of."""
        counts = {}
        for run in self.asked:
            made = self.programs[run]
            name = "this program" if made == self.program else f"another program ({made['version']}, SHA-256 {made['sha256'][:12]})" if made else "a program that was not noted"
            counts[name] = counts.get(name, 0) + 1
        return f"- Trainings: {', '.join(f'{n} by {name}' for name, n in sorted(counts.items()))}; this program has SHA-256 {self.program['sha256'][:12]}\n"

    def complete(self, wanted, what):
        """Run what is missing of `wanted` = [(model, correlation, rate, seed), ...], table by table."""
        self.asked.update(wanted)
        tables = {}
        for model, correlation, rate, seed in wanted:
            if (model, correlation, rate, seed) not in self.found:
                tables.setdefault((correlation, seed), []).append((model, rate))
        common.parallel(self._learn, [(*place, models) for place, models in tables.items()], self.options.jobs, what)
