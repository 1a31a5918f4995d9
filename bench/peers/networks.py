"""The standard shapes in PyTorch, for 1.13 and later.

Eager*: as the articles and the papers' public code write them: a module per expert, outputs stacked, gates by softmax, one tower after the other.
Vec*:   what an expert of PyTorch would write: everything that reads one input is one product, what lies deeper is a batched one.
All of them take the parameters by Gatewright's names and give logits (or values) of all tasks, [B,T]."""
import torch
import torch.nn.functional as F
from torch import nn


def task_names(shape):
    return ["task%d" % t for t in range(shape["tasks"])]


# ---- as written ------------------------------------------------------------------------------------------------------------------

class Mlp(nn.Sequential):
    """Linear layers with ReLU between them, after the last one too if `closed`."""

    def __init__(self, widths, closed):
        layers = []
        for i in range(len(widths) - 1):
            layers.append(nn.Linear(widths[i], widths[i + 1]))
            if closed or i + 2 < len(widths):
                layers.append(nn.ReLU())
        super().__init__(*layers)

    def take(self, tensors, prefix):
        for i, layer in enumerate(m for m in self if isinstance(m, nn.Linear)):
            layer.weight.data.copy_(tensors["%s.%d.weight" % (prefix, i)])
            layer.bias.data.copy_(tensors["%s.%d.bias" % (prefix, i)])


def mix_expand(gate, experts):
    """The MMoE articles' code: gate [B,E], experts E x [B,H]."""
    stacked = torch.stack(experts)
    return torch.sum(gate.t().unsqueeze(2).expand(-1, -1, stacked.size(2)) * stacked, dim=0)


def mix_einsum(gate, experts):
    """The CGC article's code."""
    return torch.einsum("abc,ba->bc", torch.stack(experts), gate)


def mix_matmul(gate, experts):
    """DeepCTR-Torch's code."""
    return torch.matmul(gate.unsqueeze(1), torch.stack(experts, 1)).squeeze(1)


class EagerMmoe(nn.Module):
    def __init__(self, shape, tensors, mix):
        super().__init__()
        experts, towers = shape["model"]["experts"], shape["model"]["towers"]["hidden"]
        self.experts = nn.ModuleList(Mlp([shape["width"]] + experts["hidden"], True) for _ in range(experts["count"]))
        self.gates = nn.ModuleList(Mlp([shape["width"], experts["count"]], False) for _ in task_names(shape))
        self.towers = nn.ModuleList(Mlp([experts["hidden"][-1]] + towers + [1], False) for _ in task_names(shape))
        self.mix = mix
        for i, expert in enumerate(self.experts):
            expert.take(tensors, "level0.expert.shared.%d" % i)
        for t, name in enumerate(task_names(shape)):
            self.gates[t].take(tensors, "level0.gate." + name)
            self.towers[t].take(tensors, "tower." + name)

    def forward(self, x):
        experts = [expert(x) for expert in self.experts]
        outputs = []
        for gate, tower in zip(self.gates, self.towers):
            outputs.append(tower(self.mix(torch.softmax(gate(x), dim=1), experts)))
        return torch.cat(outputs, dim=1)


class EagerCgc(nn.Module):
    """Levels of shared and own experts; one level is CGC, more are PLE. `repeat`: as the CGC article does, the shared experts run once a task."""

    def __init__(self, shape, tensors, mix, repeat):
        super().__init__()
        model, tasks = shape["model"], task_names(shape)
        experts, gates = model["experts"], model.get("gates", {}).get("hidden", [])
        shared, own, out = experts["shared"], experts["per_task"], experts["hidden"][-1]
        self.levels = 2 if model["architecture"] == "ple" else 1
        self.mix, self.repeat, self.n_tasks = mix, repeat, len(tasks)
        self.shared, self.own, self.gates = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for level in range(self.levels):
            width = out if level else shape["width"]
            last = level + 1 == self.levels
            self.shared.append(nn.ModuleList(Mlp([width] + experts["hidden"], True) for _ in range(shared)))
            self.own.append(nn.ModuleList(nn.ModuleList(Mlp([width] + experts["hidden"], True) for _ in range(own)) for _ in tasks))
            seen = [shared + own] * len(tasks) + ([] if last else [shared + own * len(tasks)])
            self.gates.append(nn.ModuleList(Mlp([width] + gates + [n], False) for n in seen))
            for i, expert in enumerate(self.shared[level]):
                expert.take(tensors, "level%d.expert.shared.%d" % (level, i))
            for t, name in enumerate(tasks):
                for i, expert in enumerate(self.own[level][t]):
                    expert.take(tensors, "level%d.expert.%s.%d" % (level, name, i))
            for gate, name in zip(self.gates[level], tasks + ["shared"]):
                gate.take(tensors, "level%d.gate.%s" % (level, name))
        self.towers = nn.ModuleList(Mlp([out] + model["towers"]["hidden"] + [1], False) for _ in tasks)
        for t, name in enumerate(tasks):
            self.towers[t].take(tensors, "tower." + name)

    def forward(self, x):
        streams = [x] * (self.n_tasks + 1)
        for level in range(self.levels):
            gates = self.gates[level]
            shared = [expert(streams[-1]) for expert in self.shared[level]]
            own, mixed = [], []
            for t in range(self.n_tasks):
                if self.repeat and t:
                    shared = [expert(streams[-1]) for expert in self.shared[level]]
                own.append([expert(streams[t]) for expert in self.own[level][t]])
                mixed.append(self.mix(torch.softmax(gates[t](streams[t]), dim=1), shared + own[t]))
            if level + 1 < self.levels:
                mixed.append(self.mix(torch.softmax(gates[-1](streams[-1]), dim=1), shared + [o for group in own for o in group]))
            streams = mixed
        return torch.cat([tower(streams[t]) for t, tower in enumerate(self.towers)], dim=1)


# ---- vectorised ------------------------------------------------------------------------------------------------------------------

def joined(tensors, names):
    """One [out,in] weight and its bias from several layers that read the same input."""
    return (nn.Parameter(torch.cat([tensors[n + ".weight"] for n in names])), nn.Parameter(torch.cat([tensors[n + ".bias"] for n in names])))


def batched(tensors, names):
    """[n,in,out] and [n,1,out] from layers of one size."""
    return (nn.Parameter(torch.stack([tensors[n + ".weight"].t() for n in names]).contiguous()),
            nn.Parameter(torch.stack([tensors[n + ".bias"] for n in names]).unsqueeze(1)))


class Batched(nn.Module):
    """The same layer of several networks side by side, layer after layer: [n,B,in] to [n,B,out]; ReLU between, and after the last if `closed`."""

    def __init__(self, tensors, prefixes, first, count, closed):
        super().__init__()
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        self.closed, self.count = closed, count - first
        for layer in range(first, count):
            weight, bias = batched(tensors, ["%s.%d" % (p, layer) for p in prefixes])
            self.weights.append(weight)
            self.biases.append(bias)

    def forward(self, h):
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases)):
            h = torch.baddbmm(bias, h, weight)
            if self.closed or i + 1 < self.count:
                h = torch.relu(h)
        return h


def split_mix(gate, experts, by_sum):
    """gate [S,B,E], experts [S,E,B,H]: S mixtures [S,B,H]; as a multiplication and a sum, or as a product of matrices a row."""
    if by_sum:
        return (gate.transpose(1, 2).unsqueeze(3) * experts).sum(1)
    return torch.matmul(gate.unsqueeze(2), experts.transpose(1, 2)).squeeze(2)


class VecMmoe(nn.Module):
    def __init__(self, shape, tensors, by_sum):
        super().__init__()
        experts, tasks = shape["model"]["experts"], task_names(shape)
        self.n, self.hidden, self.n_tasks, self.by_sum = experts["count"], experts["hidden"][0], len(tasks), by_sum
        names = ["level0.expert.shared.%d" % i for i in range(self.n)]
        self.weight, self.bias = joined(tensors, [n + ".0" for n in names] + ["level0.gate.%s.0" % t for t in tasks])
        self.deeper = Batched(tensors, names, 1, len(experts["hidden"]), True)
        self.towers = Batched(tensors, ["tower." + t for t in tasks], 0, len(shape["model"]["towers"]["hidden"]) + 1, False)

    def forward(self, x):
        rows = x.size(0)
        z = F.linear(x, self.weight, self.bias)
        h, g = z.split([self.n * self.hidden, self.n * self.n_tasks], dim=1)
        h = torch.relu(h).view(rows, self.n, self.hidden)
        g = torch.softmax(g.reshape(rows, self.n_tasks, self.n), dim=2)
        if self.deeper.count:
            h = self.deeper(h.transpose(0, 1)).transpose(0, 1)
        if self.by_sum:
            mixed = (g.unsqueeze(3) * h.unsqueeze(1)).sum(2)
        else:
            mixed = torch.matmul(g, h)
        return self.towers(mixed.transpose(0, 1)).squeeze(2).t()


class VecCgc(nn.Module):
    """CGC, and PLE of two levels: at the second, experts and gates of a stream are batched products over the streams."""

    def __init__(self, shape, tensors, by_sum):
        super().__init__()
        model, tasks = shape["model"], task_names(shape)
        experts, gates = model["experts"], model.get("gates", {}).get("hidden", [])
        self.shared, self.own, self.n_tasks, self.by_sum = experts["shared"], experts["per_task"], len(tasks), by_sum
        if self.shared != self.own:
            raise ValueError("expected as many shared experts as each task has")
        self.hidden, self.gate_hidden = experts["hidden"][0], gates[0] if gates else 0
        self.levels = 2 if model["architecture"] == "ple" else 1
        groups, depth = ["shared"] + tasks, len(experts["hidden"])
        names = [["level%d.expert.%s.%d" % (level, g, i) for g in groups for i in range(self.own)] for level in range(self.levels)]
        task_gates = ["level%d.gate.%s" % (self.levels - 1, t) for t in tasks]
        first_gates = ["level0.gate." + t for t in tasks] + (["level0.gate.shared"] if self.levels > 1 else [])
        self.weight, self.bias = joined(tensors, [n + ".0" for n in names[0]] + [g + ".0" for g in first_gates])
        self.gates = Batched(tensors, first_gates, 1, len(gates) + 1, False) if gates else None
        self.deeper = nn.ModuleList(Batched(tensors, n, 1, depth, True) for n in names)
        self.towers = Batched(tensors, ["tower." + t for t in tasks], 0, len(model["towers"]["hidden"]) + 1, False)
        if self.levels > 1:
            pairs = [joined(tensors, [n + ".0" for n in names[1][g * self.own:(g + 1) * self.own]]) for g in range(len(groups))]
            self.second_weight = nn.Parameter(torch.stack([w.data.t() for w, _ in pairs]).contiguous())
            self.second_bias = nn.Parameter(torch.stack([b.data for _, b in pairs]).unsqueeze(1))
            self.second_gates = Batched(tensors, task_gates, 0, 1, False)

    def mix(self, gate, h):
        """gate [T,B,E], h [(1+T)*own,B,H], shared first: the tasks' mixtures [T,B,H]."""
        shared = h[:self.shared].unsqueeze(0).expand(self.n_tasks, -1, -1, -1)
        own = h[self.shared:].view(self.n_tasks, self.own, h.size(1), h.size(2))
        return split_mix(torch.softmax(gate, dim=2), torch.cat([shared, own], dim=1), self.by_sum)

    def forward(self, x):
        rows, n = x.size(0), self.shared + self.own * self.n_tasks
        z = F.linear(x, self.weight, self.bias)
        h = torch.relu(z[:, :n * self.hidden]).view(rows, n, self.hidden).transpose(0, 1)
        h = self.deeper[0](h)
        g = z[:, n * self.hidden:]
        seen, width = self.shared + self.own, self.gate_hidden
        if self.gates is not None:
            task_gates = self.gates(torch.relu(g).view(rows, self.n_tasks, width).transpose(0, 1))
        else:
            task_gates = g[:, :seen * self.n_tasks].reshape(rows, self.n_tasks, seen).transpose(0, 1)
        mixed = self.mix(task_gates, h)
        if self.levels > 1:
            shared = split_mix(torch.softmax(g[:, seen * self.n_tasks:], dim=1).unsqueeze(0), h.unsqueeze(0), self.by_sum)
            streams = torch.cat([shared, mixed])
            h = torch.relu(torch.baddbmm(self.second_bias, streams, self.second_weight))
            h = h.view(self.n_tasks + 1, rows, self.own, self.hidden).transpose(1, 2).reshape(n, rows, self.hidden)
            mixed = self.mix(self.second_gates(mixed), self.deeper[1](h))
        return self.towers(mixed).squeeze(2).t()


# ---- by name ---------------------------------------------------------------------------------------------------------------------

MIXES = {"expand": mix_expand, "einsum": mix_einsum, "matmul": mix_matmul}


def build(shape, tensors, kind):
    """kind: eager (as written), eager-once (CGC with each expert once), eager-expand|einsum|matmul (each expert once), vec-bmm, vec-sum."""
    mmoe = shape["model"]["architecture"] == "mmoe"
    style, _, how = kind.partition("-")
    if style == "vec":
        return (VecMmoe if mmoe else VecCgc)(shape, tensors, how == "sum")
    if mmoe:
        return EagerMmoe(shape, tensors, MIXES.get(how, mix_expand))
    cgc = shape["model"]["architecture"] == "cgc"
    return EagerCgc(shape, tensors, MIXES.get(how, mix_einsum if cgc else mix_matmul), repeat=cgc and not how)
