"""Task balancing as plain PyTorch: each task's gradient by autograd, vectors projected and combined as the papers write it, the learned weights by
torch.optim.Adam. Nothing is shared with the program under test but the text of docs/balancing.md. Methods that need a search are written for
two tasks, where there is a closed form."""
import math

import torch

LEARNED = {"uncertainty": 0.01, "imtl": 0.01, "gradnorm": 0.025, "famo": 0.025}  # default rates


class Balancer:
    def __init__(self, spec):
        self.options = spec.train.get("balance", {})
        self.method = self.options.get("method", "fixed")
        tasks = list(spec.tasks.values())
        self.names, self.k = spec.names, len(tasks)
        self.weights = [t.get("weight", 1.0) for t in tasks]
        self.share = [0.5 if t["type"] == "regression" or t.get("loss") in ("mse", "mae", "huber") else 1.0 for t in tasks]
        self.learned = torch.full((self.k,), 1.0 if self.method == "gradnorm" else 0.0, dtype=torch.float64, requires_grad=True)
        self.adam = torch.optim.Adam([self.learned], lr=self.options.get("lr", LEARNED.get(self.method, 0.0)),
                                     weight_decay=self.options.get("decay", 0.001) if self.method == "famo" else 0)
        self.epochs, self.first = [], None

    # ---- factors of the losses ----

    def factors(self, losses, step):
        one = torch.ones(self.k, dtype=torch.float64)
        s = self.learned.detach()
        if self.method == "decayed":
            gamma = self.options["gamma"]
            every = self.options.get("every", "epoch")
            times = len(self.epochs) if every == "epoch" else step // every
            return torch.tensor([(gamma[n] if isinstance(gamma, dict) else gamma) ** times for n in self.names])
        if self.method == "uncertainty":
            return torch.tensor(self.share) * torch.exp(-s)
        if self.method == "dwa" and len(self.epochs) >= 2:
            rates = torch.tensor([a / b for a, b in zip(self.epochs[-1], self.epochs[-2])])
            return self.k * torch.softmax(rates / self.options.get("temperature", 2.0), 0)
        if self.method == "gradnorm":
            return s
        if self.method == "imtl" and self.options.get("scale_losses", True):
            return torch.exp(s)
        if self.method == "famo":
            z = torch.softmax(s, 0)
            d = losses + 1e-8
            return z / d / (z / d).sum()
        return one

    # ---- gradients ----

    def combine(self, g, losses):
        """Coefficients of the rows of g, the tasks' gradients over the shared parameters."""
        g = g.double()
        gram, length = g @ g.T, g.norm(dim=1)
        if self.method == "pcgrad":
            c = torch.eye(2, dtype=torch.float64)  # two tasks: there is one other each, and no order
            for i in range(2):
                if gram[i, 1 - i] < 0:
                    c[i, 1 - i] = -gram[i, 1 - i] / gram[1 - i, 1 - i]
            return c.sum(0)
        if self.method == "mgda":
            by = {"none": torch.ones(2), "norm": length, "loss": losses, "both": length * losses}[self.options.get("normalise", "none")]
            a, b = g[0] / by[0], g[1] / by[1]
            share = (((b - a) @ b) / ((a - b) @ (a - b))).clamp(0, 1)
            return torch.stack([share, 1 - share])
        if self.method == "cagrad":
            mean = g.mean(0)
            radius = self.options.get("c", 0.5) * mean.norm()
            low, high = 0.0, 1.0
            value = lambda x: float((x * g[0] + (1 - x) * g[1]) @ mean + radius * (x * g[0] + (1 - x) * g[1]).norm())
            for _ in range(120):  # a convex function of one share
                third = (high - low) / 3
                if value(low + third) < value(high - third):
                    high -= third
                else:
                    low += third
            w = torch.tensor([low, 1 - low], dtype=torch.float64)
            return 0.5 + radius * w / (w @ g).norm()
        if self.method == "imtl":
            u = g / length[:, None]
            d, du = g[:1] - g[1:], u[:1] - u[1:]
            rest = (g[0] @ du.T) @ torch.linalg.inv(d @ du.T)
            return torch.cat([1 - rest.sum().reshape(1), rest])
        if self.method == "nash":  # x1 = x2 in units of the lengths: x^2 (1 + cos) = 1
            alpha = 1 / torch.sqrt(1 + gram[0, 1] / (length[0] * length[1])) / length * torch.sqrt(gram.norm())
            most = self.options.get("max_norm", 1.0)
            return alpha * min(1.0, most / float((alpha @ g).norm())) if most else alpha
        return torch.ones(self.k, dtype=torch.float64)

    def backward(self, p, losses, step=0):
        """Fill .grad of the parameters."""
        seen = torch.tensor([w * float(l) for w, l in zip(self.weights, losses)], dtype=torch.float64)
        factors = self.factors(seen, step)
        names = [n for n, v in p.items() if v.requires_grad]
        own = [torch.autograd.grad(w * float(f) * l, [p[n] for n in names], retain_graph=True, allow_unused=True)
               for w, f, l in zip(self.weights, factors, losses)]
        several = [sum(g[i] is not None for g in own) > 1 and not n.startswith("embedding.") for i, n in enumerate(names)]
        flat = [torch.cat([(torch.zeros_like(p[n]) if g[i] is None else g[i]).reshape(-1) for i, n in enumerate(names) if several[i]] or [torch.zeros(1)])
                for g in own]
        alpha = self.combine(torch.stack(flat), seen)
        for i, n in enumerate(names):
            parts = [(float(a) if several[i] else 1.0) * g[i] for a, g in zip(alpha, own) if g[i] is not None]
            if parts:
                p[n].grad = sum(parts[1:], parts[0])
        self.learn(factors, seen, torch.stack(flat).double().norm(dim=1))

    # ---- what is learned ----

    def step_with(self, gradient):
        self.adam.zero_grad()
        self.learned.grad = gradient
        self.adam.step()

    def learn(self, factors, losses, lengths):
        if self.method == "uncertainty":
            self.step_with(0.5 - factors * losses)
        elif self.method == "imtl" and self.options.get("scale_losses", True):
            self.step_with(factors * losses - 1)
        elif self.method == "gradnorm":
            self.first = losses if self.first is None else self.first
            rate = losses / self.first
            target = lengths.mean() * (rate / rate.mean()) ** self.options.get("alpha", 1.5)
            self.step_with(torch.sign(lengths - target) * lengths / factors)
            with torch.no_grad():
                self.learned.clamp_(min=1e-3)
                self.learned *= self.k / self.learned.sum()
        self.before = losses

    def look_back(self, again):
        """After the update; `again` gives the losses of the same rows."""
        if self.method != "famo":
            return
        with torch.no_grad():
            later = torch.tensor([w * float(l) for w, l in zip(self.weights, again())], dtype=torch.float64)
        delta = torch.log(self.before + 1e-8) - torch.log(later + 1e-8)
        with torch.enable_grad():
            z = torch.softmax(self.learned, 0)
            gradient, = torch.autograd.grad(z, self.learned, grad_outputs=delta)
        self.step_with(gradient)

    def end_epoch(self, losses):
        self.epochs.append([float(l) for l in losses])
