"""KuaiRand-Pure (Gao et al. 2022): click, long view, like, profile enter and play time, learnt alone and together, split by time.

    python3 experiments/kuairand.py FOLDER            FOLDER has the published files; writes docs/results/kuairand.md
    python3 experiments/kuairand.py FOLDER --quick    the same in a few minutes, with fewer settings and runs; writes out/kuairand/kuairand.md

The files come from https://kuairand.com (https://zenodo.org/records/10439422, KuaiRand-Pure.tar.gz, CC BY-SA 4.0): log_standard_*_pure.csv, user_features_pure.csv
and video_features_basic_pure.csv, in FOLDER or FOLDER/data, plain or packed as .gz or .xz. Standard library only."""
import csv
import datetime
import glob
import gzip
import hashlib
import lzma
import math
import os
import sys

import common
import trials
from common import table
from trials import say, with_spread

# Columns of the log: what is predicted, what may be known before, and what is known only afterwards and so is never an input.
LABELS = {"click": "is_click", "long_view": "long_view", "like": "is_like", "profile_enter": "is_profile_enter"}
AFTERWARDS = ("is_click", "is_like", "is_follow", "is_comment", "is_forward", "is_hate", "long_view", "play_time_ms", "profile_stay_time",
              "comment_stay_time", "is_profile_enter")
USER = ("user_active_degree", "is_live_streamer", "is_video_author", "follow_user_num", "fans_user_num", "friend_user_num", "register_days",
        *(f"onehot_feat{i}" for i in range(18)))
VIDEO = ("author_id", "video_type", "upload_type", "server_width", "server_height", "music_type", "tag")
CONTEXT = ("user_id", "video_id", "tab", "hour", "weekday", "duration_ms", "video_days")
AMOUNTS = ("follow_user_num", "fans_user_num", "friend_user_num", "register_days", "duration_ms")
MEASURES = ("server_width", "server_height", "video_days")

BINARY = {name: {"type": "binary", "group": "user_id"} for name in LABELS}
TASKS = {**BINARY, "play_time": {"type": "regression"}}
# ESMM (Ma et al. 2018): the product is trained on all rows. BASE, its counterpart: the long view on clicked rows alone, and the product only measured.
CHAINS = {
    "esmm": {"click": BINARY["click"], "long_view_after_click": {**BINARY["click"], "label": "long_view", "given": "click", "weight": 0},
             "long_view": {**BINARY["click"], "chain": ["click", "long_view_after_click"]}},
    "base": {"click": BINARY["click"], "long_view_after_click": {**BINARY["click"], "label": "long_view", "given": "click"},
             "long_view": {**BINARY["click"], "chain": ["click", "long_view_after_click"], "weight": 0}},
}
TOGETHER = ("shared-bottom", "mmoe", "ple")
EQUAL = "mmoe, equal weights"
PARTS = ("together", "equal", "esmm")

SPACE = {"lr": (0.001, 0.002, 0.004), "width": (64, 128), "dropout": (0.2, 0.4), "epochs": (2, 4)}
OWN_SPACE = {"mmoe": {"count": (2, 4, 8)}, "ple": {"shared": (1, 2), "per_task": (1,)}}


# ---- the table -------------------------------------------------------------------------------------------------------------------

def find(folder, pattern):
    """The files of a name's pattern, packed or not, in the folder or its data/."""
    found = [path for place in (folder, os.path.join(folder, "data")) for ending in ("", ".gz", ".xz")
             for path in glob.glob(os.path.join(glob.escape(place), pattern + ending))]
    if not found:
        raise SystemExit(f"{folder} has no {pattern}; KuaiRand-Pure comes from https://kuairand.com")
    return sorted(found)


def read(path, needed):
    """The rows of a CSV file as maps. A file without one of the `needed` columns is not what was published."""
    opened = lzma.open if path.endswith(".xz") else gzip.open if path.endswith(".gz") else open
    with opened(path, "rt", encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        missing = [name for name in needed if name not in (rows.fieldnames or ())]
        if missing:
            raise SystemExit(f"{path} has no column '{missing[0]}'")
        yield from rows


def read_features(folder, pattern, key, columns):
    """{key: [cells]} of the users or videos."""
    return {row[key]: [row[name] for name in columns] for path in find(folder, pattern) for row in read(path, (key, *columns))}


def split_of(dates, test_days, valid_days):
    """{date: part}: the last days test, those before validate."""
    days = sorted(dates)
    if len(days) <= test_days + valid_days:
        raise SystemExit(f"the log has {len(days)} days; {test_days} to test and {valid_days} to validate leave none to train")
    first_test = len(days) - test_days
    return {day: "test" if i >= first_test else "valid" if i >= first_test - valid_days else "train" for i, day in enumerate(days)}


def day_of(text):
    return datetime.date(int(text[:4]), int(text[-4:-2]), int(text[-2:]))


def joined(row, users, videos, uploaded):
    """One impression: what is known before it, then its labels. A row knows no other row."""
    day = day_of(row["date"])
    upload = uploaded.get(row["video_id"], [""])[0]
    age = (day - day_of(upload.replace("-", ""))).days if upload else ""
    context = [row["user_id"], row["video_id"], row["tab"], int(row["hourmin"]) // 100, day.weekday(), row["duration_ms"], age]
    labels = [row[column] for column in LABELS.values()] + [f"{math.log1p(max(0, int(row['play_time_ms'])) / 1000):.6g}"]
    return context + users.get(row["user_id"], [""] * len(USER)) + videos.get(row["video_id"], [""] * len(VIDEO)) + labels


def prepare(folder, work, test_days, valid_days):
    """train.csv, valid.csv and test.csv in `work`, read twice as a stream. Returns counts and sums per part, and a digest."""
    logs = find(folder, "log_standard_*_pure.csv")
    needed = ("user_id", "video_id", "date", "hourmin", "duration_ms", "tab", *AFTERWARDS)
    users = read_features(folder, "user_features_pure.csv", "user_id", USER)
    videos = read_features(folder, "video_features_basic_pure.csv", "video_id", VIDEO)
    uploaded = read_features(folder, "video_features_basic_pure.csv", "video_id", ("upload_dt",))
    part_of = split_of({row["date"] for path in logs for row in read(path, needed)}, test_days, valid_days)
    os.makedirs(work, exist_ok=True)
    header, digest, files, writers = [*CONTEXT, *USER, *VIDEO, *TASKS], hashlib.sha256(), {}, {}
    told = {part: {"rows": 0, "days": sorted(day for day, its in part_of.items() if its == part), "positive": dict.fromkeys(LABELS, 0),
                   "play_time": 0.0, "squares": 0.0} for part in ("train", "valid", "test")}
    try:
        for part in told:
            files[part] = open(os.path.join(work, part + ".csv.partial"), "w", encoding="utf-8", newline="")
            writers[part] = csv.writer(files[part], lineterminator="\n")
            writers[part].writerow(header)
        for path in logs:
            for row in read(path, needed):
                part, cells = part_of[row["date"]], joined(row, users, videos, uploaded)
                writers[part].writerow(cells)
                digest.update("\x1f".join([part, *map(str, cells)]).encode())
                told[part]["rows"] += 1
                told[part]["play_time"] += float(cells[-1])
                told[part]["squares"] += float(cells[-1]) ** 2
                for name, column in LABELS.items():
                    told[part]["positive"][name] += row[column] == "1"
    finally:
        for file in files.values():
            file.close()
    for part in told:  # all at once, so that what is there is whole
        os.replace(os.path.join(work, part + ".csv.partial"), os.path.join(work, part + ".csv"))
    return told, digest.hexdigest()


def weights_of(told):
    """Of the tasks together: 1 over the loss of the best constant on the training rows, so that a rare label is no small matter; of click it is 1."""
    rows = told["rows"]
    shares = {name: count / rows for name, count in told["positive"].items()}
    if not all(0 < share < 1 for share in shares.values()):
        raise SystemExit(f"the training part has only one value of a label: {shares}")
    losses = {name: -share * math.log(share) - (1 - share) * math.log(1 - share) for name, share in shares.items()}
    losses["play_time"] = told["squares"] / rows - (told["play_time"] / rows) ** 2
    return {name: round(losses["click"] / loss, 3) for name, loss in losses.items()}


# ---- specs -----------------------------------------------------------------------------------------------------------------------

def model_of(architecture, settings, n_tasks):
    model = {"architecture": architecture, "towers": {"hidden": [16]},
             "experts": {"hidden": [trials.units_of(settings, architecture, n_tasks)], "norm": "layer", "dropout": settings["dropout"],
                         **{key: settings[key] for key in ("count", "shared", "per_task") if key in settings}}}
    return {**model, "levels": 2} if architecture == "ple" else model


def spec_of(work, tasks, metric, architecture, settings):
    labels = {task.get("label", name) for name, task in tasks.items()}
    path = lambda part: os.path.join(work, part + ".csv")
    columns = {name: {"type": "numeric", "transform": ["log1p", "standard"]} for name in AMOUNTS}
    columns.update({name: {"type": "numeric"} for name in MEASURES})
    columns.update({"user_id": {"dim": 8, "min_count": 3}, "video_id": {"dim": 8, "min_count": 3}, "author_id": {"dim": 8, "min_count": 3},
                    "tag": {"type": "bag", "separator": ",", "dim": 4}})
    return {
        "data": {"train": path("train"), "valid": path("valid"), "test": path("test")},
        "features": {"ignore": [name for name in TASKS if name not in labels],
                     "default": {"type": "categorical", "dim": 4, "min_count": 5}, "columns": columns},
        "tasks": tasks,
        "model": model_of(architecture, settings, len(tasks)),
        "train": {"epochs": settings["epochs"], "batch": 512, "optimizer": {"name": "adam", "lr": settings["lr"]}, "schedule": {"name": "cosine"}, "l2": 0.0003,
                  "early_stop": {"metric": metric, "patience": 3}},
    }


# ---- search and runs -------------------------------------------------------------------------------------------------------------

def wanted_models(parts, weights):
    """(title, tasks, metric, architecture) of each model: every task alone; together; together without the weights; the chains."""
    wanted = [(f"{name} alone", {name: task}, name + (".auc" if task["type"] == "binary" else ".r2"), "single-task") for name, task in TASKS.items()]
    weighted = {name: {**task, "weight": weights[name]} for name, task in TASKS.items()}
    if "together" in parts:
        wanted += [(architecture, weighted, "mean", architecture) for architecture in TOGETHER]
    if "equal" in parts:
        wanted.append((EQUAL, TASKS, "mean", "mmoe"))
    if "esmm" in parts:
        wanted += [(chain, tasks, "long_view.auc", "single-task") for chain, tasks in CHAINS.items()]
    return wanted


def experiment(options, kept, weights):
    """{title: result}. Settings are searched on the validation days."""
    results = {}
    for title, tasks, metric, architecture in wanted_models(options.parts, weights):
        settings = trials.draws(SPACE, OWN_SPACE.get(architecture, {}), architecture, options.budget, options.epochs)
        make = lambda tried: spec_of(options.work, tasks, metric, architecture, tried)
        results[title] = kept.tune(settings, make, list(range(1, options.runs + 1)), metric)
        say(f"{title}: {metric} {with_spread([trials.score(run['test'], metric) for run in results[title]['runs']])}")
    return results


# ---- the page --------------------------------------------------------------------------------------------------------------------

def cell(result, task, metric):
    return with_spread([trials.score(run["test"], f"{task}.{metric}") for run in result["runs"]])


def task_table(results, metric):
    """A row per model, a column per binary task; alone, each figure is of another model."""
    rows = [["`single-task`", *(cell(results[f"{name} alone"], name, metric) for name in LABELS)]]
    rows += [[f"`{title}`", *(cell(results[title], name, metric) for name in LABELS)] for title in (*TOGETHER, EQUAL) if title in results]
    return table(["", *LABELS], rows)


def time_table(results):
    rows = [[f"`{title}`", *(cell(result, "play_time", metric) for metric in ("r2", "rmse", "mae"))]
            for title, result in [("single-task", results["play_time alone"]), *((name, results[name]) for name in (*TOGETHER, EQUAL) if name in results)]]
    return table(["", "R²", "RMSE", "MAE"], rows)


def chain_table(results):
    rows = [[title, *(cell(results[name], task, "auc") for task in CHAINS["esmm"]), cell(results[name], "long_view", "gauc")]
            for name, title in (("esmm", "ESMM: product trained on all rows"), ("base", "base: long view trained on clicked rows"))]
    alone = results["long_view alone"]
    rows.append(["`single-task`: long view itself", "–", "–", cell(alone, "long_view", "auc"), cell(alone, "long_view", "gauc")])
    return table(["", "click", "long view given click, on clicked rows", "long view", "long view, GAUC"], rows)


def data_table(told):
    rows = []
    for part, its in told.items():
        days = its["days"]
        rates = [f"{100 * its['positive'][name] / its['rows']:.2f} %" for name in LABELS]
        rows.append([f"{part}, {days[0]}" + (f"–{days[-1]}" if len(days) > 1 else ""), f"{its['rows']:,}", *rates, f"{its['play_time'] / its['rows']:.3f}"])
    return table(["", "rows", *LABELS, "play time, mean of ln(1 + s)"], rows)


HEAD = """\
# KuaiRand-Pure: five tasks of a short-video feed

Click, long view, like, profile enter (binary) and play time (regression), each learnt alone and all of them together. No paper's table stands
beside these: none was found with this split.

{made_by}
## How

- **Data**: KuaiRand-Pure (Gao et al. 2022; [kuairand.com](https://kuairand.com), [zenodo](https://zenodo.org/records/10439422), CC BY-SA 4.0), of the standard log the
  days below, with the files of users and videos joined by the script. Rows are as published, exact duplicates among them.
- **Split by time**: the last {test_days} days test, {valid_days} before validates, the rest trains.
- **Inputs**: of the impression user, video, tab, hour, weekday, duration and the video's age in days; of the user {n_user} columns; of the video {n_video}. Left out: `*_range`
  (their numbers are inputs), `music_id` (nearly one per video), columns with one value.
- **No leaks**: nothing that is known only after the impression is an input: no label, `play_time_ms`, `profile_stay_time`, `comment_stay_time`, follow, comment,
  forward, hate. `long_view` is a rule on play time and duration, so play time would give it away. The file of the videos' statistics is not used: its
  counts are over the whole month, test days included. The users' file is a snapshot whose day is not told, so that its counts of followers and friends may be
  later than a row.
- **Play time** is learnt and measured as ln(1 + seconds), by squared error.
- **Weights** of the losses of tasks learnt together: 1 over the loss of the best constant on the training rows, relative to click: {weights}. With
  equal weights the rare labels hardly matter in the sum.
- **The same for all**: embeddings of width 8 (user, video, author) and 4, layer normalisation in the experts, towers of 16, Adam with a cosine schedule to 0, batches of
  512, `l2` 0.0003.
- **Search**: {budget} settings per model, at random, each value as often as the others: {space}. Besides: {own_space}; `ple` has two levels. *Width* is that of a level
  over all its experts. One run a setting, chosen on the validation part: alone by the task's AUC or R², together by the mean of all tasks' AUC and R², ESMM and
  its base by the long view's AUC. The same picks the epoch that is kept.
- **Figures** are of the test days: mean ± standard deviation over {runs} runs with other initial values and orders. What other days would change is not in it. GAUC is
  the AUC within each user, weighted by rows; users whose rows are all alike are left out.

"""


def page(options, told, weights, results, kept):
    own = "; ".join(f"`{architecture}` {trials.described_space(space)}" for architecture, space in OWN_SPACE.items())
    text = HEAD.format(made_by=trials.provenance(options, ["FOLDER"], kept), test_days=options.test_days, valid_days=options.valid_days,
                       n_user=len(USER), n_video=len(VIDEO), budget=options.budget, runs=options.runs, space=trials.described_space(SPACE), own_space=own,
                       weights=", ".join(f"{name} {weight:g}" for name, weight in weights.items()))
    if options.epochs:
        text += f"**A hasty look: at most {options.epochs} epochs.** The figures say that the script works, and no more.\n\n"
    text += data_table(told) + "\n## AUC\n\n" + task_table(results, "auc") + "\n## GAUC, per user\n\n" + task_table(results, "gauc")
    text += "\n## Play time\n\n" + time_table(results)
    if "esmm" in results:
        text += "\n" + ESMM + chain_table(results)
    return text + "\n## What the search chose\n\n" + trials.settings_table(results.items()) + "\n" + common.remarks(options.out)


ESMM = """\
## ESMM: a long view by way of the click

Both are two networks on shared embeddings, click and long view given click; the long view is their product (`chain`). ESMM trains the product on all rows and the
factor by it alone; its base trains the factor on clicked rows. Likes and profile enters come without a click, too, so that a product does not hold for them.

"""


def parse(arguments):
    parser = common.parser(__doc__.splitlines()[0], "kuairand.md")
    parser.add_argument("folder", metavar="FOLDER", help="the published files of KuaiRand-Pure, from https://kuairand.com")
    parser.add_argument("--quick", action="store_true", help="a search of 2, 3 runs, 2 epochs; writes WORK/kuairand.md unless --out says otherwise")
    parser.add_argument("--runs", type=common.count, help="runs per model, default 5")
    parser.add_argument("--budget", type=common.count, help="settings that the search tries, default 6")
    parser.add_argument("--epochs", type=common.count, help="at most so many epochs, for a hasty look")
    parser.add_argument("--parts", type=lambda text: text.split(","), default=list(PARTS),
                        help="besides the tasks alone: some of together,equal,esmm (weights of 1; the chain); default: all of them")
    parser.add_argument("--test-days", type=common.count, default=2, help="default 2")
    parser.add_argument("--valid-days", type=common.count, default=1, help="default 1")
    parser.add_argument("--work", default=os.path.join(common.ROOT, "out", "kuairand"), help="folder for tables and results; default: %(default)s")
    options = parser.parse_args(arguments)
    if not set(options.parts) <= set(PARTS):
        parser.error("--parts are " + ", ".join(PARTS))
    options.told = trials.told(options, parser, ("quick", "parts", "runs", "budget", "epochs", "test_days", "valid_days"))
    trials.hasten(options, parser, {"runs": (5, 3), "budget": (6, 2), "epochs": (None, 2)}, "kuairand.md")
    return options


def main(options):
    told, digest = prepare(options.folder, options.work, options.test_days, options.valid_days)
    say(", ".join(f"{its['rows']} rows {part}" for part, its in told.items()))
    kept = trials.Trials(options.gatewright, os.path.join(options.work, "results"), digest, options.jobs)
    weights = weights_of(told["train"])
    common.write(options.out, page(options, told, weights, experiment(options, kept, weights), kept))
    say(f"wrote {options.out}")


if __name__ == "__main__":
    given = parse(sys.argv[1:])
    common.execute(main, given, os.path.join(given.work, "results"))
