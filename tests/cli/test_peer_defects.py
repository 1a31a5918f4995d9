"""Defects that other systems for multi-task models were found to have, one test each, to show that this one has not got them. Each test's name says
what goes wrong elsewhere; its first line what must hold here."""
import csv
import itertools
import json
import math
import os
import random
import re
import struct

from cli_tap import SOURCE, check, fails, listing, main, people, read, same, small_world, succeeds, write

TASKS = ["rich", "age", "job"]

# ---- what the tests share ----


def train(title, *options, spec="people.yaml", out="model.gw"):
    """A quiet training; the lines of --json that are epochs."""
    sets = [part for option in options for part in ("--set", option)]
    lines = succeeds(title, "train", spec, *sets, "--json", "-o", out).out.splitlines()
    return [json.loads(line) for line in lines if '"epoch"' in line]


def tensors(model):
    """Name -> (shape, values) of a model's parameters."""
    succeeds("exported", "export", model, "--to", "safetensors", "-o", "weights.safetensors")
    data = read("weights.safetensors")
    n = struct.unpack("<Q", data[:8])[0]
    found = {}
    for name, entry in json.loads(data[8:8 + n]).items():
        if name != "__metadata__":
            begin, end = (8 + n + at for at in entry["data_offsets"])
            found[name] = (entry["shape"], list(struct.unpack(f"<{(end - begin) // 4}f", data[begin:end])))
    return found


def write_tensors(path, values):
    header, blocks, at = {}, [], 0
    for name, (shape, numbers) in values.items():
        block = struct.pack(f"<{len(numbers)}f", *numbers)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [at, at + len(block)]}
        blocks.append(block)
        at += len(block)
    text = json.dumps(header).encode()
    write(path, struct.pack("<Q", len(text)) + text + b"".join(blocks))


def table(name):
    lines = read(name).decode().splitlines()
    return lines[0], lines[1:]


def predictions(model, data="people.csv", *more):
    """Column -> values."""
    lines = succeeds("predicts", "predict", model, data, *more).out.splitlines()
    columns = zip(*(line.split(",") for line in lines[1:]))
    return {name: [float(cell) for cell in column] for name, column in zip(lines[0].split(","), columns)}


def evaluated(model, data="people.csv"):
    return json.loads(succeeds("evaluates", "evaluate", model, data, "--json").out)["tasks"]


def auc(scores, labels):
    """The share of pairs in order, ties one half; by its definition."""
    positive, negative = ([s for s, y in zip(scores, labels) if y == want] for want in (1, 0))
    return sum((p > n) + (p == n) / 2 for p, n in itertools.product(positive, negative)) / (len(positive) * len(negative))


def two_binaries(n=300, seed=5):
    """A table with two binary tasks of unlike difficulty, in which positives are rare and stand at the end."""
    rng = random.Random(seed)
    rows = []
    for _ in range(n):
        a, b = rng.gauss(0, 1), rng.gauss(0, 1)
        rows.append((int(a + b > 1.5), int(a - b + 2 * rng.gauss(0, 1) > 0), f"{a:.4f},{b:.4f}"))
    rows.sort()
    write("two.csv", "a,b,easy,hard\n" + "".join(f"{x},{easy},{hard}\n" for easy, hard, x in rows))
    write("two.yaml", "data: {train: two.csv}\ntasks: {easy: binary, hard: binary}\nmodel: {experts: {count: 2, hidden: [8]}}\n"
          "train: {epochs: 5, batch: 16, optimizer: {name: adam, lr: 0.01}}\n")
    return [r[0] for r in rows], [r[1] for r in rows]


STANDING = "train={epochs: 1, batch: 100, seed: 7, optimizer: {name: sgd, lr: 0}}"  # nothing moves: what is seen is the start

# ---- experts and gates ----


def as_many_shared_experts_as_of_a_task():
    """`shared` and `per_task` are two numbers."""
    train("ple with more shared experts", "model={architecture: ple, experts: {shared: 3, per_task: 1, hidden: [6]}}", STANDING)
    names = set(tensors("model.gw"))
    same({n.split(".")[3] for n in names if n.startswith("level0.expert.shared.")}, {"0", "1", "2"}, "three shared experts")
    same({n.split(".")[3] for n in names if n.startswith("level0.expert.rich.")}, {"0"}, "and one of each task's own")


def experts_by_a_wrong_index():
    """With three experts of each of two tasks, each expert of a task is used, by its task alone."""
    tasks = "tasks={rich: {type: binary}, age: {type: regression}}"
    model = "model={architecture: cgc, experts: {shared: 1, per_task: 3, hidden: [6]}, towers: {hidden: []}}"
    more = ["features.ignore=[id, job]", tasks, model, "train.optimizer.lr=0.001"]
    train("cgc of two tasks with three experts each", *more)
    before, values = predictions("model.gw"), tensors("model.gw")
    sets = [part for option in more for part in ("--set", option)]
    for task, i in itertools.product(("rich", "age"), range(3)):
        name = f"level0.expert.{task}.{i}.0.bias"
        shape, numbers = values[name]
        write_tensors("moved.safetensors", dict(values, **{name: (shape, [v + 1 for v in numbers])}))
        succeeds("imported", "import", "people.yaml", "moved.safetensors", *sets, "-o", "moved.gw")
        after = predictions("moved.gw")
        moved = [t for t in ("rich", "age") if after[t] != before[t]]
        same(moved, [task], f"expert {task}.{i} reaches {task} and no other task")


def experts_that_start_equal():
    """No two experts, towers or gates begin with the same numbers."""
    train("the start", "model={architecture: cgc, experts: {shared: 2, per_task: 2, hidden: [8, 4]}}", STANDING)
    values = tensors("model.gw")
    for kind in ("expert", "gate"):
        first = {n: v[1] for n, v in values.items() if n.startswith(f"level0.{kind}.") and n.endswith(".0.weight")}
        check(len(first) > 2 and all(a != b for a, b in itertools.combinations(first.values(), 2)), f"every {kind} begins by itself", first.keys())
    towers = [v[1] for n, v in values.items() if re.fullmatch(r"tower\.\w+\.0\.weight", n)]
    check(len(towers) == 3 and all(a != b for a, b in itertools.combinations(towers, 2)), "towers, too")


def units_that_stay_equal():
    """Units of an expert begin unlike each other, and stay so."""
    for options in ([STANDING], []):
        train("units", "model={experts: {count: 2, hidden: [8, 4]}}", *options)
        shape, w = tensors("model.gw")["level0.expert.shared.0.0.weight"]
        units = [w[i * shape[1]:(i + 1) * shape[1]] for i in range(shape[0])]
        check(all(a != b for a, b in itertools.combinations(units, 2)), "no two units of an expert are equal")


def everything_starts_near_zero():
    """Dense layers begin as PyTorch's: uniform within 1/sqrt(inputs)."""
    train("the start", "model={experts: {count: 4, hidden: [64, 32]}, gates: {hidden: [32]}}", STANDING)
    values = tensors("model.gw")
    for name in ("level0.expert.shared.0.1.weight", "level0.expert.shared.3.0.weight", "level0.gate.rich.0.weight"):
        (_, inputs), w = values[name]
        limit, deviation = 1 / math.sqrt(inputs), math.sqrt(sum(v * v for v in w) / len(w))
        check(max(map(abs, w)) <= limit and abs(deviation - limit / math.sqrt(3)) < 0.1 * limit, f"{name}: spread as it should be", (deviation, limit))


def predictions_that_are_constant():
    """A model by default settings tells rows apart, in every task."""
    train("a default model", "model=mmoe")
    for name, column in predictions("model.gw").items():
        check(len(set(column)) > 100, f"{name} has many values")


def a_shared_gate_that_sees_shared_experts_alone():
    """ple is the paper's: its shared gate sees the experts of all tasks."""
    train("ple", "model={architecture: ple, experts: {shared: 1, per_task: 1, hidden: [6]}}")
    seen = [name[len("gate.0.shared."):] for name in predictions("model.gw", "people.csv", "--gates") if name.startswith("gate.0.shared.")]
    same(seen, ["shared.0", "rich.0", "age.0", "job.0"], "everyone's experts")


def gates_that_read_the_raw_input_on_every_level():
    """ple is the paper's: a gate above the first level reads its stream."""
    train("ple with an odd width", "model={architecture: ple, experts: {shared: 1, per_task: 1, hidden: [7]}}")
    same(tensors("model.gw")["level1.gate.rich.0.weight"][0], [2, 7], "the second level's gates read streams")


def several_networks_by_one_name():
    """The other networks that are called PLE have names, and are other networks."""
    found = {}
    for variant in ("paper", "raw-gates", "shared-only", "no-shared-gate"):
        train(variant, f"model={{architecture: ple, ple: {variant}, experts: {{shared: 2, per_task: 1, hidden: [6]}}}}", out=f"{variant}.gw")
        found[variant] = predictions(f"{variant}.gw")["rich"]
    check(all(a != b for a, b in itertools.combinations(found.values(), 2)), "each predicts something of its own")


def models_that_do_not_start():
    """Every architecture of the documentation trains by its name."""
    names = re.search(r"\| `model.architecture` \| one of ([^|]*) \|", read(f"{SOURCE}/docs/spec.md").decode()).group(1).split(", ")
    one = ["tasks={rich: binary}", "features.ignore=[id, age, job]", "train.epochs=1"]
    for name in names:
        if name != "custom":
            train(name, f"model={name}", *one)


def one_task_is_refused():
    """ple and the others take a single task."""
    for name in ("ple", "mmoe", "cgc", "adatt"):
        check(train(f"{name} of one task", f"model={name}", "tasks={rich: binary}", "features.ignore=[id, age, job]"), f"{name} trains")


def layers_wired_by_hand():
    """An architecture's name alone is a complete model."""
    write("short.yaml", "data: {train: people.csv}\ntasks: {rich: binary, age: regression, job: multiclass}\nmodel: mmoe\n")
    train("a short spec", "train.epochs=1", spec="short.yaml")
    same(len({n.split(".")[3] for n in tensors("model.gw") if n.startswith("level0.expert.")}), 8, "with eight experts")


def towers_of_a_wrong_shape():
    """A task has one output, or one per class, and they have names."""
    train("three tasks", "model=ple")
    same(list(predictions("model.gw")), ["rich", "age", "job.clerk", "job.cook", "job.smith"], "columns by the tasks' names")


# ---- features ----


def ids_that_pass_through_floats():
    """Ids beyond 2^24 that differ by one are two ids."""
    rng = random.Random(3)
    ids = [2 ** 24 + i for i in range(4)] + [2 ** 53 + 1, 2 ** 53 + 2]
    rows = [(rng.choice(ids), rng.random()) for _ in range(600)]
    write("ids.csv", "id,x,y\n" + "".join(f"{i},{x:.3f},{i % 2}\n" for i, x in rows))
    for column in ("{type: categorical}", "{type: hashed, buckets: 100000}"):
        write("ids.yaml", f"data: {{train: ids.csv}}\nfeatures: {{columns: {{id: {column}}}}}\ntasks: {{y: binary}}\n"
              "model: {architecture: single-task, experts: {hidden: [16]}}\ntrain: {epochs: 40, batch: 32, optimizer: {name: adam, lr: 0.01}}\n")
        train(column, spec="ids.yaml")
        write("each.csv", "id,x\n" + "".join(f"{i},0.5\n" for i in ids))
        found = predictions("model.gw", "each.csv")["y"]
        check(all((p > 0.9) == (i % 2 == 1) for p, i in zip(found, ids)), f"{column}: each id by itself", found)


def columns_by_their_place():
    """Columns are found by their names, wherever they stand."""
    train("a model", "model=cgc")
    with open("people.csv", newline="") as file, open("turned.csv", "w", newline="") as turned:
        csv.writer(turned).writerows(row[4::-1] for row in csv.reader(file))
    same(predictions("model.gw", "turned.csv"), predictions("model.gw"), "the same predictions from a table with its columns turned round")


def values_that_only_the_test_has():
    """A value that training has not seen takes the row for such, and changes no other row's prediction."""
    train("a model", "model=mmoe")
    head, rows = table("people.csv")
    write("new.csv", "\n".join([head, "7,Atlantis,30,red|violet,n1,0,40,cook", *rows]) + "\n")
    before, after = predictions("model.gw"), predictions("model.gw", "new.csv")
    check(all(after[name][1:] == before[name] and math.isfinite(after[name][0]) for name in before), "the others stay as they were")


def the_label_among_the_features():
    """No label of any task is a feature."""
    train("a model", "tasks={rich: {type: binary, group: city}, age: {type: regression, given: rich}, job: multiclass}")
    features = {f["name"] for f in json.loads(succeeds("inspect", "inspect", "model.gw", "--json").out)["features"]}
    check(not features & {"rich", "age", "job"} and "tags" in features, "labels are not among the features", features)


def the_row_weight_as_a_feature():
    """A column of weights is no feature unless it is asked for."""
    head, rows = table("people.csv")
    write("weighted.csv", "\n".join([head + ",instance_weight", *(f"{row},{1 + i % 3}" for i, row in enumerate(rows))]) + "\n")
    train("with a weight", "data.train=weighted.csv", "tasks.rich.row_weight=instance_weight")
    features = {f["name"] for f in json.loads(succeeds("inspect", "inspect", "model.gw", "--json").out)["features"]}
    check("instance_weight" not in features and "hours" in features, "it is not among them", features)


def numbers_that_are_not_scaled():
    """The unit of a column changes nothing."""
    train("hours", "model=mmoe", out="hours.gw")
    head, rows = table("people.csv")
    write("seconds.csv", "\n".join([head] + [re.sub(r"^(\d+,\w+),([\d.]+),", lambda m: f"{m.group(1)},{float(m.group(2)) * 3600:.0f},", row) for row in rows]) + "\n")
    train("seconds", "model=mmoe", "data.train=seconds.csv", out="seconds.gw")
    pairs = zip(predictions("hours.gw")["rich"], predictions("seconds.gw", "seconds.csv")["rich"])
    check(max(abs(a - b) for a, b in pairs) < 1e-3, "seconds instead of hours give the same predictions")


def ignored_columns_that_prediction_wants():
    """What is ignored in training may be missing, or anything, in prediction."""
    train("without the id", "features.ignore=[id]")
    head, rows = table("people.csv")
    write("less.csv", "\n".join(line.split(",", 1)[1] for line in [head, *rows]) + "\n")
    same(predictions("model.gw", "less.csv"), predictions("model.gw"), "a table without an ignored column")


# ---- losses and weights ----


def steps_that_grow_with_the_batch():
    """A step's loss is a mean: every row twice, in batches twice as large, is the same training."""
    head, rows = table("people.csv")
    write("double.csv", "\n".join([head, *(row for row in rows for _ in range(2))]) + "\n")
    write("plain.yaml", "data: {train: people.csv}\nfeatures: {ignore: [id, note], columns: {city: {type: categorical, min_count: 1}, tags: {type: bag, min_count: 1}}}\n"
          "tasks: {rich: binary, age: {type: regression, weight: 0.01}, job: multiclass}\ntrain: {epochs: 3, batch: 40, shuffle: false, optimizer: {name: sgd, lr: 0.05}}\n")
    once = train("every row once", spec="plain.yaml", out="once.gw")
    twice = train("every row twice", "data.train=double.csv", "train.batch=80", spec="plain.yaml", out="twice.gw")
    pairs = [(a["train"]["loss"], b["train"]["loss"]) for a, b in zip(once, twice)]
    check(all(abs(a - b) < 1e-4 * a for a, b in pairs), "the same losses", pairs)
    check(max(abs(a - b) for a, b in zip(predictions("once.gw")["rich"], predictions("twice.gw")["rich"])) < 1e-4, "and the same predictions")


def metrics_averaged_over_batches():
    """What is reported of an epoch counts rows, not batches: a short last batch counts less."""
    found = [train(f"batches of {batch}", f"train={{epochs: 1, batch: {batch}, optimizer: {{name: sgd, lr: 0}}}}")[0] for batch in (100, 7, "full")]
    losses = [epoch["train"]["tasks"]["age"]["loss"] for epoch in found]
    check(max(losses) - min(losses) < 1e-5 * losses[0], "the loss does not depend on the batch", losses)
    same(len({json.dumps(epoch["valid"]) for epoch in found}), 1, "nor do metrics of the validation part")


def batches_without_positives_are_dropped():
    """The area under the curve is over all rows, ties at one half, whatever order they have."""
    easy, _ = two_binaries()
    train("rare positives at the end", spec="two.yaml")
    expected = auc(predictions("model.gw", "two.csv")["easy"], easy)
    found = evaluated("model.gw", "two.csv")["easy"]["auc"]
    check(abs(found - expected) < 1e-6, "by the definition", (found, expected))
    head, rows = table("two.csv")
    random.Random(1).shuffle(rows)
    write("mixed.csv", "\n".join([head, *rows]) + "\n")
    same(evaluated("model.gw", "mixed.csv")["easy"]["auc"], found, "and in any order of the rows")


def the_second_tasks_auc():
    """Each task's metrics are its own."""
    labels = two_binaries()
    train("two binary tasks", spec="two.yaml")
    scores, found = predictions("model.gw", "two.csv"), evaluated("model.gw", "two.csv")
    for name, column in zip(("easy", "hard"), labels):
        check(abs(found[name]["auc"] - auc(scores[name], column)) < 1e-6, f"that of '{name}' is right", found[name])
    check(found["easy"]["auc"] != found["hard"]["auc"], "and they are two")


def one_list_of_metrics_for_all_tasks():
    """A task has the metrics of its type."""
    train("three types", "model=mmoe")
    found = evaluated("model.gw")
    check("auc" in found["rich"] and "rmse" in found["age"] and "auc" not in found["age"] and "accuracy" in found["job"], "each by its type", found)


def predict_and_evaluate_disagree():
    """What evaluate reports follows from what predict writes."""
    easy, _ = two_binaries()
    train("a model", spec="two.yaml")
    p, found = predictions("model.gw", "two.csv")["easy"], evaluated("model.gw", "two.csv")["easy"]
    loss = -sum(math.log(q if y else 1 - q) for q, y in zip(p, easy)) / len(p)
    check(abs(loss - found["log_loss"]) < 1e-5, "the log loss", (loss, found["log_loss"]))


def weights_of_validation_rows_are_passed_over():
    """Row weights count in the loss of validation and test, too."""
    head, rows = table("people.csv")
    for name, weigh in (("even.csv", lambda i: 1), ("first.csv", lambda i: int(i < 60))):
        write(name, "\n".join([head + ",w", *(f"{row},{weigh(i)}" for i, row in enumerate(rows))]) + "\n")
    write("sixty.csv", "\n".join([head + ",w", *(f"{row},1" for row in rows[:60])]) + "\n")
    train("with a weight", "data.train=even.csv", "tasks.rich.row_weight=w")
    loss = {name: evaluated("model.gw", f"{name}.csv")["rich"]["loss"] for name in ("even", "first", "sixty")}
    check(abs(loss["first"] - loss["sixty"]) < 1e-9 and abs(loss["even"] - loss["sixty"]) > 1e-6, "rows of weight 0 do not count", loss)


def task_weights_that_do_nothing():
    """A task's weight counts: with 0 its tower learns nothing."""
    train("the start", STANDING, out="start.gw")
    train("age without weight", "tasks.age.weight=0")
    train("age with weight", out="with.gw")
    start, without, given = (tensors(name)["tower.age.0.weight"][1] for name in ("start.gw", "model.gw", "with.gw"))
    check(start == without and start != given, "the tower stays as it began")


def task_weights_that_weigh_metrics():
    """A task's weight changes what is learned, not what is reported of it."""
    found = [train(f"weight {weight}", f"tasks.age.weight={weight}", STANDING)[0] for weight in (1, 5)]
    same(found[0]["train"]["tasks"], found[1]["train"]["tasks"], "losses are before the weights")


def gradnorm_without_a_loss_yet():
    """GradNorm trains from the first step on, for any number of tasks."""
    epochs = train("gradnorm", "train.balance=gradnorm")
    check(len(epochs) == 3 and all(math.isfinite(v) for v in epochs[0]["balance"].values()), "with weights that are numbers", epochs)


def gradnorm_by_the_mean_rate():
    """GradNorm follows each task's own rate of training: a task that learns nothing gains weight on one that is learned, though its gradient is the longer one."""
    rng = random.Random(4)
    rows = [(rng.gauss(0, 1), rng.gauss(0, 1), rng.randrange(2)) for _ in range(400)]
    write("rates.csv", "a,b,known,noise\n" + "".join(f"{a:.4f},{b:.4f},{int(a + b > 0)},{noise}\n" for a, b, noise in rows))
    write("rates.yaml", "data: {train: rates.csv}\ntasks: {known: {type: binary, weight: 0.05}, noise: binary}\n"
          "model: {architecture: shared-bottom, experts: {hidden: [8]}}\ntrain: {epochs: 20, batch: 32, optimizer: {name: adam, lr: 0.01}}\n")
    by_length, by_rate = (train(f"alpha {alpha}", f"train.balance={{method: gradnorm, alpha: {alpha}}}", spec="rates.yaml")[-1]["balance"] for alpha in (0, 3))
    check(by_length["known"] > 1.2 > by_length["noise"], "by lengths alone the shorter gradient gets more", by_length)
    check(by_rate["noise"] > 1.5 > by_rate["known"], "by the rates the task that does not move does", by_rate)  # a rate of all would leave it behind


def two_tasks_in_a_fixed_order():
    """The entire space takes any tasks in any order: a chain is a product of what it names."""
    rng = random.Random(2)
    rows = []
    for _ in range(400):
        a = rng.gauss(0, 1)
        click = int(a + rng.gauss(0, 1) > 0)
        cart = int(click and rng.random() < 0.6)
        rows.append(f"{a:.4f},{click},{cart},{int(cart and rng.random() < 0.5)}")
    write("steps.csv", "a,click,cart,buy\n" + "\n".join(rows) + "\n")
    tasks = {"paid": "{type: binary, label: buy, given: cart, weight: 0}", "bought": "{type: binary, label: buy, chain: [click, put, paid]}", "click": "binary",
             "put": "{type: binary, label: cart, given: click, weight: 0}"}
    for order in (list(tasks), sorted(tasks)):
        write("steps.yaml", "data: {train: steps.csv}\ntasks: {" + ", ".join(f"{t}: {tasks[t]}" for t in order) + "}\ntrain: {epochs: 2, batch: 64}\n")
        train(f"in the order {order}", spec="steps.yaml")
        p = predictions("model.gw", "steps.csv")
        wrong = max(abs(b - x * y * z) for b, x, y, z in zip(p["bought"], p["click"], p["put"], p["paid"]))
        check(wrong < 1e-6, "the product of three", wrong)


# ---- rows and labels ----


def a_batch_of_one_row():
    """Batches of one row train, normalised ones too, and one row is predicted."""
    for norm in ("none", "layer", "batch"):
        epochs = train(f"norm {norm}", "train.batch=1", "train.epochs=1", f"model.experts.norm={norm}")
        check(math.isfinite(epochs[0]["train"]["loss"]), f"norm {norm}: with a loss", epochs)
    head, rows = table("people.csv")
    write("one.csv", f"{head}\n{rows[0]}\n")
    same({name: column[0] for name, column in predictions("model.gw", "one.csv").items()},
         {name: column[0] for name, column in predictions("model.gw").items()}, "a row alone is predicted as among others")


def labels_that_are_missing():
    """A cell without a label counts for the other tasks alone, also where a batch has none of a task."""
    head, rows = table("people.csv")
    holes = [re.sub(r",([\d.]*),(\w+)$", lambda m: f",{m.group(1)},NaN" if i % 3 else f",,{m.group(2)}", row) for i, row in enumerate(rows)]
    write("holes.csv", "\n".join([head, *holes]) + "\n")
    epochs = train("holes", "data.train=holes.csv", 'data.missing=["NaN"]', "train.batch=2")
    check(all(math.isfinite(t["loss"]) for epoch in epochs for t in epoch["train"]["tasks"].values()), "losses are numbers", epochs)
    check(all(math.isfinite(v) for column in predictions("model.gw").values() for v in column), "predictions, too")


def a_loss_that_is_no_number_any_more():
    """Training that diverges ends, and says where; it saves no broken model."""
    found = fails("it ends", 1, ["epoch"], "train", "people.yaml", "--set", "train.optimizer={name: sgd, lr: 1e30}", "-o", "broken.gw")
    check(re.search(r"step \d+", found.err) and not any("broken" in name for name in listing()), "with the step, and without a model", found)


# ---- validation and stopping ----


def a_test_file_that_is_the_training_file():
    """No example measures on rows that it learned from."""
    for name in sorted(os.listdir(f"{SOURCE}/examples")):
        if name.endswith(".yaml"):
            files = dict(re.findall(r"^  (train|valid|test):\s+([^\s{#]+)", read(f"{SOURCE}/examples/{name}").decode(), re.M))
            check("train" in files and len(set(files.values())) == len(files), f"{name}: its files differ", files)


def stopping_by_the_test_set():
    """What is measured at the end changes nothing of what is learned."""
    write("other.csv", people(90, seed=9))
    stop = "train.early_stop={metric: rich.auc, patience: 2}"
    train("tested on one table", "data.test=people.csv", stop, "train.epochs=15", out="one.gw")
    train("and on another", "data.test=other.csv", stop, "train.epochs=15", out="two.gw")
    same(tensors("one.gw"), tensors("two.gw"), "the same parameters")


def validation_rows_that_train():
    """Rows of the validation part teach nothing: their labels may be anything."""
    head, rows = table("people.csv")
    for name, turned in (("right.csv", False), ("turned.csv", True)):
        lines = [head + ",part"]
        for i, row in enumerate(rows):
            cells = row.rsplit(",", 3)
            if turned and i >= 180:
                cells[1] = str(1 - int(cells[1]))
            lines.append(",".join(cells) + f",{int(i >= 180)}")
        write(name, "\n".join(lines) + "\n")
    for name in ("right", "turned"):
        train(name, f"data.train={name}.csv", "data.valid={column: part, from: 1}", "features.ignore=[id, part]", out=f"{name}.gw")
    same(tensors("right.gw"), tensors("turned.gw"), "the same parameters")


def stopping_that_maximises_errors():
    """Of a metric that is an error, less is better; and the model that is kept is the best one."""
    write("valid.csv", people(120, seed=8))
    options = ["data.valid=valid.csv", "train.early_stop={metric: age.rmse, patience: 3}", "train.epochs=60", "train.optimizer.lr=0.05"]
    errors = [epoch["valid"]["tasks"]["age"]["rmse"] for epoch in train("by the rmse", *options)]
    kept = evaluated("model.gw", "valid.csv")["age"]["rmse"]
    check(abs(kept - min(errors)) < 1e-6 * kept and min(errors) < errors[0], "the least error is kept", (kept, errors))
    check(len(errors) < 60 and errors.index(min(errors)) == len(errors) - 4, "it stopped three epochs after it", errors)


def the_best_is_kept_only_if_it_stopped():
    """The best epoch is kept, too, where the epochs ran out before the patience did."""
    write("valid.csv", people(120, seed=8))
    options = ["data.valid=valid.csv", "train.early_stop={metric: age.rmse, patience: 1000}", "train.epochs=60", "train.optimizer.lr=0.05"]
    errors = [epoch["valid"]["tasks"]["age"]["rmse"] for epoch in train("to the end", *options)]
    kept = evaluated("model.gw", "valid.csv")["age"]["rmse"]
    check(len(errors) == 60 and errors[-1] > min(errors), "the last is not the best", errors)
    check(abs(kept - min(errors)) < 1e-6 * kept, "and the best is kept", (kept, min(errors)))


DEFECTS = [
    as_many_shared_experts_as_of_a_task, experts_by_a_wrong_index, experts_that_start_equal, units_that_stay_equal, everything_starts_near_zero,
    predictions_that_are_constant, a_shared_gate_that_sees_shared_experts_alone, gates_that_read_the_raw_input_on_every_level, several_networks_by_one_name,
    models_that_do_not_start, one_task_is_refused, layers_wired_by_hand, towers_of_a_wrong_shape,
    ids_that_pass_through_floats, columns_by_their_place, values_that_only_the_test_has, the_label_among_the_features, the_row_weight_as_a_feature,
    numbers_that_are_not_scaled, ignored_columns_that_prediction_wants,
    steps_that_grow_with_the_batch, metrics_averaged_over_batches, batches_without_positives_are_dropped, the_second_tasks_auc,
    one_list_of_metrics_for_all_tasks, predict_and_evaluate_disagree, weights_of_validation_rows_are_passed_over, task_weights_that_do_nothing,
    task_weights_that_weigh_metrics, gradnorm_without_a_loss_yet, gradnorm_by_the_mean_rate, two_tasks_in_a_fixed_order,
    a_batch_of_one_row, labels_that_are_missing, a_loss_that_is_no_number_any_more,
    a_test_file_that_is_the_training_file, stopping_by_the_test_set, validation_rows_that_train, stopping_that_maximises_errors, the_best_is_kept_only_if_it_stopped,
]


def all_of_them():
    small_world()
    for defect in DEFECTS:
        print(f"# {defect.__name__.replace('_', ' ')}: {defect.__doc__}")
        defect()


main(all_of_them)
