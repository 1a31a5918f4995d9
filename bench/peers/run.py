"""Measure Gatewright beside PyTorch and ONNX Runtime, taking turns in one run: python3 run.py ENV --build BUILD --results DIR [--quick].

ENV is a directory that setup.sh made; peers that are not there are left out and named. Each finished part is a JSON file in DIR and is not measured
again, so that a run can be stopped and taken up. report.py makes the page from DIR."""
import argparse
import array
import json
import os
import struct
import subprocess
import sys
import time

import programs

SECTIONS = ["machine", "train1", "train2", "predict", "memory", "census", "embedding"]
LARGE = 1000  # rows of a batch beyond which a step takes long
SAME_VERSION = {"debian-haswell": "debian-openblas", "debian-blis": "debian-openblas", "debian-openmp": "debian-openblas"}


def say(*words):
    print(*words, file=sys.stderr, flush=True)


class Run:
    def __init__(self, arguments):
        self.arguments = arguments
        self.quick, self.env, self.build, self.results = arguments.quick, arguments.env, arguments.build, arguments.results
        self.rounds = 3 if self.quick else 7
        self.seconds = 0.05 if self.quick else 0.25
        os.makedirs(self.results, exist_ok=True)
        self.log = open(os.path.join(self.results, "log.txt"), "a")
        self.torch = programs.torch_peers(self.env)
        self.onnx = programs.onnx_library(self.env)
        wanted = arguments.shapes.split(",") if arguments.shapes else None
        ours = programs.start_ours(self.build, 1, self.log)
        self.shapes = [s for s in ours.ask("shapes") if not wanted or s["name"] in wanted]
        ours.close()

    def path(self, name):
        return os.path.join(self.results, name)

    def part(self, name, work, *words):
        """Do a part unless its result is there."""
        path = self.path(name + ".json")
        if os.path.exists(path):
            return
        say("measuring", name)
        result = work(*words)
        if result is None:
            return
        with open(path + ".new", "w") as file:
            json.dump(result, file, indent=1)
        os.rename(path + ".new", path)

    def read(self, name):
        try:
            with open(self.path(name + ".json")) as file:
                return json.load(file)
        except FileNotFoundError:
            return None

    def dump(self, shape):
        """The files that peers load, anew for each run of the program: the numbers are this build's."""
        path = self.path(shape["name"] + ".shape")
        ours = programs.start_ours(self.build, 1, self.log)
        answer = ours.ask("dump", shape["name"], path + ".safetensors")
        ours.close()
        if "error" in answer:
            raise SystemExit("run.py: %s: %s" % (shape["name"], answer["error"]))
        with open(path + ".json", "w") as file:
            json.dump(shape, file)
        return path

    def forget(self, path):
        for suffix in (".safetensors", ".json"):
            if os.path.exists(path + suffix):
                os.unlink(path + suffix)


# ---- taking turns ------------------------------------------------------------------------------------------------------------------

def time_of(answer, clock):
    return answer[clock] / answer["n"]


def take_turns(entries, rounds, quiet):
    """entries: [(label, program, words)]. label -> answers, one per round; those that fail are left out and named."""
    answers = {label: [] for label, _, _ in entries}
    for _ in range(rounds):
        for label, program, words in entries:
            if label in answers:
                if quiet:
                    programs.wait_for_quiet()
                answer = programs.watched(program, *words)
                if "error" in answer:
                    say("  %s: %s" % (label, answer["error"]))
                    del answers[label]
                else:
                    answers[label].append(answer)
    return answers


def show(answers, clock):
    for label, found in answers.items():
        times = sorted(time_of(a, clock) for a in found)
        ratios = sorted(time_of(a, clock) / time_of(b, clock) for a, b in zip(found, answers["ours"]))
        say("  %-42s %12.1f us  %6.2fx" % (label, times[len(times) // 2] * 1e6, ratios[len(ratios) // 2]))


# ---- training ------------------------------------------------------------------------------------------------------------------------

def screen(run, peers):
    """The variants of each version of PyTorch from the fastest, but for those as written, which are measured in any case."""
    order = {}
    for name, peer in peers.items():
        if SAME_VERSION.get(name) in peers:
            continue
        found = []
        for variant in peer.ask("variants").get("variants", []):
            answer = peer.ask("train", variant, 0.1)
            if "error" in answer:
                say("  %s %s: %s" % (name, variant, answer["error"]))
            elif not variant.startswith("plain."):
                found.append((min(time_of(answer, "cpu"), time_of(peer.ask("train", variant, 0.1), "cpu")), variant))
        order[name] = [variant for _, variant in sorted(found)]
    return {name: order[SAME_VERSION.get(name) if SAME_VERSION.get(name) in peers else name] for name in peers}


def best_of_each(variants):
    """The fastest of those that are traced, compiled, and neither: the screening is too short to choose between them."""
    found = {}
    for variant in variants:
        found.setdefault(variant.partition(".")[0], variant)
    return list(found.values())


def agreed(run, shape, peer, variant, steps):
    """Whether outputs and losses are the same network's. Rounding grows from step to step, so the last of them are allowed more."""
    answer = peer.ask("agree", variant, steps)
    good = answer.get("outputs", 1) < 1e-5 and answer.get("first_losses", 1) < 1e-4 and answer.get("losses", 1) < 1e-2
    if not good:
        say("  %s %s does not agree and is not timed: %s" % (peer.name, variant, answer))
    return answer if good else None


def train1(run, shape):
    path = run.dump(shape)
    peers = {name: programs.start_torch(name, peer, 1, run.log) for name, peer in run.torch.items() if name != "debian-openmp"}
    ours = programs.start_ours(run.build, 1, run.log)
    for peer in peers.values():
        peer.ask("load", path)
    order = screen(run, peers)
    entries, agreement = [("ours", ours, ("train", shape["name"], 1, run.seconds))], {}
    written = ["plain.eager"] + (["plain.eager-once"] if shape["model"]["architecture"] == "cgc" else [])
    for name, peer in peers.items():
        first = SAME_VERSION.get(name) not in peers
        steps = (20 if shape["batch"] <= LARGE else 10) if first else 2
        for variant in written + (best_of_each(order[name]) if first else order[name][:1]):
            label = name + " " + variant
            agreement[label] = agreed(run, shape, peer, variant, steps)
            if agreement[label]:
                entries.append((label, peer, ("train", variant, run.seconds)))
    answers = take_turns(entries, run.rounds, False)
    show(answers, "cpu")
    for program in [ours] + list(peers.values()):
        program.close()
    run.forget(path)
    return {"shape": shape, "agreement": agreement, "order": order, "answers": answers}


def train2(run, shape):
    """Two threads, wall time; the peers only where a second thread can help them."""
    if len(programs.processors()) < 2:
        say("  left out: one processor")
        return None
    one, two = programs.start_ours(run.build, 1, run.log), programs.start_ours(run.build, 2, run.log)
    entries = [("ours", two, ("train", shape["name"], 2, run.seconds)), ("ours, 1 thread", one, ("train", shape["name"], 1, run.seconds))]
    peers, path = {}, run.dump(shape)
    if shape["batch"] > LARGE:
        known = (run.read("train1-" + shape["name"]) or {}).get("order", {})
        peers = {name: programs.start_torch(name, peer, 2, run.log) for name, peer in run.torch.items() if name != "debian-haswell"}
        for name, peer in peers.items():
            peer.ask("load", path)
            best = known.get(name) or known.get("debian-openblas") or []
            for variant in ["plain.eager"] + best[:1]:
                entries.append((name + " " + variant, peer, ("train", variant, run.seconds)))
    answers = take_turns(entries, run.rounds, True)
    show(answers, "wall")
    for program in [one, two] + list(peers.values()):
        program.close()
    run.forget(path)
    return {"shape": shape, "answers": answers}


# ---- prediction ----------------------------------------------------------------------------------------------------------------------

def stored(path, name):
    with open(path + ".safetensors", "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        begin, end = header[name]["data_offsets"]
        file.seek(begin, 1)
        return array.array("f", file.read(end - begin))


def export(run, shape, exporters, rows):
    """ONNX files of the same network: written down in several ways, because the runtime does not make them equal."""
    files = []
    for peer in exporters:
        for kind in ("eager-expand", "eager-matmul", "vec-bmm", "vec-sum"):
            path = run.path("%s-%d-%s-%s.onnx" % (shape["name"], rows, peer.name, kind))
            answer = peer.ask("export", kind, rows, path)
            if "error" in answer:
                say("  %s %s: %s" % (peer.name, kind, answer["error"]))
            else:
                files.append((kind, path))
        if files:
            return files
    return files


def worst(found, expected):
    size = max(abs(x) for x in expected)
    return max(abs(a - b) / max(abs(b), 0.1 * size) for a, b in zip(found, expected))


def onnx_programs(run, shape, path, rows, exporters):
    """A program for each of the two fastest files that agree: [(label, program, words)], and all programs."""
    inputs, outputs = stored(path, "inputs"), stored(path, "outputs")
    width, tasks, name = shape["width"], shape["tasks"], run.path("inputs.bin")
    n = rows * width
    repeated = inputs * (n // len(inputs) + 1)
    with open(name, "wb") as file:
        repeated[:n].tofile(file)
    found, everyone = [], []
    for kind, model in export(run, shape, exporters, rows):
        program = programs.start_onnx(run.build, run.onnx, run.log)
        everyone.append(program)
        answer = program.ask("load", model, rows, width, tasks, name)
        got = program.ask("outputs") if "error" not in answer else answer
        if "error" in got or worst(got["outputs"], outputs) > 1e-5:
            say("  ONNX Runtime, %s: not timed: %s" % (kind, got.get("error", "outputs do not agree")))
            continue
        found.append((min(time_of(program.ask("predict", 0.03), "cpu") for _ in range(3)), "onnx " + kind, program))
    os.unlink(name)
    return [(label, program, ("predict", run.seconds / 2)) for _, label, program in sorted(found, key=lambda f: f[0])[:2]], everyone


def predict(run, shape, rows):
    path = run.dump(shape)
    torch = {name: programs.start_torch(name, run.torch[name], 1, run.log) for name in ("debian-openblas", "debian", "pypi") if name in run.torch}
    ours = programs.start_ours(run.build, 1, run.log)
    everyone = [ours] + list(torch.values())
    for peer in torch.values():
        peer.ask("load", path)
    entries = [("ours", ours, ("predict", shape["name"], rows, run.seconds / 2))]
    if run.onnx:
        found, more = onnx_programs(run, shape, path, rows, torch.values())
        entries += found
        everyone += more
    fast = list(torch.values())[-1:]
    entries += [(peer.name + " " + variant, peer, ("predict", variant, rows, run.seconds / 2)) for peer in fast for variant in ("plain.eager", "trace.vec-bmm")]
    answers = take_turns(entries, run.rounds, False)
    show(answers, "cpu")
    for program in everyone:
        program.close()
    run.forget(path)
    for name in os.listdir(run.results):
        if name.endswith(".onnx") or name.endswith(".onnx.data"):
            os.unlink(run.path(name))
    return {"shape": shape, "rows": rows, "answers": answers}


# ---- memory, census, embeddings, machine ---------------------------------------------------------------------------------------------

def memory(run, shape):
    """Largest resident size of a process that only trains, one thread."""
    path, found = run.dump(shape), {}
    ours = programs.start_ours(run.build, 1, run.log)
    ours.ask("train", shape["name"], 1, 0.1)
    found["ours"] = {"all": ours.ask("memory")["max_rss"]}
    ours.close()
    for name in ("debian-openblas", "debian", "pypi"):
        if name in run.torch:
            peer = programs.start_torch(name, run.torch[name], 1, run.log)
            begin = peer.ask("memory")["max_rss"]
            peer.ask("load", path)
            peer.ask("train", "plain.eager", 0.1)
            found[name] = {"import": begin, "all": peer.ask("memory")["max_rss"]}
            peer.close()
    run.forget(path)
    return {"shape": shape, "found": found}


def whole(command, environment=None):
    """Wall and processor seconds of a program, and the largest of its sizes."""
    begin = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={**os.environ, **(environment or {})})
    error = process.stderr.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - begin
    if status:
        return {"error": error[-400:]}
    return {"n": 1, "wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "max_rss": usage.ru_maxrss * 1024}


def census(run):
    root = os.path.abspath(os.path.join(programs.HERE, "../.."))
    data = os.path.abspath(run.arguments.census or os.path.join(root, "data/census-income"))
    python = os.path.join(run.env, "venv", "bin", "python")
    if not os.path.exists(os.path.join(data, "train.csv.xz")):
        say("  left out: the census data is not there (data/get.sh census-income)")
        return None
    if not programs.imports(python, ["torch", "pandas"]):
        say("  left out: no PyTorch with pandas in the environment")
        return None
    epochs = 2 if run.quick else 20
    ours = [os.path.join(run.build, "gatewright"), "train", os.path.join(root, "examples/census-income.yaml"), "--threads", "2", "-o", run.path("census.gw"),
            "--set", "data.train=%s/train.csv.xz" % data, "--set", "data.header=%s/columns.txt" % data, "--set", "data.test=[]",
            "--set", "data.valid={fraction: 0.05}", "--set", "train.epochs=%d" % epochs]
    script = [python, os.path.join(programs.HERE, "census_torch.py"), data, str(epochs), "2"]
    commands = [("ours", ours), ("as written", script + ["eager"]), ("vectorised", script + ["vectorised"])]
    answers = {label: [] for label, _ in commands}
    for _ in range(1 if run.quick else 3):
        for label, command in commands:
            programs.wait_for_quiet(10)
            answer = whole(command)
            if "error" in answer:
                say("  %s: %s" % (label, answer["error"]))
                return None
            answers[label].append(answer)
            say("  %-12s %7.1f s  (%.1f s of processors)" % (label, answer["wall"], answer["cpu"]))
    return {"epochs": epochs, "answers": answers}


def embedding(run):
    program = os.path.join(run.build, "bench/embedding_bench")
    if not os.path.exists(program):
        say("  left out: bench/embedding_bench is not built")
        return None
    done = subprocess.run([program], stdout=subprocess.PIPE, text=True)
    return {"output": done.stdout} if done.returncode == 0 else None


def first_line(command):
    try:
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout.splitlines()[0]
    except (OSError, IndexError):
        return None


def machine(run):
    """What the figures depend on; no names of hosts, no paths."""
    cpu = {}
    with open("/proc/cpuinfo") as file:
        for line in file:
            key, _, value = line.partition(":")
            cpu.setdefault(key.strip(), value.strip())
    with open("/proc/meminfo") as file:
        total = int(file.readline().split()[1]) * 1024
    caches = {}
    for index in range(4):
        try:
            base = "/sys/devices/system/cpu/cpu0/cache/index%d/" % index
            caches["L%s %s" % (open(base + "level").read().strip(), open(base + "type").read().strip())] = open(base + "size").read().strip()
        except OSError:
            pass
    peers = {}
    for name, peer in run.torch.items():
        program = programs.start_torch(name, peer, 1, run.log)
        peers[name] = {"title": peer[0], **program.ask("about")}
        peers[name]["blas"] = os.path.basename(peers[name].get("blas", ""))
        program.close()
    flags = cpu.get("flags", "").split()
    system = next((line.split("=")[1].strip().strip('"') for line in open("/etc/os-release") if line.startswith("PRETTY_NAME")), "")
    return {"cpu": cpu.get("model name"), "family": cpu.get("cpu family"), "model": cpu.get("model"), "processors": len(programs.processors()),
            "memory": total, "caches": caches, "flags": [f for f in ("avx2", "fma", "avx512f", "asimd") if f in flags], "system": system,
            "compiler": first_line([os.environ.get("CC", "gcc"), "--version"]),
            "commit": first_line(["git", "-C", programs.HERE, "rev-parse", "--short", "HEAD"]),
            "peers": peers, "onnx": os.path.basename(run.onnx).partition(".so.")[2] if run.onnx else None, "quick": run.quick}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("env", help="the directory that setup.sh made")
    parser.add_argument("--build", required=True, help="a release build of Gatewright, with bench/peers/ours and bench/peers/ort_peer")
    parser.add_argument("--results", required=True, help="a directory for the measurements")
    parser.add_argument("--shapes", help="only these, separated by commas")
    parser.add_argument("--sections", default=",".join(SECTIONS), help="only these of " + ",".join(SECTIONS))
    parser.add_argument("--census", help="the directory of the census data")
    parser.add_argument("--quick", action="store_true", help="few and short rounds: does everything work?")
    run = Run(parser.parse_args())
    sections = run.arguments.sections.split(",")
    if not run.torch:
        say("no PyTorch was found: its rows are left out")
    if not run.onnx:
        say("no ONNX Runtime was found: its rows are left out")
    if "machine" in sections:
        run.part("machine", machine, run)
    for name, work in (("train1", train1), ("train2", train2)):
        for shape in run.shapes if name in sections else []:
            run.part("%s-%s" % (name, shape["name"]), work, run, shape)
    for shape in run.shapes if "predict" in sections else []:
        for rows in (1, 32, 1024):
            run.part("predict-%s-%d" % (shape["name"], rows), predict, run, shape, rows)
    for shape in run.shapes if "memory" in sections else []:
        if shape["name"].startswith("recommender-mmoe"):
            run.part("memory", memory, run, shape)
    for name, work in (("census", census), ("embedding", embedding)):
        if name in sections:
            run.part(name, work, run)


main()
