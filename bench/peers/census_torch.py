"""The census example (examples/census-income.yaml) with pandas and PyTorch, as a whole program: python3 census_torch.py DATA EPOCHS THREADS eager|vectorised.

Made as kind to PyTorch as can be: the rows are tensors from the beginning and batches are taken by indices (no DataLoader), one table with offsets holds all
embeddings, the optimizer is the fused Adam. It does less than Gatewright does: no metrics of the validation part, no model file.
`eager` has a module per expert, as such scripts have; `vectorised` runs all experts as batched products."""
import math
import sys

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from torch import nn

DIM, EXPERTS, HIDDEN, TOWER, DROP = 4, 8, [64, 32], 16, 0.4
NUMBERS, IGNORED = ["age", "weeks_worked", "stock_dividends"], ["instance_weight", "education", "marital_stat", "income_50k"]


def read(data):
    """numbers [N,3], ids [N,F] into one table, labels [N,2], rows of the table."""
    with open(data + "/columns.txt") as file:
        names = [line.strip() for line in file if line.strip()]
    frame = pd.read_csv(data + "/train.csv.xz", header=None, names=names, skipinitialspace=True, na_values=["?"])
    labels = np.stack([frame["income_50k"].astype(str).str.strip() == "50000+.", frame["marital_stat"].astype(str).str.strip() == "Never married"], 1)
    numbers = frame[NUMBERS].astype(np.float32).to_numpy(copy=True)
    numbers[:, 2] = np.log1p(numbers[:, 2])
    numbers = (numbers - numbers.mean(0)) / numbers.std(0)
    ids, total = [], 0
    for name in frame.columns:
        if name in NUMBERS or name in IGNORED:
            continue
        codes, values = pd.factorize(frame[name])  # -1: no value
        counts = np.bincount(codes[codes >= 0], minlength=len(values))
        place = np.where(counts >= 2, 2 + np.cumsum(counts >= 2) - 1, 0)  # 0: rare, 1: no value
        ids.append(total + np.where(codes < 0, 1, place[codes]))
        total += 2 + int((counts >= 2).sum())
    return (torch.from_numpy(numbers.astype(np.float32)), torch.from_numpy(np.stack(ids, 1).astype(np.int64)),
            torch.from_numpy(labels.astype(np.float32)), total)


def tower():
    return nn.Sequential(nn.Linear(HIDDEN[-1], TOWER), nn.ReLU(), nn.Linear(TOWER, 1))


class Eager(nn.Module):
    def __init__(self, width):
        super().__init__()
        layers = [(width, HIDDEN[0]), (HIDDEN[0], HIDDEN[1])]
        self.experts = nn.ModuleList(
            nn.Sequential(*[m for a, b in layers for m in (nn.Linear(a, b), nn.LayerNorm(b), nn.ReLU(), nn.Dropout(DROP))]) for _ in range(EXPERTS))
        self.gates = nn.ModuleList(nn.Linear(width, EXPERTS) for _ in range(2))
        self.towers = nn.ModuleList(tower() for _ in range(2))

    def forward(self, x):
        experts = torch.stack([expert(x) for expert in self.experts], 1)
        outputs = []
        for gate, head in zip(self.gates, self.towers):
            outputs.append(head(torch.matmul(torch.softmax(gate(x), 1).unsqueeze(1), experts).squeeze(1)))
        return torch.cat(outputs, 1)


class Vectorised(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.first = nn.Linear(width, EXPERTS * HIDDEN[0] + 2 * EXPERTS)
        bound = 1 / math.sqrt(HIDDEN[0])
        self.weight = nn.Parameter(torch.empty(EXPERTS, HIDDEN[0], HIDDEN[1]).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(EXPERTS, 1, HIDDEN[1]).uniform_(-bound, bound))
        self.scales = nn.ParameterList(nn.Parameter(torch.ones(EXPERTS, 1, h)) for h in HIDDEN)
        self.shifts = nn.ParameterList(nn.Parameter(torch.zeros(EXPERTS, 1, h)) for h in HIDDEN)
        self.towers = nn.ModuleList(tower() for _ in range(2))

    def close(self, h, layer):
        h = F.layer_norm(h, h.shape[-1:]) * self.scales[layer] + self.shifts[layer]
        return F.dropout(torch.relu(h), DROP, self.training)

    def forward(self, x):
        rows = x.size(0)
        z, g = self.first(x).split([EXPERTS * HIDDEN[0], 2 * EXPERTS], 1)
        h = self.close(z.view(rows, EXPERTS, HIDDEN[0]).transpose(0, 1), 0)
        h = self.close(torch.baddbmm(self.bias, h, self.weight), 1)
        mixed = torch.matmul(torch.softmax(g.view(rows, 2, EXPERTS), 2), h.transpose(0, 1))
        return torch.cat([head(mixed[:, t]) for t, head in enumerate(self.towers)], 1)


def main():
    data, epochs, threads, style = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    numbers, ids, labels, rows = read(data)
    train = torch.randperm(len(labels))[:int(0.95 * len(labels))]
    table = nn.Embedding(rows, DIM)
    nn.init.normal_(table.weight, 0, 0.05)
    network = (Eager if style == "eager" else Vectorised)(numbers.size(1) + DIM * ids.size(1))
    batch, steps = 1024, epochs * -(-len(train) // 1024)
    optimizer = torch.optim.Adam(list(table.parameters()) + list(network.parameters()), lr=0.003, weight_decay=0.0003,
                                 **({"fused": True} if int(torch.__version__.split(".")[0]) >= 2 else {"foreach": True}))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for epoch in range(epochs):
        order, total = train[torch.randperm(len(train))], 0.0
        for at in range(0, len(order), batch):
            picked = order[at:at + batch]
            optimizer.zero_grad()
            outputs = network(torch.cat([numbers[picked], table(ids[picked]).flatten(1)], 1))
            loss = F.binary_cross_entropy_with_logits(outputs, labels[picked], reduction="none").mean(0).sum()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(picked)
        print("epoch", epoch + 1, "loss", total / len(order))


main()
