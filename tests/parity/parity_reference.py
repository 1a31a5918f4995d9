"""The networks, losses and training of Gatewright as plain PyTorch: a loop over experts, one matrix product each. Nothing is shared with the
program under test but the text of docs/architectures.md."""
import math
from statistics import NormalDist

import numpy as np
import torch
import torch.nn.functional as F

from parity_balance import Balancer

# ---- the spec with its defaults ------------------------------------------------------------------------------------------------

ACTIVATIONS = {
    "none": lambda z: z, "relu": torch.relu, "leaky_relu": lambda z: F.leaky_relu(z, 0.01), "gelu": F.gelu, "swish": F.silu,
    "tanh": torch.tanh, "sigmoid": torch.sigmoid,
}
DEFAULT_LOSS = {"binary": "bce", "regression": "mse", "multiclass": "cross-entropy", "count": "poisson", "ordinal": "proportional-odds",
                "quantile": "pinball"}


ONE_EACH = ("single-task", "cross-stitch", "l2-constrained", "tensor-factorization", "aitm")  # one expert of each task, and no gate


class Spec:
    """The parts of a spec that a network needs, every default resolved."""

    def __init__(self, spec):
        self.raw = spec
        model, self.train = spec["model"], spec["train"]
        self.tasks = spec["tasks"]
        self.arch = model["architecture"]
        self.ple = model.get("ple", "paper")
        self.raw_gates = self.arch == "mmoe" or self.ple == "raw-gates"
        experts, gates, towers = model["experts"], model.get("gates", {}), model["towers"]
        self.levels = model.get("levels", 2 if self.arch in ("ple", "home", "adatt", "adatt-sp", "snr-aver", "snr-trans") else 1)
        self.seed = self.train.get("seed", 1)
        self.connections = dict({"lambda": 0.001, "beta": 2 / 3, "gamma": -0.1, "zeta": 1.1}, **model.get("connections", {}))
        self.error = model.get("error", "mixture")
        self.alpha = model.get("alpha", 0.001) if self.arch == "l2-constrained" else 0
        if self.arch == "cross-stitch":  # one level per layer
            self.levels = len(experts["hidden"])
        self.experts, self.gates, self.towers = experts, gates, towers
        self.names = [t for t in self.tasks if "chain" not in self.tasks[t]]  # those with a tower
        per_task = experts.get("per_task", 0)
        if self.arch in ONE_EACH:
            self.shared, per_task = 0, 1
        elif self.arch == "custom":
            self.shared = 0
        elif self.arch == "adatt-sp":
            self.shared = 0
        elif self.arch == "shared-bottom":
            self.shared = 1
        elif self.arch in ("cgc", "ple", "adatt", "home", "stem"):
            self.shared = experts["shared"]
        else:
            self.shared = experts["count"]
        self.per_task = {t: per_task[t] if isinstance(per_task, dict) else per_task for t in self.names}

    @staticmethod
    def widths(hidden, level):
        return hidden[level] if hidden and isinstance(hidden[0], list) else hidden

    def expert_widths(self, level):
        if self.arch == "cross-stitch" and not isinstance(self.experts["hidden"][0], list):
            return [self.experts["hidden"][level]]
        return self.widths(self.experts["hidden"], level)

    def gate_widths(self, level):
        return self.widths(self.gates.get("hidden", []), level)


# ---- randomness that both sides must agree on ----------------------------------------------------------------------------------

WORD, LONG = 2 ** 32 - 1, 2 ** 64 - 1


def philox_bits(seed, purpose, a, b):
    """Philox 4x32-10 (Salmon et al. 2011) of the counter (b, a), its key the SplitMix64 finaliser of seed and purpose; 64 bits."""
    key = (seed + purpose * 0x9E3779B97F4A7C15) & LONG
    key = (key ^ key >> 30) * 0xBF58476D1CE4E5B9 & LONG
    key = (key ^ key >> 27) * 0x94D049BB133111EB & LONG
    key ^= key >> 31
    k0, k1 = key & WORD, key >> 32
    c0, c1, c2, c3 = b & WORD, b >> 32, a & WORD, a >> 32
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (p1 >> 32) ^ c1 ^ k0, p1 & WORD, (p0 >> 32) ^ c3 ^ k1, p0 & WORD
        k0, k1 = (k0 + 0x9E3779B9) & WORD, (k1 + 0xBB67AE85) & WORD
    return c1 << 32 | c0


def philox_uniform(seed, purpose, a, b):
    """53 bits in [0,1)."""
    return (philox_bits(seed, purpose, a, b) >> 11) * 2.0 ** -53


def philox_normal(seed, purpose, a, b):
    """The quantile of 52 bits and a half, rounded to float32."""
    return float(np.float32(NormalDist().inv_cdf(((philox_bits(seed, purpose, a, b) >> 12) + 0.5) * 2.0 ** -52)))


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


def normed(p, name, kind, x, training):
    if kind == "none":
        return x
    w, b = p[name + ".norm.weight"], p[name + ".norm.bias"]
    if kind == "layer":
        return F.layer_norm(x, x.shape[-1:], w, b)
    return F.batch_norm(x, p[name + ".norm.running_mean"], p[name + ".norm.running_var"], w, b, training, 0.1, 1e-5)


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
                x = normed(p, name, self.norm, x, training)
            if self.last or j + 1 < len(self.widths):
                x = self.act(x)
        return x


class Factored:
    """The experts of all tasks, whose weights are one Tucker product per layer, written down (Yang & Hospedales 2017)."""

    def __init__(self, p, level, n_in, spec):
        self.level, self.options, self.names = level, spec.experts, spec.names
        self.ranks, self.n_layers, self.act = [], 0, ACTIVATIONS[spec.experts.get("activation", "relu")]
        ranks = spec.raw["model"]["ranks"]
        for j, n in enumerate(spec.expert_widths(level)):
            r1, r2, r3 = min(ranks["input"], n_in), min(ranks["output"], n), min(ranks["task"], len(spec.names))
            base = f"level{level}.factors.{j}"
            p.linear(base + ".u1", n_in, r1, False)
            for part, k, out in (("core", r1, r2 * r3), ("u2", r2, n), ("u3", r3, len(spec.names))):
                p[f"{base}.{part}.weight"] = p.rng.uniform(-1, 1, (out, k)) * math.sqrt(3 / k)
            for t in spec.names:
                p[f"level{level}.expert.{t}.0.{j}.bias"] = p.rng.uniform(-1, 1, n) / math.sqrt(n_in)
                if spec.experts.get("norm", "none") != "none":
                    p.norm(f"level{level}.expert.{t}.0.{j}", n, spec.experts["norm"])
            n_in, self.n_layers = n, j + 1

    def task(self, t):
        return lambda p, x, training: self.run(p, t, x, training)

    def run(self, p, t, x, training):
        for j in range(self.n_layers):
            base, name = f"level{self.level}.factors.{j}", f"level{self.level}.expert.{t}.0.{j}"
            u1, u2, u3 = (p[f"{base}.{u}.weight"] for u in ("u1", "u2", "u3"))
            core = p[base + ".core.weight"].reshape(u3.shape[1], u2.shape[1], u1.shape[0])  # r3, r2, r1
            w = torch.einsum("cba,am,nb,tc->tnm", core, u1, u2, u3)[self.names.index(t)]
            x = normed(p, name, self.options.get("norm", "none"), F.linear(x, w, p[name + ".bias"]), training)
            x = self.act(x)
        return x


class Home:
    """HoME's hierarchy, module by module: meta modules of each category and the shared one, then the tasks (docs/architectures.md, home)."""

    def __init__(self, p, spec, n_in):
        self.spec, model = spec, spec.raw["model"]
        self.category = {t: task.get("category", "all") for t, task in spec.tasks.items()}
        self.categories = list(dict.fromkeys(self.category.values()))
        self.loras, self.rank = model["feature_gates"]["count"], model["feature_gates"]["rank"]
        self.experts, self.gates, self.self_gates, self.looks = [], [], [], []
        counts = {"shared": spec.shared, **{c: spec.experts["per_category"] for c in self.categories}, **spec.per_task}
        options, width = {"activation": "swish", "norm": "batch", **spec.experts}, n_in
        for level in range(spec.levels):
            last, widths = level == spec.levels - 1, spec.expert_widths(level)
            groups = ["shared"] + self.categories + (spec.names if last else [])
            members = {g: [(g, i) for i in range(counts[g])] for g in groups}
            self.experts.append({e: Mlp(p, f"level{level}.expert.{e[0]}.{e[1]}", width, widths, options, True) for g in groups for e in members[g]})
            self.looks.append({e: self.look(p, f"level{level}.feature_gate.{e[0]}.{e[1]}", width) for e in self.experts[-1]})
            if last:
                sees = {t: members["shared"] + members[self.category[t]] + members[t] for t in spec.names}
            else:
                sees = {c: members["shared"] + members[c] for c in self.categories}
                sees["shared"] = members["shared"] + [e for c in self.categories for e in members[c]]
            self.gates.append({s: (Mlp(p, f"level{level}.gate.{s}", width, list(spec.gate_widths(level)) + [len(sees[s])], spec.gates, False), sees[s]) for s in sees})
            own = {s: members[s] for s in sees if s != "shared" and members[s] and model.get("self_gates", True)}
            self.self_gates.append({s: (Mlp(p, f"level{level}.self_gate.{s}", width, [len(own[s])], {}, False), own[s]) for s in own})
            width = widths[-1]
        self.width = width

    def look(self, p, prefix, width):
        pairs = [Mlp(p, f"{prefix}.lora{i}", width, [self.rank, width], {"activation": "none"}, False, False) for i in range(self.loras)]
        return pairs, Mlp(p, prefix + ".mix", width, [self.loras], {}, False) if self.loras > 1 else None

    @staticmethod
    def seen(look, p, v):
        pairs, mix = look
        if not pairs:
            return v
        views = torch.stack([2 * torch.sigmoid(pair(p, v, False)) for pair in pairs], 1)
        weights = torch.softmax(mix(p, v, False), 1) if mix else torch.ones(len(v), 1, dtype=v.dtype)
        return v * (weights[:, :, None] * views).sum(1)

    def forward(self, p, dense, training, ret_gates):
        streams = {}
        for level, experts in enumerate(self.experts):
            def read(module):
                return streams.get(self.category.get(module, module), dense)
            out = {e: mlp(p, self.seen(self.looks[level][e], p, read(e[0])), training) for e, mlp in experts.items()}
            nxt = {}
            for s, (mlp, sees) in self.gates[level].items():
                weights = torch.softmax(mlp(p, read(s), training), 1)
                if ret_gates is not None:
                    ret_gates[f"gate.{level}.{s}"] = weights
                nxt[s] = (weights[:, :, None] * torch.stack([out[e] for e in sees], 1)).sum(1)
                if s in self.self_gates[level]:
                    gate, own = self.self_gates[level][s]
                    z = gate(p, read(s), training)
                    weights = torch.sigmoid(z) if len(own) == 1 else torch.softmax(z, 1)
                    nxt[s] = nxt[s] + (weights[:, :, None] * torch.stack([out[e] for e in own], 1)).sum(1)
            streams = nxt
        return streams


class Stem:
    """STEM, as its authors' text has it: inputs of T tasks and the shared one, gates over all experts, those of others detached."""

    def __init__(self, p, spec, n_in):
        self.spec, self.modules = spec, spec.names + ["shared"]
        self.experts, self.gates, width = [], [], n_in
        self.order = [("shared", i) for i in range(spec.shared)] + [(t, i) for t in spec.names for i in range(spec.per_task[t])]
        for level in range(spec.levels):
            widths, streams = spec.expert_widths(level), spec.names if level == spec.levels - 1 else self.modules
            self.experts.append({e: Mlp(p, f"level{level}.expert.{e[0]}.{e[1]}", width, widths, spec.experts, True) for e in self.order})
            self.gates.append({s: Mlp(p, f"level{level}.gate.{s}", width, list(spec.gate_widths(level)) + [len(self.order)], spec.gates, False)
                               for s in streams})
            width = widths[-1]
        self.width = width

    def forward(self, p, inputs, training, ret_gates):
        streams = dict(zip(self.modules, inputs))
        for level, experts in enumerate(self.experts):
            out, nxt = {e: mlp(p, streams[e[0]], training) for e, mlp in experts.items()}, {}
            for s, mlp in self.gates[level].items():
                weights = torch.softmax(mlp(p, streams[s] + (streams["shared"] if s != "shared" else 0), training), 1)
                if ret_gates is not None:
                    ret_gates[f"gate.{level}.{s}"] = weights
                seen = [out[e] if s == "shared" or e[0] in (s, "shared") else out[e].detach() for e in self.order]
                nxt[s] = (weights[:, :, None] * torch.stack(seen, 1)).sum(1)
            streams = nxt
        return streams


class Wired:
    """A wiring that the spec writes out: groups, some of which pass on what they read, and gates of kind softmax or average (model.wiring)."""

    def __init__(self, p, spec, n_in):
        self.levels, widths = [], {"input": n_in}
        for l, level in enumerate(spec.raw["model"]["wiring"]["levels"]):
            experts, order = {}, {}
            for group, entry in level["experts"].items():
                entry = entry if isinstance(entry, dict) else {"count": entry}
                count, default = entry.get("count", 1), group if l else "input"
                reads = entry.get("reads", default)
                reads = reads if isinstance(reads, list) else [reads] * count
                order[group] = [f"{group}.{i}" for i in range(count)]
                for name, stream in zip(order[group], reads):
                    mlp = None if entry.get("identity") else Mlp(p, f"level{l}.expert.{name}", widths[stream], spec.expert_widths(l), spec.experts, True)
                    experts[name] = (mlp, stream, mlp.widths[-1] if mlp else widths[stream])
            gates = {}
            for stream, entry in level["gates"].items():
                entry = entry if isinstance(entry, dict) else {"sees": entry}
                sees = [entry["sees"]] if isinstance(entry["sees"], str) else entry["sees"]
                columns = [e for name in sees for e in order.get(name, [name])]
                reads = entry.get("reads", stream if stream in widths else "input")
                softmax = entry.get("kind", "softmax") == "softmax" and len(columns) > 1
                gates[stream] = (Mlp(p, f"level{l}.gate.{stream}", widths[reads], list(spec.gate_widths(l)) + [len(columns)], spec.gates, False) if softmax else None,
                                 reads, columns)
            self.levels.append((experts, gates))
            widths = {"input": n_in, **{stream: experts[columns[0]][2] for stream, (_, _, columns) in gates.items()}}
            self.width = experts[next(iter(experts))][2]

    def forward(self, p, dense, training, ret_gates):
        streams = {"input": dense}
        for l, (experts, gates) in enumerate(self.levels):
            out = {name: mlp(p, streams[reads], training) if mlp else streams[reads] for name, (mlp, reads, _) in experts.items()}
            nxt = {"input": dense}
            for stream, (mlp, reads, columns) in gates.items():
                stack = torch.stack([out[c] for c in columns], 1)
                weights = torch.softmax(mlp(p, streams[reads], training), 1) if mlp else torch.full(stack.shape[:2], 1 / len(columns), dtype=stack.dtype)
                if ret_gates is not None and mlp:
                    ret_gates[f"gate.{l}.{stream}"] = weights
                nxt[stream] = (weights[:, :, None] * stack).sum(1)
            streams = nxt
        return streams


class Network:
    def __init__(self, spec, n_in, out_widths, tables, rng):
        self.spec, self.tables = spec, tables
        self.p = Parameters(rng)
        self.copies = ["." + m for m in spec.names + ["shared"]] if spec.arch == "stem" else [""]
        for name in [table["name"] + c for table in tables.values() for c in self.copies]:
            table = next(t for t in tables.values() if name == t["name"] or name.startswith(t["name"] + "."))
            self.p[f"embedding.{name}.weight"] = 0.5 * rng.standard_normal((table["rows"], table["dim"]))
        self.experts, self.gates = [], []
        self.connected, self.step = {}, 0  # which connections there are, in order; the step that draws them
        whole = {"home": Home, "stem": Stem, "custom": Wired}.get(spec.arch)  # networks that are written down by themselves
        self.home = whole(self.p, spec, n_in) if whole else None
        width = self.home.width if self.home else n_in
        for level in range(0 if self.home else spec.levels):
            widths = spec.expert_widths(level)
            group = {}
            if spec.arch == "tensor-factorization":
                factored = Factored(self.p, level, width, spec)
                group = {(t, 0): factored.task(t) for t in spec.names}
            for stream, count in [("shared", spec.shared)] + list(spec.per_task.items()):
                for i in range(0 if spec.arch == "tensor-factorization" else count):
                    local = spec.arch == "local-experts"  # experts with an output, as towers have
                    group[stream, i] = Mlp(self.p, f"level{level}.expert.{stream}.{i}", width, list(widths) + out_widths * local, spec.experts, not local)
            self.experts.append(group)
            self.gates.append(self.make_gates(level, n_in, width))
            width = widths[-1] if widths else width
        sequence = (spec.raw["model"].get("sequence") or spec.names) if spec.arch == "aitm" else []
        self.links = list(zip(sequence, sequence[1:]))
        self.info = {t: Mlp(self.p, f"transfer.{t}.info", width, [width], spec.experts, True) for _, t in self.links}
        for _, t in self.links:
            for part in ("query", "key", "value"):
                self.p.linear(f"transfer.{t}.{part}", width, width, False)
        self.towers = {}
        for (t, task), o in zip(spec.tasks.items(), out_widths):
            if "chain" in task or spec.arch == "local-experts":
                continue
            ordinal = task["type"] == "ordinal"
            head = 1 if ordinal else 3 if task.get("loss") == "ziln" else o
            self.towers[t] = Mlp(self.p, f"tower.{t}", width, list(spec.towers.get("hidden", [])) + [head], spec.towers, False)
            if ordinal:  # the thresholds stand for the head's bias
                self.p.pop(f"tower.{t}.{len(spec.towers.get('hidden', []))}.bias", None)
                self.p[f"tower.{t}.thresholds"] = np.concatenate([rng.uniform(-1.5, -0.5, 1), rng.uniform(-1, 1, o - 2)])
        self.running = [n for n in self.p if n.endswith((".running_mean", ".running_var", ".selection.bias"))]

    def make_gates(self, level, n_in, width):
        """stream -> (its gate, the experts in the order of its columns)"""
        spec, last = self.spec, level == self.spec.levels - 1
        shared = [("shared", i) for i in range(spec.experts.get("always", 0), spec.shared)]
        own = {t: [(t, i) for i in range(n)] for t, n in spec.per_task.items()}
        sees = {}
        if spec.arch in ("moe", "omoe", "local-experts"):
            sees["all"] = shared
        elif spec.arch in ("mmoe", "snr-aver", "snr-trans"):
            for stream in spec.names if last else [f"expert{i}" for i in range(spec.shared)]:
                sees[stream] = shared
        elif spec.arch in ("cgc", "ple"):
            if not last and spec.ple != "no-shared-gate":
                sees["shared"] = shared + ([] if spec.ple == "shared-only" else [e for t in spec.names for e in own[t]])
            for t in spec.names:
                sees[t] = shared + own[t]
        elif spec.arch in ("adatt", "adatt-sp", "cross-stitch"):
            everyone = shared + [e for t in spec.names for e in own[t]]
            for t in spec.names + (["shared"] if shared and not last else []):
                sees[t] = everyone
        gates = {}
        for stream, columns in sees.items():
            mlp = None
            mine = [c for c in columns if c[0] == stream]
            if spec.arch == "cross-stitch":
                name = f"level{level}.gate.{stream}.alpha"
                self.p[name] = self.p.rng.uniform(-0.2, 0.2, len(columns)) + np.array([0.9 if c in mine else 0.1 for c in columns])
                gates[stream] = (name, columns)
                continue
            if spec.arch.startswith("snr"):
                name = f"level{level}.gate.{stream}.log_alpha"
                if len(columns) > 1:
                    self.p[name] = self.p.rng.normal(0, 1, len(columns))
                    self.connected[name] = len(self.connected)
                if spec.arch == "snr-trans":
                    h = spec.expert_widths(level)[-1]
                    for e in range(len(columns)):
                        self.p.linear(f"level{level}.transform.{stream}.{e}.0", h, h, False)
                gates[stream] = (name, columns)
                continue
            if spec.arch in ("adatt", "adatt-sp") and len(mine) > 1:
                self.p[f"level{level}.gate.{stream}.residual"] = self.p.rng.uniform(-1, 1, len(mine)) / math.sqrt(len(mine))
            if len(columns) > 1:  # a gate over one expert is the constant 1 and has no parameters
                # A stacked mmoe's gates read the dense input at every level; those of ple the stream itself.
                n = n_in if spec.raw_gates else width
                mlp = Mlp(self.p, f"level{level}.gate.{stream}", n, list(spec.gate_widths(level)) + [len(columns)], spec.gates, False,
                          spec.gates.get("bias", True))
                if spec.gates.get("noise") and len(columns) > spec.gates["top_k"]:
                    self.p.linear(f"{mlp.prefix}.noise.0", n, len(columns), False)
                if len(columns) > spec.gates.get("top_k", len(columns)) and spec.gates.get("balance", {}).get("bias"):
                    self.p[f"level{level}.gate.{stream}.selection.bias"] = 0.1 * self.p.rng.standard_normal(len(columns))
            gates[stream] = (mlp, columns)
        return gates

    def noise(self, size, number):
        """Shazeer et al. 2017, eq. 4: what is drawn for a row and an expert in this step, times softplus(W_noise s)."""
        drawn = [[philox_normal(self.spec.seed, 11, self.step, number << 48 ^ r << 16 ^ e) for e in range(size.shape[1])] for r in range(size.shape[0])]
        return torch.tensor(drawn, dtype=size.dtype) * size

    def load(self, z, h, size, k):
        """Eq. 8-11: CV^2 of the rows that an expert can expect. It has to exceed the k-th largest noisy logit of the other experts; logits, not weights."""
        n = z.shape[1]
        others = torch.stack([h[:, [o for o in range(n) if o != e]].topk(k, 1).values[:, -1] for e in range(n)], 1)
        expected = torch.distributions.Normal(0.0, 1.0).cdf((z - others) / size).sum(0)
        return expected.var(0, unbiased=False) / expected.mean() ** 2

    def weights(self, p, prefix, z, s, number, training):
        """A gate's weights from its logits; s is its input, `number` its place among all gates."""
        raw, balance = z, self.spec.gates.get("balance", {})
        if training and prefix + ".noise.0.weight" in p:
            size = F.softplus(F.linear(s, p[prefix + ".noise.0.weight"]))
            z = raw + self.noise(size, number)
            self.gate_loss = self.gate_loss + balance.get("load", 0) * self.load(raw, z, size, self.spec.gates["top_k"])
        z = z / self.spec.gates.get("temperature", 1.0)
        k = min(self.spec.gates.get("top_k", 0) or z.shape[1], z.shape[1])
        bias = p.get(prefix + ".selection.bias")
        scores = z if bias is None else torch.softmax(z, 1) + bias
        kept = torch.zeros_like(z, dtype=torch.bool).scatter(1, scores.topk(k, 1).indices, True)
        g = torch.softmax(z.masked_fill(~kept, -math.inf), 1)
        if k < z.shape[1] and not self.spec.gates.get("renormalise", k > 1):
            g = torch.softmax(z, 1) * kept
        if training and bias is not None:
            with torch.no_grad():
                load = kept.to(z.dtype).sum(0)
                bias += balance["bias"] * torch.sign(load.mean() - load)
        share = kept.to(z.dtype).sum(0) / kept.sum()  # how often an expert was kept: a constant
        importance = g.sum(0)
        self.gate_loss = self.gate_loss + balance.get("importance", 0) * importance.var(0, unbiased=False) / importance.mean() ** 2 \
            + balance.get("even", 0) * z.shape[1] * (share * torch.softmax(z, 1).mean(0)).sum() \
            + balance.get("z", 0) * (torch.logsumexp(raw, 1) ** 2).mean()
        return g

    def dense(self, p, x, ids, copy=""):
        """Features side by side in the file's column order."""
        parts = []
        for kind, key in x["order"]:
            if kind == "number":
                parts.append(x["numbers"][:, key:key + 1])
                continue
            table, look = self.tables[key], ids[key]
            weight = p[f"embedding.{table['name']}{copy}.weight"]
            rows = F.embedding(look["rows"], weight, sparse=x["sparse"])
            if look["mask"] is not None:
                mask = look["mask"].to(rows.dtype)
                rows = (rows * mask[:, :, None]).sum(1)
                if table["pooling"] == "mean":
                    rows = rows / mask.sum(1).clamp(min=1)[:, None]
            parts.append(rows)
        return torch.cat(parts, 1)

    def connections(self, p, name, training):
        """Hard-concrete: Louizos et al. 2018, eq. 10 and 11; in prediction eq. 13."""
        if name not in p:
            return torch.ones(1, dtype=next(iter(p.values())).dtype)
        c, log_alpha = self.spec.connections, p[name]
        x = log_alpha
        if training:
            u = torch.tensor([philox_uniform(self.spec.seed, 9, self.step, self.connected[name] << 32 | e) + 2.0 ** -54 for e in range(len(x))], dtype=torch.float64)
            x = ((u.log() - (1 - u).log()).to(x.dtype) + log_alpha) / c["beta"]
        return torch.clamp(torch.sigmoid(x) * (c["zeta"] - c["gamma"]) + c["gamma"], 0, 1)

    def blend(self, p, dense, training, ret_gates):
        """Jacobs et al. 1991: predictions of experts, mixed; as what a tower would give. Keeps gate and predictions for the error."""
        (task,), (gate,) = self.spec.tasks.values(), self.gates[0].values()
        g = torch.softmax(gate[0](p, dense, training), 1)
        z = torch.stack([mlp(p, dense, training) for mlp in self.experts[0].values()], 1)  # [B,E,O]
        kind = task["type"]
        head = {"binary": torch.sigmoid, "multiclass": lambda v: torch.softmax(v, 2)}.get(kind, ACTIVATIONS[task.get("activation", "none")])
        o = head(z)
        mean = (g[:, :, None] * o).sum(1)
        self.local = (g, o)
        if ret_gates is not None:
            ret_gates["gate.0.all"] = g
        return torch.logit(mean) if kind == "binary" else torch.log(mean) if kind == "multiclass" else mean

    def local_loss(self, task, y, w):
        g, o = self.local
        d = F.one_hot(y.long(), o.shape[2]).to(o.dtype) if task["type"] == "multiclass" else y[:, None]
        q = ((d[:, None, :] - o) ** 2).sum(2)  # [B,E]
        if self.spec.error == "cooperative":
            each = ((d - (g[:, :, None] * o).sum(1)) ** 2).sum(1)
        elif self.spec.error == "competitive":
            each = (g * q).sum(1)
        else:
            each = -torch.log((g * torch.exp(-q / 2)).sum(1))
        if task["type"] == "binary":
            each = torch.where(y > 0.5, each * task.get("positive_weight", 1.0), each)
        total = w.sum()
        return (each * w).sum() / (total if total > 0 else 1)

    def penalty(self, p):
        """What the architecture adds to the objective."""
        c, total = self.spec.connections, 0.0
        for name in self.connected:
            total = total + c["lambda"] * torch.sigmoid(p[name] - c["beta"] * math.log(-c["gamma"] / c["zeta"])).sum()
        if self.spec.alpha:
            names = self.spec.names
            for i, one in enumerate(names):
                for other in names[i + 1:]:
                    for key, value in p.items():
                        twin = p.get(key.replace(f".{one}.", f".{other}.", 1))
                        if f".{one}." in key and key not in self.running and twin is not None and twin.shape == value.shape:
                            total = total + self.spec.alpha * ((value - twin) ** 2).sum()
        return total

    def forward(self, p, x, ids, training=False, ret_gates=None):
        spec = self.spec
        self.gate_loss = 0.0  # of the losses that balance experts
        dense = self.dense(p, x, ids) if spec.arch != "stem" else [self.dense(p, x, ids, c) for c in self.copies]
        order = [(level, s) for level, gates in enumerate(self.gates) for s in sorted(gates, key=lambda s: s == "shared") if isinstance(gates[s][0], Mlp)]
        numbers = {gate: i for i, gate in enumerate(order)}  # the shared gate is the last of its level
        streams = {}  # name -> what flows; a name that is absent reads the dense input
        if self.home:
            streams = self.home.forward(p, dense, training, ret_gates)
        for level in range(0 if self.home else spec.levels):
            last = level == spec.levels - 1
            out = {}
            for (stream, i), mlp in self.experts[level].items():
                source = f"expert{i}" if spec.arch in ("mmoe", "snr-aver", "snr-trans") else "all" if spec.arch in ("moe", "omoe", "averaged", "shared-bottom") else stream
                if spec.ple == "no-shared-gate" and stream == "shared":
                    source = f"shared.{i}"
                out[stream, i] = mlp(p, streams.get(source, dense), training)
            nxt = {}
            for stream, (mlp, columns) in self.gates[level].items():
                stack = torch.stack([out[c] for c in columns], 1)  # [B,E,H]
                if spec.arch.startswith("snr"):
                    if spec.arch == "snr-trans":
                        stack = torch.stack([F.linear(out[c], p[f"level{level}.transform.{stream}.{e}.0.weight"]) for e, c in enumerate(columns)], 1)
                    nxt[stream] = (self.connections(p, mlp, training)[None, :, None] * stack).sum(1)
                    continue
                if isinstance(mlp, str):  # constants
                    nxt[stream] = (p[mlp][None, :, None] * stack).sum(1)
                    continue
                if mlp is None:
                    weights = torch.ones(len(stack), 1, dtype=stack.dtype)
                else:
                    s = dense if spec.raw_gates else streams.get(stream, dense)
                    weights = self.weights(p, mlp.prefix, mlp(p, s, training), s, numbers[level, stream], training)
                    if ret_gates is not None:
                        ret_gates[f"gate.{level}.{stream}"] = weights
                nxt[stream] = (weights[:, :, None] * stack).sum(1) + sum(out["shared", i] for i in range(spec.experts.get("always", 0)))
                if spec.arch in ("adatt", "adatt-sp"):
                    mine = torch.stack([out[c] for c in columns if c[0] == stream], 1)
                    v = p.get(f"level{level}.gate.{stream}.residual", torch.ones(1, dtype=stack.dtype))
                    nxt[stream] = nxt[stream] + (v[None, :, None] * mine).sum(1)
            if spec.ple == "no-shared-gate":
                nxt.update({f"shared.{i}": out["shared", i] for i in range(spec.shared)})
            if spec.arch in ("averaged", "shared-bottom"):
                nxt["all"] = torch.stack(list(out.values())).mean(0)
            if spec.arch in ONE_EACH and spec.arch != "cross-stitch":
                nxt = {t: out[t, 0] for t in spec.names}
            streams = nxt
        for before, t in self.links:
            both = torch.stack([self.info[t](p, streams[before], training), streams[t]], 1)  # [B,2,k]
            q, k, v = (F.linear(both, p[f"transfer.{t}.{part}.weight"]) for part in ("query", "key", "value"))
            w = torch.softmax((q * k).sum(-1) / math.sqrt(both.shape[-1]), 1)
            streams[t] = (w[:, :, None] * v).sum(1)
        if spec.arch == "local-experts":
            return [self.blend(p, dense, training, ret_gates)]
        logits = [self.towers[t](p, streams.get(t, streams.get("all")), training) for t in spec.names]
        for k, t in enumerate(spec.names):
            if spec.tasks[t]["type"] == "ordinal":
                w = p[f"tower.{t}.thresholds"]
                theta = torch.cumsum(torch.cat([w[:1], F.softplus(w[1:])]), 0)
                logits[k] = theta[None, :] - logits[k]
        known = dict(zip(spec.names, logits))
        return [known[t] if t in known else chain_logit(spec, task, known) for t, task in spec.tasks.items()]


# ---- losses and predictions ----------------------------------------------------------------------------------------------------


def correction(task):
    """The odds that were taught are those of the data times positive_weight / negative_sampling."""
    return math.log(task.get("negative_sampling", 1.0)) - math.log(task.get("positive_weight", 1.0))


def chain_logit(spec, task, known):
    """log p - log (1 - p) of the plain sum of products; the names of a chain of chains are taken apart first."""
    def probability(name):
        if name.startswith("not "):
            return 1 - probability(name[4:])
        if "chain" in spec.tasks[name]:
            return chain_probability(spec.tasks[name])
        return torch.sigmoid(known[name] + correction(spec.tasks[name]))

    def chain_probability(task):
        paths = task["chain"] if isinstance(task["chain"][0], list) else [task["chain"]]
        return sum(math.prod(probability(n) for n in path) for path in paths)

    p = chain_probability(task)
    return torch.log(p) - torch.log(1 - p)


def quantiles_of(task):
    q = task.get("quantiles", [0.5])
    return q if isinstance(q, list) else [q]


def ranks(logits):
    """Probabilities of the classes from cumulative logits [n,K-1]."""
    upto = torch.sigmoid(logits)
    ones = torch.ones_like(upto[:, :1])
    return torch.cat([upto, ones], 1) - torch.cat([0 * ones, upto], 1)


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
    elif loss == "focal":
        p = torch.sigmoid(logits[:, 0])
        right = torch.where(label > 0.5, p, 1 - p)
        alpha = task.get("focal_alpha", 0)
        share = torch.where(label > 0.5, alpha, 1 - alpha) if alpha else 1.0
        each = share * (1 - right) ** task.get("focal_gamma", 2.0) * F.binary_cross_entropy_with_logits(logits[:, 0], label, reduction="none")
    elif loss == "poisson":
        each = F.poisson_nll_loss(logits[:, 0], label, log_input=True, reduction="none")
    elif loss == "proportional-odds":
        each = -torch.log(ranks(logits).gather(1, label.long()[:, None])[:, 0])
    elif loss == "pinball":
        r = label[:, None] - head(logits)
        t = torch.tensor(quantiles_of(task), dtype=logits.dtype)
        each = torch.maximum(t * r, (t - 1) * r).mean(1)
    elif loss == "ziln":
        bought = (label > 0).to(logits.dtype)
        amount = torch.distributions.LogNormal(logits[:, 1], F.softplus(logits[:, 2]))
        each = F.binary_cross_entropy_with_logits(logits[:, 0], bought, reduction="none") \
            - bought * amount.log_prob(torch.where(label > 0, label, torch.ones_like(label)))
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
        elif kind == "ordinal":
            out.append(ranks(z))
        elif kind == "count":
            out.append(torch.exp(z))
        elif kind == "quantile":
            out.append(torch.sort(ACTIVATIONS[task.get("activation", "none")](z), 1)[0])
        elif task.get("loss") == "ziln":
            out.append(torch.sigmoid(z[:, :1]) * torch.exp(z[:, 1:2] + F.softplus(z[:, 2:3]) ** 2 / 2))
        elif kind == "binary":
            out.append(torch.sigmoid(z + correction(task)))
        else:
            out.append(ACTIVATIONS[task.get("activation", "none")](z))
    return torch.cat(out, 1)

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
    if spec.arch == "local-experts":
        return [net.local_loss(next(iter(spec.tasks.values())), y[:, 0], w[:, 0])], logits
    return [task_loss(t, z, y[:, k], w[:, k]) for k, (t, z) in enumerate(zip(spec.tasks.values(), logits))], logits


def total_loss(spec, losses, logits, net):
    total = net.gate_loss + sum(t.get("weight", 1.0) * l for t, l in zip(spec.tasks.values(), losses))
    p = {name: torch.sigmoid(z[:, 0] + correction(task)) for (name, task), z in zip(spec.tasks.items(), logits) if task["type"] == "binary"}
    for name, task in spec.tasks.items():
        if "after" in task:
            after = task["after"] if isinstance(task["after"], dict) else {"task": task["after"]}
            total = total + after.get("weight", 0.6) * torch.clamp(p[name] - p[after["task"]], min=0).mean()
    return total


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


class RowwiseAdagrad(torch.optim.Optimizer):
    """One sum per row, of the mean of its squared gradient, as DLRM's RWSAdagrad and FBGEMM's EXACT_ROWWISE_ADAGRAD have it."""

    def __init__(self, params, lr, eps):
        super().__init__(params, {"lr": lr, "eps": eps})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                total = self.state[p].setdefault("sum", torch.zeros(p.shape[0], 1, dtype=p.dtype))
                g = p.grad.coalesce()
                rows, values = g.indices()[0], g.values()
                total[rows] += values.pow(2).mean(dim=1, keepdim=True)
                p[rows] -= group["lr"] * values / (total[rows].sqrt() + group["eps"])


def optimizers(train, p, net):
    o = train["optimizer"]
    trained = [n for n in p if n not in net.running]
    tables = [p[n] for n in trained if n.startswith("embedding.")]
    rest = [p[n] for n in trained if not n.startswith("embedding.")]
    lazy = o.get("lazy", True) and tables
    if o.get("embeddings"):
        own = o["embeddings"]
        return [RowwiseAdagrad(tables, own["lr"], own.get("eps", 1e-10)), dense_optimizer(o, rest)]
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
    balancer = Balancer(spec)
    for _ in range(epochs):
        sums, counts = np.zeros(len(spec.tasks)), np.zeros(len(spec.tasks))
        for rows in cuts:
            lr = learning_rate(train, step, len(cuts))
            for o in opts:
                for g in o.param_groups:
                    g["lr"] = lr if not isinstance(o, RowwiseAdagrad) else lr / train["optimizer"]["lr"] * train["optimizer"]["embeddings"]["lr"]
                o.zero_grad()
            b = batch_of(data, dtype, rows, sparse)
            net.step = step
            losses, logits = step_losses(spec, net, p, b)
            balanced = balancer.method != "fixed"
            loss = 0.0 if balanced else total_loss(spec, losses, logits, net)
            if balanced:
                balancer.backward(p, losses, step)
            loss = loss + net.penalty(p)
            if train.get("l2"):
                dense = [v for k, v in p.items() if k.endswith(".weight") and not k.startswith("embedding.") and ".norm." not in k]
                loss = loss + 0.5 * train["l2"] * sum((v ** 2).sum() for v in dense)
            if torch.is_tensor(loss):
                loss.backward()
            moving = [v for k, v in p.items() if v.requires_grad and v.grad is not None]
            clip = train.get("clip", {})
            if clip.get("value"):
                torch.nn.utils.clip_grad_value_(moving, clip["value"])
            if clip.get("norm"):
                torch.nn.utils.clip_grad_norm_(moving, clip["norm"])
            for o in opts:
                o.step()
            balancer.look_back(lambda: step_losses(spec, net, p, b)[0])
            rows_of = (b[3] > 0).sum(0).numpy()
            sums += np.array([float(l) for l in losses]) * rows_of
            counts += rows_of
            step += 1
        per_epoch.append(sums / np.maximum(counts, 1))
        balancer.end_epoch(per_epoch[-1])
        ends.append({k: v.detach().clone() for k, v in p.items()})
    net.step = 0
    return np.array(per_epoch), ends
