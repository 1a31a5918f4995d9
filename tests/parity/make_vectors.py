#!/usr/bin/python3
"""Make the parity vectors: what PyTorch computes for small networks of every architecture.

    make_vectors.py [--out DIR] [--only NAME]        write the committed cases (default DIR: vectors, beside this script)
    make_vectors.py --random N [--seed S] --out DIR  write N random cases, to be tried and thrown away

A case is a folder:
    spec.json             what is trained; its paths are relative to the folder
    data.csv              the rows, values exact in float32
    weights.safetensors   parameters by the names of docs/architectures.md, float32
    expected.safetensors  output            [n,O] float64   predictions with these weights
                          logits            [n,O] float64   what the losses see
                          gate.LEVEL.STREAM [n,E] float64   the gates of every row
                          gradient.NAME           float32   of the step loss over all rows, before L2 and clipping, computed in float64
                          loss.small, loss.full [epochs,T] float64   a task's mean loss per epoch of an unshuffled run, from the step
                                            before each update; `small` has the spec's batch, `full` all rows in one
                          trained           [n,O] float64   predictions after the epochs of loss.small, where they are well conditioned

Everything here is the plain definition: a loop over experts, one matrix product each. Nothing is shared with the program under test but
the text of the documentation. A trajectory goes on only for as many epochs (5 to 20) as float64, float32 and a float32 run from weights
perturbed by 1e-7 agree within 1e-4; a case with fewer than 5 is refused, because it would test luck.

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
import torch.nn.functional as F

EPOCHS = 20        # a trajectory has at most so many
LEAST_EPOCHS = 5   # and at least so many
AGREE = 1e-4       # how far PyTorch's own runs may differ, relative

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


# ---- the spec with its defaults ------------------------------------------------------------------------------------------------

ACTIVATIONS = {
    "none": lambda z: z, "relu": torch.relu, "leaky_relu": lambda z: F.leaky_relu(z, 0.01), "gelu": F.gelu, "swish": F.silu,
    "tanh": torch.tanh, "sigmoid": torch.sigmoid,
}
DEFAULT_LOSS = {"binary": "bce", "regression": "mse", "multiclass": "cross-entropy"}


class Spec:
    """The parts of a spec that a network needs, every default resolved."""

    def __init__(self, spec):
        self.raw = spec
        model, self.train = spec["model"], spec["train"]
        self.tasks = spec["tasks"]
        self.arch = model["architecture"]
        self.levels = model.get("levels", 2 if self.arch == "ple" else 1)
        experts, gates, towers = model["experts"], model.get("gates", {}), model["towers"]
        self.experts, self.gates, self.towers = experts, gates, towers
        self.names = list(self.tasks)
        per_task = experts.get("per_task", 0)
        if self.arch == "single-task":
            self.shared, per_task = 0, 1
        elif self.arch == "shared-bottom":
            self.shared = 1
        elif self.arch in ("cgc", "ple"):
            self.shared = experts["shared"]
        else:
            self.shared = experts["count"]
        self.per_task = {t: per_task[t] if isinstance(per_task, dict) else per_task for t in self.names}

    @staticmethod
    def widths(hidden, level):
        return hidden[level] if hidden and isinstance(hidden[0], list) else hidden

    def expert_widths(self, level):
        return self.widths(self.experts["hidden"], level)

    def gate_widths(self, level):
        return self.widths(self.gates.get("hidden", []), level)


# ---- the network: parameters by name, and the forward pass as the papers write it ----------------------------------------------


class Parameters(dict):
    """Name -> array; made on first mention, so that the forward pass alone decides what exists and in which shape."""

    def __init__(self, rng):
        super().__init__()
        self.rng = rng
        self.running = set()

    def linear(self, prefix, n_in, n_out, bias=True):
        bound = 1 / math.sqrt(n_in)
        self[prefix + ".weight"] = self.rng.uniform(-bound, bound, (n_out, n_in))
        if bias:
            self[prefix + ".bias"] = self.rng.uniform(-bound, bound, n_out)

    def norm(self, prefix, n, kind):
        self[prefix + ".norm.weight"] = 1 + 0.1 * self.rng.standard_normal(n)
        self[prefix + ".norm.bias"] = 0.1 * self.rng.standard_normal(n)
        if kind == "batch":
            self[prefix + ".norm.running_mean"] = 0.2 * self.rng.standard_normal(n)
            self[prefix + ".norm.running_var"] = self.rng.uniform(0.5, 1.5, n)


class Mlp:
    """Linear layers; `last`: the activation follows the last one, too (experts), else only those between (gates, towers)."""

    def __init__(self, p, prefix, n_in, widths, options, last, bias=True):
        self.prefix, self.widths, self.last = prefix, widths, last
        self.act = ACTIVATIONS[options.get("activation", "relu")]
        self.norm = options.get("norm", "none")
        for j, n in enumerate(widths):
            p.linear(f"{prefix}.{j}", n_in, n, bias)
            if self.normed(j):
                p.norm(f"{prefix}.{j}", n, self.norm)
            n_in = n

    def normed(self, j):
        return self.norm != "none" and (self.last or j + 1 < len(self.widths))

    def __call__(self, p, x, training):
        for j in range(len(self.widths)):
            name = f"{self.prefix}.{j}"
            x = F.linear(x, p[name + ".weight"], p.get(name + ".bias"))
            if self.normed(j):
                w, b = p[name + ".norm.weight"], p[name + ".norm.bias"]
                if self.norm == "layer":
                    x = F.layer_norm(x, x.shape[-1:], w, b)
                else:
                    x = F.batch_norm(x, p[name + ".norm.running_mean"], p[name + ".norm.running_var"], w, b, training, 0.1, 1e-5)
            if self.last or j + 1 < len(self.widths):
                x = self.act(x)
        return x


class Network:
    def __init__(self, spec, n_in, out_widths, tables, rng):
        self.spec, self.tables = spec, tables
        self.p = Parameters(rng)
        for table in tables.values():
            self.p[f"embedding.{table['name']}.weight"] = 0.5 * rng.standard_normal((table["rows"], table["dim"]))
        self.experts, self.gates = [], []
        width = n_in
        for level in range(spec.levels):
            widths = spec.expert_widths(level)
            group = {}
            for stream, count in [("shared", spec.shared)] + list(spec.per_task.items()):
                for i in range(count):
                    group[stream, i] = Mlp(self.p, f"level{level}.expert.{stream}.{i}", width, widths, spec.experts, True)
            self.experts.append(group)
            self.gates.append(self.make_gates(level, n_in, width))
            width = widths[-1]
        self.towers = {t: Mlp(self.p, f"tower.{t}", width, list(spec.towers.get("hidden", [])) + [o], spec.towers, False)
                       for t, o in zip(spec.names, out_widths)}
        self.running = [n for n in self.p if n.endswith(".running_mean") or n.endswith(".running_var")]

    def make_gates(self, level, n_in, width):
        """stream -> (its gate, the experts in the order of its columns)"""
        spec, last = self.spec, level == self.spec.levels - 1
        shared = [("shared", i) for i in range(spec.shared)]
        own = {t: [(t, i) for i in range(n)] for t, n in spec.per_task.items()}
        sees = {}
        if spec.arch in ("moe", "omoe"):
            sees["all"] = shared
        elif spec.arch == "mmoe":
            for stream in spec.names if last else [f"expert{i}" for i in range(spec.shared)]:
                sees[stream] = shared
        elif spec.arch in ("cgc", "ple"):
            if not last:
                sees["shared"] = shared + [e for t in spec.names for e in own[t]]
            for t in spec.names:
                sees[t] = shared + own[t]
        gates = {}
        for stream, columns in sees.items():
            mlp = None
            if len(columns) > 1:  # a gate over one expert is the constant 1 and has no parameters
                # A stacked mmoe's gates read the dense input at every level; those of ple the stream itself.
                n = n_in if spec.arch == "mmoe" else width
                mlp = Mlp(self.p, f"level{level}.gate.{stream}", n, list(spec.gate_widths(level)) + [len(columns)], spec.gates, False,
                          spec.gates.get("bias", True))
            gates[stream] = (mlp, columns)
        return gates

    def dense(self, p, x, ids):
        """Features side by side in the file's column order."""
        parts = []
        for kind, key in x["order"]:
            if kind == "number":
                parts.append(x["numbers"][:, key:key + 1])
                continue
            table, look = self.tables[key], ids[key]
            weight = p[f"embedding.{table['name']}.weight"]
            rows = F.embedding(look["rows"], weight, sparse=x["sparse"])
            if look["mask"] is not None:
                mask = look["mask"].to(rows.dtype)
                rows = (rows * mask[:, :, None]).sum(1)
                if table["pooling"] == "mean":
                    rows = rows / mask.sum(1).clamp(min=1)[:, None]
            parts.append(rows)
        return torch.cat(parts, 1)

    def forward(self, p, x, ids, training=False, ret_gates=None):
        spec = self.spec
        dense = self.dense(p, x, ids)
        streams = {}  # name -> what flows; a name that is absent reads the dense input
        for level in range(spec.levels):
            last = level == spec.levels - 1
            out = {}
            for (stream, i), mlp in self.experts[level].items():
                source = f"expert{i}" if spec.arch == "mmoe" else "all" if spec.arch in ("moe", "omoe", "averaged", "shared-bottom") else stream
                out[stream, i] = mlp(p, streams.get(source, dense), training)
            nxt = {}
            for stream, (mlp, columns) in self.gates[level].items():
                stack = torch.stack([out[c] for c in columns], 1)  # [B,E,H]
                if mlp is None:
                    weights = torch.ones(len(stack), 1, dtype=stack.dtype)
                else:
                    weights = torch.softmax(mlp(p, dense if spec.arch == "mmoe" else streams.get(stream, dense), training), 1)
                    if ret_gates is not None:
                        ret_gates[f"gate.{level}.{stream}"] = weights
                nxt[stream] = (weights[:, :, None] * stack).sum(1)
            if spec.arch in ("averaged", "shared-bottom"):
                nxt["all"] = torch.stack(list(out.values())).mean(0)
            if spec.arch == "single-task":
                nxt = {t: out[t, 0] for t in spec.names}
            streams = nxt
        return [self.towers[t](p, streams.get(t, streams.get("all")), training) for t in spec.names]


# ---- losses and predictions ----------------------------------------------------------------------------------------------------


def task_loss(task, logits, label, weight):
    """Weighted mean over the labelled rows: a row of weight 2 counts as two rows."""
    kind = task["type"]
    loss = task.get("loss", DEFAULT_LOSS[kind])
    head = ACTIVATIONS[task.get("activation", "sigmoid" if kind == "binary" else "none")]
    if loss == "cross-entropy":
        each = F.cross_entropy(logits, label.long(), reduction="none")
    elif loss == "bce":
        each = F.binary_cross_entropy_with_logits(logits[:, 0], label, reduction="none")
        each = torch.where(label > 0.5, each * task.get("positive_weight", 1.0), each)
    else:
        score = head(logits[:, 0])
        if loss == "mse":
            each = (score - label) ** 2
        elif loss == "mae":
            each = (score - label).abs()
        else:
            each = F.huber_loss(score, label, reduction="none", delta=task.get("huber_delta", 1.0))
    total = weight.sum()
    return (each * weight).sum() / (total if total > 0 else 1)


def predictions(spec, logits):
    out = []
    for (name, task), z in zip(spec.tasks.items(), logits):
        kind = task["type"]
        if kind == "multiclass":
            out.append(torch.softmax(z, 1))
        elif kind == "binary":
            # The odds that were taught are those of the data times positive_weight / negative_sampling.
            out.append(torch.sigmoid(z - math.log(task.get("positive_weight", 1.0)) + math.log(task.get("negative_sampling", 1.0))))
        else:
            out.append(ACTIVATIONS[task.get("activation", "none")](z))
    return torch.cat(out, 1)


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
        elif task["type"] == "multiclass":
            edges = np.quantile(score, np.linspace(0, 1, task["_classes"] + 1))[1:-1]
            cells = ["c%d" % k for k in np.searchsorted(edges, score)]
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
        if task["type"] == "multiclass":
            classes = sorted({c for c in cells if c != ""})
            y = [classes.index(c) if c else 0 for c in cells]
            outs.append(len(classes))
        else:
            y = [float(np.float32(c)) if c else 0.0 for c in cells]
            outs.append(1)
        labels.append(y)
        weights.append(w)
    numbers = np.array(numbers, dtype=np.float64).T.reshape(n, len(numbers))
    return {"n": n, "order": order, "numbers": numbers, "ids": ids, "tables": tables, "labels": np.array(labels).T,
            "weights": np.array(weights).T, "outs": outs}


# ---- training ------------------------------------------------------------------------------------------------------------------


def batch_of(data, dtype, rows, sparse):
    x = {"order": data["order"], "numbers": torch.tensor(data["numbers"][rows], dtype=dtype), "sparse": sparse}
    ids = {k: {"rows": v["rows"][rows], "mask": None if v["mask"] is None else v["mask"][rows]} for k, v in data["ids"].items()}
    y = torch.tensor(data["labels"][rows], dtype=dtype)
    w = torch.tensor(data["weights"][rows], dtype=dtype)
    return x, ids, y, w


def step_losses(spec, net, p, batch, training=True):
    x, ids, y, w = batch
    logits = net.forward(p, x, ids, training)
    return [task_loss(t, z, y[:, k], w[:, k]) for k, (t, z) in enumerate(zip(spec.tasks.values(), logits))], logits


def total_loss(spec, losses):
    return sum(t.get("weight", 1.0) * l for t, l in zip(spec.tasks.values(), losses))


def learning_rate(train, step, steps_per_epoch):
    """Warm-up grows linearly, reaching lr with its last step; then the schedule begins, as in PyTorch's SequentialLR."""
    lr = train["optimizer"].get("lr", 1e-3)
    s = train.get("schedule", {})
    warm = s.get("warmup", 0) * steps_per_epoch
    if step < warm:
        return lr * min(1, (step + 1) / warm)
    kind = s.get("name", "constant")
    warm = math.ceil(warm)
    epoch = (step - warm) // steps_per_epoch
    if kind == "step":
        return lr * s.get("gamma", 0.1) ** (epoch // s["every"])
    if kind == "exponential":
        return lr * s.get("gamma", 0.9) ** epoch
    if kind == "cosine":
        total = train["epochs"] * steps_per_epoch
        share = (step - warm) / (total - warm)
        floor = s.get("floor", 0.0)
        return lr * (floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * share)))
    return lr


def dense_optimizer(o, params):
    lr, decay = o.get("lr", 1e-3), o.get("weight_decay")
    betas = tuple(o.get("betas", (0.9, 0.999)))
    if o["name"] == "sgd":
        return torch.optim.SGD(params, lr=lr, momentum=o.get("momentum", 0), nesterov=o.get("nesterov", False), weight_decay=decay or 0)
    if o["name"] == "adam":
        return torch.optim.Adam(params, lr=lr, betas=betas, eps=o.get("eps", 1e-8), weight_decay=decay or 0)
    if o["name"] == "adamw":
        return torch.optim.AdamW(params, lr=lr, betas=betas, eps=o.get("eps", 1e-8), weight_decay=0.01 if decay is None else decay)
    return torch.optim.Adagrad(params, lr=lr, eps=o.get("eps", 1e-10), weight_decay=decay or 0)


def optimizers(train, p, net):
    o = train["optimizer"]
    trained = [n for n in p if n not in net.running]
    tables = [p[n] for n in trained if n.startswith("embedding.")]
    rest = [p[n] for n in trained if not n.startswith("embedding.")]
    lazy = o.get("lazy", True) and tables
    if not lazy:
        return [dense_optimizer(o, tables + rest)]
    if o["name"] == "adam":
        sparse = torch.optim.SparseAdam(tables, lr=o.get("lr", 1e-3), betas=tuple(o.get("betas", (0.9, 0.999))), eps=o.get("eps", 1e-8))
    else:  # sgd without momentum and adagrad take sparse gradients as they are: a row that is not touched does not move
        assert o["name"] in ("sgd", "adagrad") and not o.get("momentum") and not o.get("weight_decay")
        sparse = dense_optimizer(o, tables)
    return [sparse, dense_optimizer(o, rest)]


def trajectory(spec, net, start, data, batch, dtype, epochs):
    """Task losses per epoch, and the parameters at the end."""
    train = spec.train
    p = {n: torch.tensor(v, dtype=dtype, requires_grad=n not in net.running) for n, v in start.items()}
    opts = optimizers(train, p, net)
    sparse = len(opts) == 2
    n = data["n"]
    cuts = [slice(i, min(i + batch, n)) for i in range(0, n, batch)]
    per_epoch, step = [], 0
    ends = []
    for _ in range(epochs):
        sums, counts = np.zeros(len(spec.names)), np.zeros(len(spec.names))
        for rows in cuts:
            lr = learning_rate(train, step, len(cuts))
            for o in opts:
                for g in o.param_groups:
                    g["lr"] = lr
                o.zero_grad()
            b = batch_of(data, dtype, rows, sparse)
            losses, _ = step_losses(spec, net, p, b)
            loss = total_loss(spec, losses)
            if train.get("l2"):
                dense = [v for k, v in p.items() if k.endswith(".weight") and not k.startswith("embedding.") and ".norm." not in k]
                loss = loss + 0.5 * train["l2"] * sum((v ** 2).sum() for v in dense)
            loss.backward()
            moving = [v for k, v in p.items() if v.requires_grad and v.grad is not None]
            clip = train.get("clip", {})
            if clip.get("norm"):
                torch.nn.utils.clip_grad_norm_(moving, clip["norm"])
            if clip.get("value"):
                torch.nn.utils.clip_grad_value_(moving, clip["value"])
            for o in opts:
                o.step()
            rows_of = (b[3] > 0).sum(0).numpy()
            sums += np.array([float(l) for l in losses]) * rows_of
            counts += rows_of
            step += 1
        per_epoch.append(sums / np.maximum(counts, 1))
        ends.append({k: v.detach().clone() for k, v in p.items()})
    return np.array(per_epoch), ends


def agreeing_epochs(runs):
    ref = runs[0]
    ok = np.ones(len(ref), dtype=bool)
    for r in runs[1:]:
        ok &= (np.abs(r - ref) <= AGREE * np.maximum(np.abs(ref), 1e-6)).all(1)
    bad = np.nonzero(~ok)[0]
    return len(ref) if len(bad) == 0 else int(bad[0])


# ---- a case --------------------------------------------------------------------------------------------------------------------


class Chaotic(Exception):
    pass


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
    losses, _ = step_losses(spec, net, p, everything)
    total_loss(spec, losses).backward()
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


# ---- the committed cases -------------------------------------------------------------------------------------------------------

TWO = {"click": {"type": "binary"}, "watch": {"type": "regression"}}
MIXED = {"click": {"type": "binary"}, "watch": {"type": "regression"}, "kind": {"type": "multiclass", "_classes": 3}}


def spec_of(arch, tasks, experts, batch=16, optimizer=None, train=None, **model):
    model.setdefault("towers", {"hidden": [5]})
    return {
        "features": {"default": {"type": "numeric", "transform": "none"}},
        "tasks": copy.deepcopy(tasks),
        "model": dict({"architecture": arch, "experts": experts}, **model),
        "train": dict({"batch": batch, "shuffle": False, "optimizer": optimizer or {"name": "adam", "lr": 0.01}}, **(train or {})),
    }


def with_columns(spec, columns, ignore=()):
    """Some columns typed, the rest numbers as they are."""
    spec["features"]["columns"] = columns
    if ignore:
        spec["features"]["ignore"] = list(ignore)
    return spec


def architecture_cases():
    yield "single-task", spec_of("single-task", TWO, {"hidden": [17, 7]}), dict(rows=41, numbers=5)
    yield "shared-bottom", spec_of("shared-bottom", MIXED, {"hidden": [17, 9]}), dict(rows=33, numbers=7)
    yield "averaged", spec_of("averaged", TWO, {"count": 3, "hidden": [7, 5]}), dict(rows=33, numbers=7)
    yield "moe", spec_of("moe", {"watch": {"type": "regression"}}, {"count": 5, "hidden": [9]}), dict(rows=33, numbers=7)
    yield "omoe", spec_of("omoe", MIXED, {"count": 4, "hidden": [9, 6]}), dict(rows=33, numbers=7)
    yield "mmoe", spec_of("mmoe", MIXED, {"count": 4, "hidden": [17, 9]}), dict(rows=47, numbers=7)
    yield "mmoe-default-lr", spec_of("mmoe", TWO, {"count": 3, "hidden": [16]}, optimizer={"name": "adam"}), dict(rows=65, numbers=10)
    yield "mmoe-linear-heads", spec_of("mmoe", {"a": {"type": "regression"}, "b": {"type": "regression"}},
                                       {"count": 4, "hidden": [16]}, towers={"hidden": []}), dict(rows=50, numbers=10)
    yield "mmoe-wide", spec_of("mmoe", TWO, {"count": 8, "hidden": [16]}, towers={"hidden": [8]}, batch=64,
                               optimizer={"name": "adam", "lr": 0.001}), dict(rows=128, numbers=100)
    yield "mmoe-2", spec_of("mmoe", TWO, {"count": 3, "hidden": [[9], [7, 5]]}, levels=2), dict(rows=33, numbers=7)
    yield "mmoe-3", spec_of("mmoe", TWO, {"count": 3, "hidden": [6]}, levels=3), dict(rows=33, numbers=7)
    yield "cgc", spec_of("cgc", MIXED, {"shared": 2, "per_task": 2, "hidden": [9, 6]}), dict(rows=33, numbers=7)
    yield "cgc-per-task", spec_of("cgc", MIXED, {"shared": 1, "per_task": {"click": 1, "watch": 3, "kind": 2}, "hidden": [7]}), \
        dict(rows=35, numbers=7)
    yield "cgc-alone", spec_of("cgc", TWO, {"shared": 0, "per_task": {"click": 1, "watch": 2}, "hidden": [7]}), dict(rows=35, numbers=5)
    yield "ple", spec_of("ple", TWO, {"shared": 2, "per_task": 2, "hidden": [[9], [6]]}), dict(rows=33, numbers=7)
    yield "ple-3", spec_of("ple", MIXED, {"shared": 1, "per_task": 1, "hidden": [7]}, levels=3), dict(rows=33, numbers=7)
    yield "ple-per-task", spec_of("ple", TWO, {"shared": 1, "per_task": {"click": 2, "watch": 1}, "hidden": [7]}), dict(rows=33, numbers=5)
    yield "mmoe-gates", spec_of("mmoe", TWO, {"count": 3, "hidden": [9]}, gates={"hidden": [7, 5]}), dict(rows=33, numbers=7)
    yield "ple-gates", spec_of("ple", TWO, {"shared": 1, "per_task": 2, "hidden": [8]},
                               gates={"hidden": [[5], [4, 3]], "activation": "tanh"}), dict(rows=33, numbers=7)
    yield "omoe-gate-no-bias", spec_of("omoe", TWO, {"count": 3, "hidden": [9]}, gates={"hidden": [6], "bias": False}), \
        dict(rows=33, numbers=7)


def part_cases():
    for act in ACTIVATIONS:
        yield "act-" + act, spec_of("cgc", TWO, {"shared": 1, "per_task": 1, "hidden": [9, 5], "activation": act},
                                    gates={"hidden": [5], "activation": act}, towers={"hidden": [7], "activation": act}), \
            dict(rows=33, numbers=5)
    for norm in ("layer", "batch"):  # sgd: Adam makes steps of rounding errors where a bias before a normalisation has gradient 0
        yield "norm-" + norm, spec_of("mmoe", TWO, {"count": 3, "hidden": [9, 5], "norm": norm}, towers={"hidden": [7, 5], "norm": norm},
                                      optimizer={"name": "sgd", "lr": 0.05}), dict(rows=48, numbers=7)
    yield "norm-batch-ple", spec_of("ple", TWO, {"shared": 1, "per_task": 1, "hidden": [6], "norm": "batch"}, levels=2), dict(rows=48, numbers=5)
    losses = {
        "a": {"type": "regression", "loss": "mae"}, "b": {"type": "regression", "loss": "huber"},
        "c": {"type": "regression", "loss": "mse", "activation": "sigmoid"}, "d": {"type": "binary", "loss": "mse"},
        "e": {"type": "binary", "loss": "bce"}, "f": {"type": "multiclass", "loss": "cross-entropy", "_classes": 5},
        "g": {"type": "regression", "loss": "huber", "activation": "tanh", "huber_delta": 0.5},
        "h": {"type": "binary", "loss": "mae"}, "i": {"type": "binary", "loss": "huber"}, "j": {"type": "multiclass", "_classes": 2},
    }
    yield "losses", spec_of("mmoe", losses, {"count": 3, "hidden": [9]}), dict(rows=53, numbers=7)
    yield "unlabelled", spec_of("mmoe", MIXED, {"count": 3, "hidden": [9]}), dict(rows=53, numbers=7, unlabelled=0.3)
    given = {"click": {"type": "binary"}, "watch": {"type": "regression", "given": "click", "weight": 0.5},
             "like": {"type": "binary", "given": "seen", "weight": 2.0}}
    s = with_columns(spec_of("cgc", given, {"shared": 1, "per_task": 1, "hidden": [9]}), {}, ["seen"])
    s["_given"] = True
    yield "given", s, dict(rows=53, numbers=7, unlabelled=0.1)
    weighted = {"click": {"type": "binary", "row_weight": "rw", "positive_weight": 3.0}, "watch": {"type": "regression", "row_weight": "rw"},
                "kind": {"type": "multiclass", "_classes": 3, "weight": 0.3}}
    s = with_columns(spec_of("mmoe", weighted, {"count": 3, "hidden": [9]}), {}, ["rw"])
    s["_row_weight"] = True
    yield "weights", s, dict(rows=53, numbers=7, unlabelled=0.1)
    sampled = {"click": {"type": "binary", "negative_sampling": 0.25}, "like": {"type": "binary", "negative_sampling": 0.5, "positive_weight": 2.0}}
    yield "negative-rate", spec_of("mmoe", sampled, {"count": 2, "hidden": [5]}), dict(rows=33, numbers=5)


def feature_cases():
    cats = {"city": {"type": "categorical", "dim": 5, "min_count": 1}, "shop": {"type": "categorical", "dim": 3}}
    data = dict(rows=61, numbers=5, categories={"city": 9, "shop": 17})
    yield "embedding", with_columns(spec_of("mmoe", TWO, {"count": 3, "hidden": [9]}), cats), data
    yield "embedding-dense", with_columns(spec_of("mmoe", TWO, {"count": 3, "hidden": [9]},
                                                  optimizer={"name": "adam", "lr": 0.01, "lazy": False}), cats), data
    yield "embedding-adagrad", with_columns(spec_of("cgc", TWO, {"shared": 1, "per_task": 1, "hidden": [9]},
                                                    optimizer={"name": "adagrad", "lr": 0.05}), cats), data
    yield "embedding-sgd", with_columns(spec_of("cgc", TWO, {"shared": 1, "per_task": 1, "hidden": [9]},
                                                optimizer={"name": "sgd", "lr": 0.1}), cats), data
    yield "embedding-adamw-dense", with_columns(spec_of("ple", TWO, {"shared": 1, "per_task": 1, "hidden": [9]},
                                                        optimizer={"name": "adamw", "lr": 0.01, "lazy": False}), cats), data
    shared = {"home": {"type": "categorical", "dim": 4, "min_count": 1, "share": "place"},
              "work": {"type": "categorical", "dim": 4, "min_count": 1, "share": "place"}}
    yield "embedding-shared", with_columns(spec_of("mmoe", TWO, {"count": 3, "hidden": [9]}), shared), \
        dict(rows=61, numbers=5, categories={"home": 8, "work": 11})
    bags = {"tags": {"type": "bag", "separator": "|", "dim": 5, "pooling": "mean", "min_count": 1},
            "words": {"type": "bag", "separator": "|", "dim": 3, "pooling": "sum", "min_count": 1}}
    yield "bags", with_columns(spec_of("mmoe", TWO, {"count": 3, "hidden": [9]}), bags), dict(rows=61, numbers=4, bags={"tags": 7, "words": 12})
    yield "embedding-only", with_columns(spec_of("shared-bottom", TWO, {"hidden": [9]}), cats), dict(data, numbers=0)


def optimizer_cases():
    runs = {
        "sgd": {"name": "sgd", "lr": 0.1}, "sgd-momentum": {"name": "sgd", "lr": 0.03, "momentum": 0.9},
        "sgd-nesterov": {"name": "sgd", "lr": 0.03, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
        "adam-decay": {"name": "adam", "lr": 0.01, "weight_decay": 0.02}, "adam-betas": {"name": "adam", "lr": 0.01, "betas": [0.8, 0.99], "eps": 1e-6},
        "adamw": {"name": "adamw", "lr": 0.01}, "adamw-decay": {"name": "adamw", "lr": 0.01, "weight_decay": 0.3},
        "adagrad": {"name": "adagrad", "lr": 0.05}, "adagrad-decay": {"name": "adagrad", "lr": 0.05, "weight_decay": 0.02},
    }
    small = {"count": 2, "hidden": [7]}
    for name, o in runs.items():
        yield "opt-" + name, spec_of("mmoe", TWO, small, optimizer=o), dict(rows=33, numbers=5)
    trains = {
        "clip-norm": {"clip": {"norm": 0.5}}, "clip-value": {"clip": {"value": 0.02}}, "l2": {"l2": 0.05},
        "step": {"schedule": {"name": "step", "gamma": 0.5, "every": 2}}, "exponential": {"schedule": {"name": "exponential", "gamma": 0.8}},
        "cosine": {"epochs": 8, "schedule": {"name": "cosine", "floor": 0.1}},
        "warmup": {"schedule": {"name": "constant", "warmup": 2.5}}, "cosine-warmup": {"epochs": 7, "schedule": {"name": "cosine", "warmup": 2}},
        "step-warmup": {"schedule": {"name": "step", "gamma": 0.3, "every": 3, "warmup": 1}},
    }
    for name, t in trains.items():
        o = {"name": "sgd", "lr": 0.1} if name.startswith("clip") else None
        yield "train-" + name, spec_of("mmoe", TWO, small, optimizer=o, train=t), dict(rows=33, numbers=5)


def committed_cases():
    for cases in (architecture_cases, part_cases, feature_cases, optimizer_cases):
        yield from cases()


# ---- random cases --------------------------------------------------------------------------------------------------------------


def random_case(rng):
    pick = lambda options: options[rng.integers(len(options))]
    arch = pick(["single-task", "shared-bottom", "averaged", "moe", "omoe", "mmoe", "mmoe", "cgc", "cgc", "ple", "ple"])
    kinds = [{"type": "binary"}, {"type": "regression"}, {"type": "multiclass", "_classes": int(rng.integers(2, 6))},
             {"type": "regression", "loss": "huber"}, {"type": "regression", "activation": "sigmoid", "loss": "mse"}, {"type": "binary", "loss": "mse"}]
    tasks = {f"t{k}": dict(pick(kinds)) for k in range(1 if arch == "moe" else rng.integers(1, 5))}
    levels = int(rng.integers(1, 4)) if arch == "mmoe" else int(rng.integers(2, 4)) if arch == "ple" else 1
    hidden = [[int(w) for w in rng.integers(1, 36, rng.integers(1, 4))] for _ in range(levels)]
    act = pick(list(ACTIVATIONS))
    experts = {"hidden": hidden if levels > 1 else hidden[0], "activation": act}
    if arch in ("averaged", "moe", "omoe", "mmoe"):
        experts["count"] = int(rng.integers(1, 10))
    if arch in ("cgc", "ple"):
        experts["shared"] = int(rng.integers(1, 4))
        experts["per_task"] = {t: int(rng.integers(1, 4)) for t in tasks}
    if rng.random() < 0.3:
        experts["norm"] = pick(["layer", "batch"])
    model = {"levels": levels, "towers": {"hidden": [int(w) for w in rng.integers(1, 20, rng.integers(0, 3))], "activation": pick(list(ACTIVATIONS))}}
    if rng.random() < 0.5 and arch not in ("single-task", "shared-bottom", "averaged"):
        model["gates"] = {"hidden": [int(w) for w in rng.integers(1, 12, rng.integers(0, 3))]}
    optimizer = pick([{"name": "adam", "lr": 0.003}, {"name": "adam", "lr": 0.01}, {"name": "sgd", "lr": 0.05}, {"name": "adagrad", "lr": 0.02}])
    spec = spec_of(arch, tasks, experts, batch=int(rng.integers(9, 40)), optimizer=optimizer, **model)
    data = dict(rows=int(rng.integers(40, 150)), numbers=int(pick([1, 2, 3, 5, 8, 17, 31, 33, 64, 112])), unlabelled=float(pick([0, 0, 0.3])))
    if (data["rows"] % spec["train"]["batch"]) == 1:  # batch statistics of one row are undefined in PyTorch
        data["rows"] += 1
    if rng.random() < 0.3:
        with_columns(spec, {"city": {"type": "categorical", "dim": int(rng.integers(1, 18)), "min_count": 2}})
        data["categories"] = {"city": int(rng.integers(3, 30))}
    return spec, data


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
            make_case(options.out, name, spec, seed=[7, number], **data)
        except Chaotic as e:
            print(f"{name}: refused: {e}", file=sys.stderr)
            refused += 1
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
