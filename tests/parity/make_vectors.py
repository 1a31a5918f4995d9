#!/usr/bin/python3
"""Make the parity vectors: what PyTorch computes for small networks of every architecture.

    make_vectors.py [--out DIR] [--only NAME]        write the committed cases (default DIR: vectors, beside this script)
    make_vectors.py --random N [--seed S] --out DIR  write N random cases, to be tried and thrown away

A case is a folder:
    spec.json             what is trained; its paths are relative to the folder
    data.csv              the rows, values exact in float32
    weights.safetensors   parameters by the names of docs/architectures.md, float32
    expected.safetensors  output            [n,O] float64   predictions with these weights
                          logits            [n,Z] float64   what the losses see
                          gate.LEVEL.STREAM [n,E] float64   the gates of every row
                          gradient.NAME           float32   of the step loss over all rows, before L2 and clipping, computed in float64
                          loss.small, loss.full [epochs,T] float64   a task's mean loss per epoch of an unshuffled run, from the step
                                            before each update; `small` has the spec's batch, `full` all rows in one
                          trained           [n,O] float64   predictions after the epochs of loss.small, where they are well conditioned

A trajectory goes on only for as many epochs (5 to 20) as float64, float32 and a float32 run from weights
perturbed by 1e-7 agree within 1e-4; a case with fewer than 5 is refused, because it would test luck. So is one whose outputs PyTorch itself
does not compute to 8e-6 in float32.

Needs PyTorch and NumPy; the tests that read the vectors need neither.
"""
import argparse
import copy
import csv
import json
import math
import os
import shutil
import struct
import sys

import numpy as np
import torch

from parity_balance import Balancer
from parity_cases import committed_cases, random_case
from parity_reference import Network, Spec, batch_of, predictions, quantiles_of, step_losses, total_loss, trajectory

EPOCHS = 20        # a trajectory has at most so many
LEAST_EPOCHS = 5   # and at least so many
AGREE = 1e-4       # how far PyTorch's own runs may differ, relative
ROUNDING = 8e-6    # how far PyTorch's float32 outputs may be off; the tests allow 1e-5

# ---- the safetensors format ----------------------------------------------------------------------------------------------------

DTYPES = {np.dtype("float32"): "F32", np.dtype("float64"): "F64"}


def write_safetensors(path, tensors):
    """8 bytes little-endian header length, the header as JSON, the data without holes."""
    header, blocks, at = {}, [], 0
    for name, array in tensors.items():
        array = np.array(array, order="C")
        data = array.astype(array.dtype.newbyteorder("<")).tobytes()
        header[name] = {"dtype": DTYPES[array.dtype], "shape": list(array.shape), "data_offsets": [at, at + len(data)]}
        blocks.append(data)
        at += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % 64)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(blocks))


# ---- data ----------------------------------------------------------------------------------------------------------------------


def exact(values):
    """Decimal text of at most 7 digits that float32 holds exactly enough: the value *is* the float32 nearest to the text."""
    return np.array([float("%.6g" % v) for v in np.ravel(values)]).reshape(np.shape(values))


def make_table(rng, spec, n, numbers, categories, bags, unlabelled):
    """Columns as text, in the order of the file. Every label depends on the inputs, so that there is something to learn."""
    x = exact(rng.standard_normal((n, numbers)))
    if spec.get("_binary_inputs"):
        x = (x > 0).astype(float)
    columns = {}
    half = numbers // 2
    for j in range(half):
        columns[f"x{j}"] = ["%.6g" % v for v in x[:, j]]
    signal = np.zeros(n)
    for k, (name, count) in enumerate(categories.items()):
        ids = rng.integers(0, count, n)
        signal += np.sin(ids + k)
        columns[name] = ["" if rng.random() < 0.05 else f"v{i}" for i in ids]
    for name, count in bags.items():
        columns[name] = ["|".join(f"w{i}" for i in rng.integers(0, count, rng.integers(0, 4))) for _ in range(n)]
    for j in range(half, numbers):
        columns[f"x{j}"] = ["%.6g" % v for v in x[:, j]]
    if spec.pop("_binary_inputs", False):
        for j in range(numbers):
            columns[f"x{j}"] = ["%d" % v for v in x[:, j]]
    if spec.pop("_row_weight", False):
        columns["rw"] = ["%.6g" % v for v in rng.uniform(0.2, 2.0, n)]
    if spec.pop("_given", False):
        columns["seen"] = ["1" if rng.random() < 0.7 else "0" for _ in range(n)]
    for name, task in spec["tasks"].items():
        score = x @ rng.standard_normal(numbers) / math.sqrt(max(numbers, 1)) + 0.5 * signal + 0.5 * rng.standard_normal(n)
        if task["type"] == "binary":
            cells = ["1" if s > 0 else "0" for s in score]
        elif task["type"] in ("multiclass", "ordinal"):
            edges = np.quantile(score, np.linspace(0, 1, task["_classes"] + 1))[1:-1]
            cells = ["c%d" % k for k in np.searchsorted(edges, score)]
        elif task["type"] == "count":
            cells = ["%d" % k for k in rng.poisson(np.exp(score))]
        elif task.get("loss") == "ziln":
            cells = ["%.6g" % np.exp(s) if s > 0 else "0" for s in score]
        else:
            if task.get("activation") == "sigmoid":
                score = 1 / (1 + np.exp(-score))
            cells = ["%.6g" % s for s in score]
        if unlabelled:
            cells = ["" if rng.random() < unlabelled else c for c in cells]
        columns[name] = cells
    return columns


def vocabulary(cells, min_count):
    """Row 0 stands for unseen and rare values, row 1 for no value; then the values by falling frequency, ties in byte order."""
    counts = {}
    for c in cells:
        if c != "":
            counts[c] = counts.get(c, 0) + 1
    kept = sorted((c for c in counts if counts[c] >= min_count), key=lambda c: (-counts[c], c.encode()))
    return {c: i + 2 for i, c in enumerate(kept)}


def encode(spec, columns):
    """Columns -> numbers, ids, labels and weights, by the rules of the spec."""
    raw = spec.raw
    n = len(next(iter(columns.values())))
    features = raw["features"]
    explicit = features.get("columns", {})
    order, numbers, tables, ids = [], [], {}, {}
    pools = {}  # shared table -> the cells of all its columns
    for name, entry in explicit.items():
        if "share" in entry:
            pools.setdefault(entry["share"], []).extend(columns[name])
    for name, cells in columns.items():
        entry = explicit.get(name, {})
        if name in features.get("ignore", []) or name in raw["tasks"]:
            continue
        kind = entry.get("type", "numeric")
        if kind == "numeric":
            order.append(("number", len(numbers)))
            numbers.append([np.float32(c) for c in cells])
            continue
        texts = [c.split("|") if c else [] for c in cells] if kind == "bag" else [[c] for c in cells]
        pool = pools[entry["share"]] if "share" in entry else cells
        words = vocabulary([w for c in pool for w in (c.split("|") if kind == "bag" and c else [c])], entry.get("min_count", 2))
        rows = [[words.get(w, 0) if w else 1 for w in ws] for ws in texts]
        longest = max(1, max(len(r) for r in rows))
        order.append(("embedding", name))
        tables[name] = {"name": entry.get("share", name), "rows": len(words) + 2, "dim": entry.get("dim", 8),
                        "pooling": entry.get("pooling", "mean")}
        if kind == "bag":
            ids[name] = {"rows": torch.tensor([r + [0] * (longest - len(r)) for r in rows]),
                         "mask": torch.tensor([[1.0] * len(r) + [0.0] * (longest - len(r)) for r in rows])}
        else:
            ids[name] = {"rows": torch.tensor([r[0] for r in rows]), "mask": None}
    labels, weights, outs = [], [], []
    for name, task in raw["tasks"].items():
        cells = columns[name]
        w = np.array([c != "" for c in cells], dtype=np.float64)
        if "given" in task:
            w *= np.array([c == "1" for c in columns[task["given"]]])
        if "row_weight" in task:
            w *= np.array([float(np.float32(c)) for c in columns[task["row_weight"]]])
        if task["type"] in ("multiclass", "ordinal"):
            classes = sorted({c for c in cells if c != ""})
            y = [classes.index(c) if c else 0 for c in cells]
            outs.append(len(classes))
        else:
            y = [float(np.float32(c)) if c else 0.0 for c in cells]
            outs.append(len(quantiles_of(task)) if task["type"] == "quantile" else 1)
        labels.append(y)
        weights.append(w)
    numbers = np.array(numbers, dtype=np.float64).T.reshape(n, len(numbers))
    return {"n": n, "order": order, "numbers": numbers, "ids": ids, "tables": tables, "labels": np.array(labels).T,
            "weights": np.array(weights).T, "outs": outs}


# ---- a case --------------------------------------------------------------------------------------------------------------------


class Chaotic(Exception):
    pass


def agreeing_epochs(runs):
    ref = runs[0]
    ok = np.ones(len(ref), dtype=bool)
    for r in runs[1:]:
        ok &= (np.abs(r - ref) <= AGREE * np.maximum(np.abs(ref), 1e-6)).all(1)
    bad = np.nonzero(~ok)[0]
    return len(ref) if len(bad) == 0 else int(bad[0])


def stable_run(spec, net, start, data, batch, rng):
    # A cosine depends on the number of epochs, so a case that uses it has to be stable to its end.
    epochs = EPOCHS if spec.train.get("schedule", {}).get("name") != "cosine" else spec.train["epochs"]
    spec.train["epochs"] = epochs
    jolted = {n: v if n in net.running else v * (1 + 1e-7 * rng.standard_normal(v.shape)) for n, v in start.items()}
    runs = [trajectory(spec, net, s, data, batch, t, epochs)
            for s, t in ((start, torch.float64), (start, torch.float32), (jolted, torch.float32), (jolted, torch.float64))]
    n = agreeing_epochs([r[0] for r in runs])
    if n < LEAST_EPOCHS or (n < epochs and spec.train.get("schedule", {}).get("name") == "cosine"):
        raise Chaotic(f"PyTorch agrees with itself for {n} epochs of {epochs}; another seed, or a milder spec")
    return n, runs


def float32_error(spec, net, start, data, expected):
    """How far PyTorch's float32 outputs are off, by the measure of the test."""
    x, ids, _, _ = batch_of(data, torch.float32, slice(0, data["n"]), False)
    with torch.no_grad():
        found = predictions(spec, net.forward({n: torch.tensor(v, dtype=torch.float32) for n, v in start.items()}, x, ids)).double().numpy()
    return np.max(np.abs(found - expected) / np.maximum(np.abs(expected), 0.01))


def make_case(out, name, raw, rows, numbers, seed, categories=None, bags=None, unlabelled=0.0):
    raw = copy.deepcopy(raw)
    rng = np.random.default_rng(seed)
    columns = make_table(rng, raw, rows, numbers, categories or {}, bags or {}, unlabelled)
    for task in raw["tasks"].values():
        task.pop("_classes", None)
    spec = Spec(raw)
    data = encode(spec, columns)
    width = sum(1 if k == "number" else data["tables"][key]["dim"] for k, key in data["order"])
    net = Network(spec, width, data["outs"], data["tables"], rng)
    start = {n: v.astype(np.float32).astype(np.float64) for n, v in net.p.items()}

    everything = batch_of(data, torch.float64, slice(0, data["n"]), False)
    p = {n: torch.tensor(v, requires_grad=n not in net.running) for n, v in start.items()}
    expected, gates = {}, {}
    with torch.no_grad():
        logits = net.forward(p, everything[0], everything[1], False, gates)
        expected["output"] = predictions(spec, logits).numpy()
        expected["logits"] = torch.cat(logits, 1).numpy()
        for key, value in gates.items():
            expected[key] = value.numpy()
    rounding = float32_error(spec, net, start, data, expected["output"])
    if rounding > ROUNDING:
        raise Chaotic(f"outputs are sums that cancel: PyTorch's own float32 is off by {rounding:.2g}")
    losses, logits = step_losses(spec, net, p, everything)
    if "balance" in raw["train"]:
        Balancer(spec).backward(p, losses)
    else:
        (total_loss(spec, losses, logits, net) + net.penalty(p)).backward()
    for key, value in p.items():
        if value.requires_grad:
            grad = torch.zeros_like(value) if value.grad is None else value.grad
            expected["gradient." + key] = grad.numpy().astype(np.float32)

    # A negative rate removes rows by the program's own random numbers: values and gradients of what is kept are its own tests.
    trained_by_chance = any(t.get("negative_sampling", 1.0) != 1.0 for t in raw["tasks"].values())
    if trained_by_chance:
        expected = {k: v for k, v in expected.items() if not k.startswith("gradient.")}
    else:
        small, runs = stable_run(spec, net, start, data, raw["train"]["batch"], rng)
        full, full_runs = stable_run(spec, net, start, data, data["n"], rng)
        expected["loss.small"] = runs[0][0][:small]
        expected["loss.full"] = full_runs[0][0][:full]
        outs = []
        for r in runs:
            end = r[1][small - 1]
            dtype = next(iter(end.values())).dtype
            with torch.no_grad():
                b = batch_of(data, dtype, slice(0, data["n"]), False)
                outs.append(predictions(spec, net.forward(end, b[0], b[1])).double().numpy())
        if all(np.all(np.abs(o - outs[0]) <= AGREE * np.maximum(np.abs(outs[0]), 0.1)) for o in outs[1:]):
            expected["trained"] = outs[0]
        raw["train"]["epochs"] = EPOCHS if raw["train"].get("schedule", {}).get("name") != "cosine" else raw["train"]["epochs"]

    folder = os.path.join(out, name)
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    raw["data"] = {"train": "data.csv"}
    with open(os.path.join(folder, "spec.json"), "w") as f:
        json.dump(raw, f, indent=1)
        f.write("\n")
    with open(os.path.join(folder, "data.csv"), "w", newline="") as f:
        writer = csv.writer(f, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values()))
    write_safetensors(os.path.join(folder, "weights.safetensors"), {n: v.astype(np.float32) for n, v in start.items()})
    write_safetensors(os.path.join(folder, "expected.safetensors"), expected)
    epochs = "values only" if trained_by_chance else \
        f"{len(expected['loss.small'])}+{len(expected['loss.full'])} epochs{', trained' if 'trained' in expected else ''}"
    print(f"{name}: {data['n']} rows, D {width}, {sum(v.size for v in start.values())} parameters, {epochs}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--out", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "vectors"))
    parser.add_argument("--only", help="cases whose name begins with this")
    parser.add_argument("--random", type=int, default=0, metavar="N")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(1)
    refused = 0
    if options.random:
        for k in range(options.random):
            rng = np.random.default_rng([options.seed, k])
            spec, data = random_case(rng)
            try:
                make_case(options.out, f"random-{options.seed}-{k}", spec, seed=[options.seed, k, 1], **data)
            except Chaotic as e:
                print(f"random-{options.seed}-{k}: left out: {e}")
        return 0
    for number, (name, spec, data) in enumerate(committed_cases()):
        if options.only and not name.startswith(options.only):
            continue
        try:
            make_case(options.out, name, spec, **dict({"seed": [7, number]}, **data))
        except Chaotic as e:
            print(f"{name}: refused: {e}", file=sys.stderr)
            refused += 1
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
