"""The programs that take turns in run.py, and the quiet of the machine."""
import glob
import json
import os
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TICK = os.sysconf("SC_CLK_TCK")


class Program:
    """A long-lived program that answers a line with a line. `cpus`: the processors it may use."""

    def __init__(self, name, command, cpus, log, environment=None):
        self.name = name
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                                        env={**os.environ, **(environment or {})}, preexec_fn=lambda: os.sched_setaffinity(0, cpus))

    def ask(self, *words):
        try:
            self.process.stdin.write(" ".join(str(w) for w in words) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        return json.loads(line) if line else {"error": "%s ended" % self.name}

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def processors():
    return sorted(os.sched_getaffinity(0))


def busy_seconds():
    """What all processors have worked so far."""
    with open("/proc/stat") as file:
        fields = [int(x) for x in file.readline().split()[1:]]
    user, nice, system, _, _, irq, softirq, steal = fields[:8]
    return (user + nice + system + irq + softirq + steal) / TICK


def wait_for_quiet(limit=2.0):
    """Up to `limit` seconds, until a fifth of a second goes by with under a tenth of a processor used."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        before = busy_seconds()
        time.sleep(0.2)
        if busy_seconds() - before <= 0.02:
            return


def watched(program, *words):
    """An answer, with the share of one processor that others used meanwhile."""
    before, begin = busy_seconds(), time.monotonic()
    answer = program.ask(*words)
    wall = time.monotonic() - begin
    if "cpu" in answer:
        answer["others"] = max(0.0, (busy_seconds() - before - answer["cpu"]) / wall)
    return answer


# ---- which there are ---------------------------------------------------------------------------------------------------------------

DEBIAN = "/usr/bin/python3"
# name, what it is in words, directory of the BLAS under ENV/root, more of the environment
DEBIAN_PEERS = [
    ("debian-openblas", "Debian's PyTorch, OpenBLAS (threads of its own)", "openblas-pthread", {}),
    ("debian-haswell", "Debian's PyTorch, OpenBLAS with its Haswell kernels", "openblas-pthread", {"OPENBLAS_CORETYPE": "Haswell"}),
    ("debian-openmp", "Debian's PyTorch, OpenBLAS (OpenMP)", "openblas-openmp", {}),
    ("debian-blis", "Debian's PyTorch, BLIS", "blis-openmp", {}),
]


def imports(python, modules):
    """Whether a Python has them, without the seconds that importing them takes."""
    command = [python, "-c", "import sys; from importlib.util import find_spec; sys.exit(not all(map(find_spec, %r)))" % (modules,)]
    return os.path.exists(python) and subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0


def torch_peers(env):
    """name -> (title, python, environment) of the PyTorchs that are there."""
    found = {}
    if imports(DEBIAN, ["torch", "numpy"]):
        for name, title, directory, more in DEBIAN_PEERS:
            for path in glob.glob(os.path.join(env, "root/usr/lib/*", directory)):
                found[name] = (title, DEBIAN, {"LD_LIBRARY_PATH": path, **more})
        if not found:
            found["debian"] = ("Debian's PyTorch, the system's BLAS", DEBIAN, {})
    python = os.path.join(env, "venv", "bin", "python")
    if imports(python, ["torch", "numpy"]):
        found["pypi"] = ("PyTorch from PyPI, MKL", python, {})
    return found


def onnx_library(env):
    """ONNX Runtime's shared library in the virtual environment, or None."""
    for directory, _, files in os.walk(os.path.join(env, "venv", "lib")):
        for name in files:
            if name.startswith("libonnxruntime.so"):
                return os.path.join(directory, name)
    return None


def start_torch(name, peer, threads, log):
    title, python, environment = peer
    cpus = processors()
    more = {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads), "BLIS_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads),
            "TORCHINDUCTOR_COMPILE_THREADS": "1"}  # workers for compiling would live on and share the processors
    return Program(name, [python, os.path.join(HERE, "torch_peer.py"), str(threads)], set(cpus[-1:] if threads == 1 else cpus[:threads]), log,
                   {**environment, **more})


def start_ours(build, threads, log):
    cpus = processors()
    return Program("ours", [os.path.join(build, "bench/peers/ours")], set(cpus[-1:] if threads == 1 else cpus[:threads]), log)


def start_onnx(build, library, log):
    return Program("onnx", [os.path.join(build, "bench/peers/ort_peer"), library], set(processors()[-1:]), log)
