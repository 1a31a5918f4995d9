"""PyTorch's side of the comparison (run.py): lives as long as the run, one command a line, one line of JSON for each.
    about                         versions and settings
    load FILE                     FILE.json and FILE.safetensors: the shape and what `ours dump` wrote
    variants                      the names of what can be trained
    agree VARIANT STEPS           largest relative differences of outputs, and of the losses of so many steps (and of the first half of them)
    train VARIANT SECONDS         repeat training steps for about so long
    predict VARIANT ROWS SECONDS  repeat predictions
    export KIND ROWS FILE         an ONNX model with inputs of fixed size
    memory                        largest resident size so far, in bytes
The number of threads is the argument of the program."""
import json
import os
import resource
import struct
import sys
import time

answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what libraries print is no answer

import numpy as np
import torch
import torch.nn.functional as F

import networks

VERSION = tuple(int(x) for x in torch.__version__.split(".")[:2])


def read_safetensors(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = file.read()
    kinds = {"F32": np.float32, "F64": np.float64}
    return {name: torch.from_numpy(np.frombuffer(data[t["data_offsets"][0]:t["data_offsets"][1]], kinds[t["dtype"]]).reshape(t["shape"]).copy())
            for name, t in header.items() if name != "__metadata__"}


class Subject:
    """A variant of a network with its optimizer: HOW.KIND, where KIND is one of networks.build and HOW is
    plain (Adam as one calls it), fast (the fastest Adam of this version), trace or compile (with the fast Adam)."""

    def __init__(self, peer, variant):
        how, kind = variant.split(".")
        self.peer, self.next = peer, 0
        self.model = networks.build(peer.shape, peer.tensors, kind)
        fast = {"fused": True} if VERSION >= (2, 4) else {"foreach": True}
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3, **({} if how == "plain" else fast))
        self.forward = self.model
        if how == "trace":
            self.forward = torch.jit.trace(self.model, peer.batches[0][0])
        elif how == "compile":
            self.forward = torch.compile(self.model)
        # The articles end in a sigmoid; those who tune take the loss of logits.
        self.sigmoid = how == "plain" and kind.startswith("eager")

    def loss(self, outputs, labels):
        total = 0
        for t in range(self.peer.shape["tasks"]):
            if not self.peer.shape["binary"]:
                total = total + F.mse_loss(outputs[:, t], labels[t])
            elif self.sigmoid:
                total = total + F.binary_cross_entropy(torch.sigmoid(outputs[:, t]), labels[t])
            else:
                total = total + F.binary_cross_entropy_with_logits(outputs[:, t], labels[t])
        return total

    def step(self):
        inputs, labels = self.peer.batches[self.next]
        self.next = (self.next + 1) % len(self.peer.batches)
        self.optimizer.zero_grad()
        loss = self.loss(self.forward(inputs), labels)
        loss.backward()
        self.optimizer.step()
        return loss.item()


class Predictor(torch.nn.Module):
    def __init__(self, peer, kind):
        super().__init__()
        self.model = networks.build(peer.shape, peer.tensors, kind).eval()
        self.binary = peer.shape["binary"]

    def forward(self, x):
        outputs = self.model(x)
        return torch.sigmoid(outputs) if self.binary else outputs


class Scoring:
    def __init__(self, peer, variant, rows):
        how, kind = variant.split(".")
        self.inputs = peer.rows(rows)
        self.call = Predictor(peer, kind)
        with torch.no_grad():
            if how == "trace":
                self.call = torch.jit.freeze(torch.jit.trace(self.call, self.inputs).eval())
            elif how == "compile":
                self.call = torch.compile(self.call)
            for _ in range(5):
                self.call(self.inputs)

    def score(self):
        return self.call(self.inputs)


def repeat(work, seconds):
    cpu, begin, n, burst, wall = time.process_time(), time.perf_counter(), 0, 1, 0
    while wall < seconds:
        for _ in range(burst):
            work()
        n += burst
        wall = time.perf_counter() - begin
        burst = max(1, min(2 * n, int((seconds - wall) / (wall / n))))
    return {"n": n, "cpu": time.process_time() - cpu, "wall": wall}


def difference(a, b):
    """Largest difference relative to what is expected, element by element, with a floor of a tenth of the largest."""
    return float(((a - b).abs() / b.abs().clamp(min=0.1 * float(b.abs().max()))).max())


class Peer:
    def __init__(self):
        self.shape, self.subjects = None, {}

    def about(self):
        return {"torch": torch.__version__, "python": sys.version.split()[0], "threads": torch.get_num_threads(),
                "blas": "MKL" if torch.backends.mkl.is_available() else os.path.realpath(blas_file()),
                "compile": hasattr(torch, "compile")}

    def load(self, path):
        with open(path + ".json") as file:
            self.shape = json.load(file)
        self.tensors = read_safetensors(path + ".safetensors")
        self.subjects = {}
        inputs, labels = self.tensors["inputs"], self.tensors["labels"]
        size, tasks = self.shape["batch"], self.shape["tasks"]
        self.batches = [(inputs[i * size:(i + 1) * size].contiguous(), [labels[i * size:(i + 1) * size, t].contiguous() for t in range(tasks)])
                        for i in range(self.shape["batches"])]
        return {}

    def rows(self, n):
        inputs = self.tensors["inputs"]
        return inputs[torch.arange(n) % inputs.size(0)].contiguous()

    def variants(self):
        kinds = {"fast": ["eager-matmul", "vec-bmm", "vec-sum"], "trace": ["eager-expand", "vec-bmm", "vec-sum"],
                 "compile": ["eager-expand", "vec-bmm", "vec-sum"] if hasattr(torch, "compile") else []}
        once = ["plain.eager-once"] if self.shape["model"]["architecture"] == "cgc" else []
        return {"variants": ["plain.eager"] + once + [how + "." + kind for how in kinds for kind in kinds[how]]}

    def subject(self, variant):
        if variant not in self.subjects:
            self.subjects[variant] = Subject(self, variant)
            for _ in range(2 if self.shape["batch"] > 1000 else 5):
                self.subjects[variant].step()
        return self.subjects[variant]

    def agree(self, variant, steps):
        subject = Subject(self, variant)
        with torch.no_grad():
            outputs = subject.model(self.batches[0][0])
            outputs = torch.sigmoid(outputs) if self.shape["binary"] else outputs
        expected = self.tensors["losses"].view(-1)[:int(steps)]
        losses = torch.tensor([subject.step() for _ in range(expected.numel())], dtype=torch.float64)
        half = expected.numel() // 2
        return {"outputs": difference(outputs, self.tensors["outputs"]), "first_losses": difference(losses[:half], expected[:half]),
                "losses": difference(losses, expected)}

    def train(self, variant, seconds):
        return repeat(self.subject(variant).step, float(seconds))

    def predict(self, variant, rows, seconds):
        key = (variant, int(rows))
        with torch.no_grad():
            if key not in self.subjects:
                self.subjects[key] = Scoring(self, variant, int(rows))
            return repeat(self.subjects[key].score, float(seconds))

    def export(self, kind, rows, path):
        model, inputs = Predictor(self, kind), self.rows(int(rows))
        options = {"dynamo": False} if VERSION >= (2, 5) else {}
        torch.onnx.export(model, (inputs,), path, input_names=["x"], output_names=["y"], opset_version=15, **options)
        return {}

    def memory(self):
        return {"max_rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}


def blas_file():
    with open("/proc/self/maps") as file:
        found = [line.split()[-1] for line in file if "blas" in line.rsplit("/", 1)[-1] or "blis" in line.rsplit("/", 1)[-1]]
    return next((f for f in found if "openblasp" in f or "blis" in f), found[0] if found else "")


def main():
    torch.set_num_threads(int(sys.argv[1]))
    torch.set_num_interop_threads(1)
    peer = Peer()
    commands = {name: getattr(peer, name) for name in ("about", "load", "variants", "agree", "train", "predict", "export", "memory")}
    for line in sys.stdin:
        words = line.split()
        try:
            answer = commands[words[0]](*words[1:])
        except Exception as error:  # whatever a version of PyTorch cannot do is one result less, not the end of the run
            answer = {"error": "%s: %s" % (type(error).__name__, (str(error).strip().splitlines() or [""])[0][:300])}
        print(json.dumps(answer), file=answers, flush=True)


main()
