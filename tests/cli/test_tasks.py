"""Every type of task by the command: a spec with all of them trains to the same file on any number of threads, says what it predicts and how well, and
what is wrong with a label."""
import json
import math
import random

from cli_tap import check, fails, main, read, run, same, succeeds, write

SPEC = """\
data: {train: rows.csv, valid: {fraction: 0.2}}
tasks:
  visits: count
  grade: {type: ordinal, classes: [low, mid, high]}
  stars: ordinal
  minutes: {type: quantile, quantiles: [0.1, 0.5, 0.9]}
  longest: {type: quantile, label: minutes, quantiles: 0.75}
  spend: {type: regression, loss: ziln, given: click}
  click: {type: binary, loss: focal}
train: {epochs: 12, batch: 64, optimizer: {name: adam, lr: 0.01}, early_stop: mean}
"""
COLUMNS = ("visits,grade.low,grade.mid,grade.high,stars.1,stars.2,stars.3,minutes.q0.1,minutes.q0.5,minutes.q0.9,longest,spend,click")


def rows(n, seed=3):
    rng = random.Random(seed)
    lines = ["x,y,visits,grade,stars,minutes,spend,click"]
    for i in range(n):
        x, y = rng.gauss(0, 1), rng.gauss(0, 1)
        score = x + y + rng.gauss(0, 0.5)
        grade = "low" if score < -1 else "mid" if score < 0.7 else "high"
        click = int(rng.random() < 1 / (1 + math.exp(-2 * x)))
        spend = math.exp(1 + y + rng.gauss(0, 0.5)) if rng.random() < 0.4 else 0
        visits = sum(rng.random() < 0.1 * math.exp(0.6 * x) for _ in range(10))
        cells = [f"{x:.4f}", f"{y:.4f}", visits, "" if i % 9 == 0 else grade, 1 + (score > -1) + (score > 1), f"{3 + x + rng.random():.3f}", f"{spend:.3f}", click]
        lines.append(",".join(map(str, cells)))
    return "\n".join(lines) + "\n"


def changed(row, column, text):
    lines = rows(300).splitlines()
    cells = lines[row - 1].split(",")
    cells[lines[0].split(",").index(column)] = text
    lines[row - 1] = ",".join(cells)
    return "\n".join(lines) + "\n"


def training():
    write("rows.csv", rows(900))
    write("spec.yaml", SPEC)
    succeeds("it trains", "train", "spec.yaml", "-o", "one.gw", "--threads", 1)
    succeeds("and on three threads", "train", "spec.yaml", "-o", "three.gw", "--threads", 3)
    check(read("one.gw") == read("three.gw"), "to the same bytes")
    tasks = json.loads(succeeds("it evaluates", "evaluate", "one.gw", "rows.csv", "--json").out)["tasks"]
    expected = {"visits": "loss deviance d2 rmse mae", "grade": "loss accuracy log_loss mae kappa", "minutes": "loss pinball d2 coverage mae",
                "spend": "loss rmse mae r2", "click": "loss auc log_loss calibration ece accuracy"}
    for task, metrics in expected.items():
        same(sorted(tasks[task]), sorted(metrics.split()), f"the metrics of {task}")
    check(tasks["visits"]["d2"] > 0.1 and tasks["grade"]["kappa"] > 0.5 and tasks["minutes"]["d2"] > 0.3 and tasks["click"]["auc"] > 0.8,
          "it has learned something", tasks)
    check(0.6 < tasks["minutes"]["coverage"] < 0.97 and tasks["longest"]["mae"] is None, "four in five labels lie between the outer quantiles", tasks)


def predictions():
    lines = succeeds("it predicts", "predict", "one.gw", "rows.csv").out.splitlines()
    same(lines[0], COLUMNS, "the columns of all types")
    table = [dict(zip(COLUMNS.split(","), map(float, line.split(",")))) for line in lines[1:]]
    check(all(abs(r["grade.low"] + r["grade.mid"] + r["grade.high"] - 1) < 1e-5 for r in table), "probabilities of ranks add up to one")
    check(all(r["minutes.q0.1"] <= r["minutes.q0.5"] <= r["minutes.q0.9"] for r in table), "quantiles are in order")
    check(all(r["visits"] > 0 and r["spend"] > 0 and 0 < r["click"] < 1 for r in table), "means are above zero, probabilities between 0 and 1")
    row = json.loads(succeeds("as JSON lines", "predict", "one.gw", "rows.csv", "--format", "jsonl").out.splitlines()[0])
    same([list(row["grade"]), list(row["minutes"]), type(row["longest"])], [["low", "mid", "high"], ["q0.1", "q0.5", "q0.9"], float],
         "several outputs of a task are an object")
    found = json.loads(succeeds("inspect", "inspect", "one.gw", "--json").out)["tasks"]
    same([t["output_width"] for t in found], [1, 3, 3, 3, 1, 1, 1], "inspect knows how many outputs there are")
    same((found[1]["classes"], found[3]["quantiles"], found[5]["loss"]), (["low", "mid", "high"], [0.1, 0.5, 0.9], "ziln"), "and which")


def labels():
    for column, text, parts in (("visits", "-2", ["bad.csv:7", "'visits'", "a non-negative number", "'-2'"]),
                                ("visits", "many", ["bad.csv:7", "'visits'", "a non-negative number", "'many'"]),
                                ("spend", "-0.5", ["bad.csv:7", "'spend'", "a non-negative number"]),
                                ("grade", "hihg", ["bad.csv:7", "'grade'", "'low', 'mid', 'high'", "'hihg'"]),
                                ("minutes", "long", ["bad.csv:7", "'minutes'", "a number", "'long'"])):
        write("bad.csv", changed(7, column, text))
        fails(f"training on {column} {text}", 1, parts, "train", "spec.yaml", "--set", "data.train=bad.csv", "-o", "no.gw")
        fails("evaluating it", 1, parts, "evaluate", "one.gw", "bad.csv")
    fails("texts have no order", 2, ["tasks.grade", "grade", "classes"], "train", "spec.yaml", "--set", "tasks.grade=ordinal", "-o", "no.gw")
    write("bad.csv", changed(7, "spend", "-0.5"))
    succeeds("a plain regression takes negative labels", "train", "spec.yaml", "--set", "data.train=bad.csv", "--set", "tasks.spend=regression", "-o", "no.gw")
    write("few.csv", "\n".join(rows(300).splitlines()[:2]) + "\n")
    tasks = json.loads(succeeds("one row is measured", "evaluate", "one.gw", "few.csv", "--json").out)["tasks"]
    same((tasks["visits"]["d2"], tasks["minutes"]["d2"], tasks["grade"]["kappa"]), (None, None, None), "what does not exist is null")


def init():
    found = succeeds("init takes the types", "init", "rows.csv", "--task", "visits:count", "--task", "minutes:quantile", "--task", "stars:ordinal",
                     "--task", "grade:ordinal", "-o", "init.yaml")
    text = read("init.yaml").decode()
    check("visits: {type: count" in text and "stars: {type: ordinal, label: stars}" in text and "classes: [" in text, "and writes them", text)
    check(all(word in text.partition("tasks:")[2].splitlines()[1] for word in ("regression", "count", "ordinal", "quantile", "given")), "init names the types there are", text)
    check("l2-constrained" in text and "local-experts" not in text, "and the architectures, but those of one task", text)
    succeeds("what it wrote trains", "train", "init.yaml", "--set", "train.epochs=1", "-o", "init.gw")
    fails("a count of negative numbers", 1, ["'x'", "a count needs non-negative numbers"], "init", "rows.csv", "--task", "x:count")
    fails("a count of texts", 1, ["'grade'", "a count needs numbers"], "init", "rows.csv", "--task", "grade:count")
    fails("an unknown type", 2, ["ordinel", "did you mean 'ordinal'"], "init", "rows.csv", "--task", "stars:ordinel")


SPACES = """\
data: {train: rows.csv}
tasks:
  click: {type: binary, positive_weight: 2}
  convert: {type: binary, label: buy, given: click, weight: 0}
  buy: {type: binary, chain: [click, convert]}
  leave: {type: binary, label: stay, positive: "0", chain: [not buy], weight: 0}
  stay: {type: binary, after: click, weight: 0.1}
features: {ignore: [visits, grade, stars, minutes, spend]}
model: {architecture: ple, experts: {shared: 1, per_task: {click: 1, convert: 2, stay: 1}, hidden: [8]}}
train: {epochs: 12, batch: 64, optimizer: {name: adam, lr: 0.01}}
"""


def first_looks():
    """Columns that a newcomer would take for inputs: init says what they may be instead."""
    rows = [f"{20220425 + i % 5},2022-05-{10 + i % 7},{i % 9}.{i % 7},{(i // 2) % 3},{i % 5 // 4},{i % 2},{i % 4 // 3},{['low', 'mid', 'high'][i % 3]}" for i in range(120)]
    write("log.csv", "day,seen_on,instance_weight,device_type,is_like,is_click,was_shown,level\n" + "\n".join(rows) + "\n")
    text = succeeds("init of a log succeeds", "init", "log.csv", "--task", "is_click", "--task", "level").out
    ignored, _, columns = text.partition("  columns:")
    check("- day " in ignored and "- seen_on " in ignored and "20220425" in ignored, "days are no inputs, in either form", text)
    line_of = {line.split(":")[0].strip(): line for line in columns.splitlines() if ":" in line}
    check("row_weight" in line_of["instance_weight"], "a weight is recognised by its name", text)
    check("categorical" in line_of["device_type"] and "by its name codes" in line_of["device_type"], "so is a type", text)
    check("like that of the label 'is_click'" in line_of["is_like"] and "label" not in line_of["was_shown"], "a column named like a label is asked about", text)
    check("ordinal if they rank" in text and "binary to tell one" in text, "classes may be something else", text)
    fails("a table without names", 1, ["bare.csv:1", "if the first line holds no names"], "init", write("bare.csv", "0,1,0\n1,1,0\n"), "--task", "x")


def large_and_small():
    """Regressions far from 1: no weight is 0, and the newcomer is told what to do."""
    rng = random.Random(3)
    for size in (1e-6, 1e-3, 50, 1e8, 1e12):
        rows_of = [(rng.gauss(0, 1), rng.gauss(0, 1)) for _ in range(800)]
        write("size.csv", "a,b,income,buy\n" + "".join(f"{a:.4f},{b:.4f},{size * (a + b / 2):.9g},{int(a - b > 0)}\n" for a, b in rows_of))
        text = succeeds(f"labels of size {size:g}", "init", "size.csv", "--task", "income:regression", "--task", "buy", "-o", "size.yaml") and read("size.yaml").decode()
        line = next(line for line in text.splitlines() if line.startswith("  income: "))
        weight = float(line.partition("weight: ")[2].rstrip("}") or "nan")
        check(0.7 < weight * 1.25 * size * size < 1.4, f"labels of size {size:g}: the weight is 1 over their variance, to three digits", line)
        same("divide the column by 1e" in text, not 1e-4 < size < 1000, f"labels of size {size:g}: whether to divide them")
        found = succeeds(f"labels of size {size:g} train", "train", "size.yaml", "--set", "train.epochs=30", "--set", "train.optimizer.lr=0.01", "--set", "train.early_stop=null", "--json", "-o", "size.gw")
        valid = json.loads(found.out.splitlines()[-1])["valid"]["tasks"]
        check(valid["buy"]["auc"] > 0.9, f"labels of size {size:g}: the other task learns", valid)
        if 1e-4 < size < 1000:
            check(valid["income"]["r2"] > 0.5, f"labels of size {size:g}: so does this one", valid)
        elif size > 1:
            check("its loss does not move" in found.err and "divide large ones" in found.err, f"labels of size {size:g}: it is said that this one does not", found.err)


def spaces():
    rng = random.Random(9)
    lines = rows(900).splitlines()
    lines[0] += ",buy,stay"
    for i in range(1, len(lines)):
        x, y, click = float(lines[i].split(",")[0]), float(lines[i].split(",")[1]), int(lines[i].split(",")[7])
        lines[i] += f",{int(click and rng.random() < 1 / (1 + math.exp(-2 * y)))},{int(click and rng.random() < 0.5)}"
    write("rows.csv", "\n".join(lines) + "\n")
    write("spaces.yaml", SPACES)
    said = [json.loads(line) for line in succeeds("chains train", "train", "spaces.yaml", "-o", "s1.gw", "--threads", 1, "--json").out.splitlines()]
    epoch = [line for line in said if "epoch" in line][-1]
    succeeds("on three threads", "train", "spaces.yaml", "-o", "s3.gw", "--threads", 3)
    check(read("s1.gw") == read("s3.gw"), "to the same bytes")
    check(all(math.isfinite(epoch["train"]["tasks"][t]["loss"]) for t in ("click", "convert", "buy", "leave", "stay")), "every task's loss is shown", epoch)
    table = [json.loads(line) for line in succeeds("and predict", "predict", "s1.gw", "rows.csv", "--format", "jsonl").out.splitlines()]
    check(all(abs(r["buy"] - r["click"] * r["convert"]) < 1e-6 and abs(r["leave"] + r["buy"] - 1) < 1e-6 for r in table),
          "the chain is the product of what is predicted", table[:2])
    found = json.loads(succeeds("chains are evaluated", "evaluate", "s1.gw", "rows.csv", "--json").out)["tasks"]
    check(found["buy"]["auc"] > 0.8 and found["convert"]["auc"] > 0.75, "the tower without a loss has learned from the product", found)
    check(abs(found["buy"]["calibration"] - 1) < 0.2, "probabilities of the product are probabilities", found["buy"])
    found = json.loads(succeeds("inspect", "inspect", "s1.gw", "--json").out)
    same([t["task"] for t in found["towers"]], ["click", "convert", "stay"], "a chain has no tower")
    same((found["tasks"][2]["chain"], found["tasks"][4]["after"]), ([["click", "convert"]], "click"), "inspect tells of chains and orders")
    wrong = sum(r["stay"] > r["click"] for r in table)
    succeeds("without the order", "train", "spaces.yaml", "-o", "free.gw", "--set", "tasks.stay.after=null")
    check(read("free.gw") != read("s1.gw"), "the order is part of what is learned")
    succeeds("with much of it", "train", "spaces.yaml", "-o", "bound.gw", "--set", "tasks.stay.after.weight=100")
    bound = [json.loads(line) for line in run("predict", "bound.gw", "rows.csv", "--format", "jsonl").out.splitlines()]
    check(sum(r["stay"] > r["click"] for r in bound) <= wrong, "a heavier weight leaves no more rows out of order", wrong)


main(training, predictions, labels, init, first_looks, large_and_small, spaces)
