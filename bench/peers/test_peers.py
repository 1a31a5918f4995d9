"""The comparison with the peers, as far as it goes without them: Gatewright's side speaks its lines, the driver takes turns, the page is made.

test_peers.py OURS SOURCE ORT_PEER BUILD, as the other test programs are called: the first argument is what `run` runs."""
import array
import json
import math
import os
import struct
import subprocess
import sys

from cli_tap import SOURCE, check, main, read, run, same, write

ORT_PEER, BUILD = os.path.abspath(sys.argv[3]), os.path.abspath(sys.argv[4])
PEERS = os.path.join(SOURCE, "bench", "peers")


def ask(*lines):
    outcome = run(stdin="".join(line + "\n" for line in lines).encode())
    check(outcome.code == 0 and outcome.orderly, "ends in order", outcome)
    return [json.loads(line) for line in outcome.out.splitlines()]


def tensors(name):
    content = read(name)
    n = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8:8 + n])
    kinds = {"F32": "f", "F64": "d"}
    return {key: (t["shape"], array.array(kinds[t["dtype"]], content[8 + n:][slice(*t["data_offsets"])])) for key, t in header.items() if key != "__metadata__"}


def dumps():
    shapes, first, second = ask("shapes", "dump article-mmoe a.st", "dump article-mmoe b.st")
    same((first, second), ({}, {}), "dumps are answered")
    shape = next(s for s in shapes if s["name"] == "article-mmoe")
    same((shape["width"], shape["tasks"], shape["batch"], shape["model"]["experts"]["count"]), (10, 2, 1000, 4), "a shape says what it is")
    check(read("a.st") == read("b.st"), "a dump is a function of the shape")
    found = tensors("a.st")
    same(found["level0.expert.shared.3.0.weight"][0], [16, 10], "parameters are [out,in]")
    rows = shape["batch"] * shape["batches"]
    same([found[k][0] for k in ("inputs", "labels", "outputs")], [[rows, 10], [rows, 2], [1000, 2]], "inputs, labels and outputs have their sizes")
    agree(found)


def agree(found):
    """The first row through the network by hand."""
    def layer(name, x):
        (n_out, n_in), weight = found[name + ".weight"]
        bias = found[name + ".bias"][1]
        return [bias[o] + sum(weight[o * n_in + i] * x[i] for i in range(n_in)) for o in range(n_out)]

    x = found["inputs"][1][:10]
    experts = [[max(0, z) for z in layer("level0.expert.shared.%d.0" % e, x)] for e in range(4)]
    for t in range(2):
        logits = [math.exp(z) for z in layer("level0.gate.task%d.0" % t, x)]
        mixed = [sum(g / sum(logits) * e[h] for g, e in zip(logits, experts)) for h in range(16)]
        expected, got = layer("tower.task%d.0" % t, mixed)[0], found["outputs"][1][t]
        check(abs(expected - got) < 1e-5, "the output of a task is the network's", (expected, got))
    losses = found["losses"][1]
    check(len(losses) == 20 and losses[-1] < losses[0], "twenty losses, and they fall", losses)


def measures():
    trained, predicted, small, memory = ask("train article-mmoe 1 0.01", "predict article-mmoe 1000 0.01", "predict article-mmoe 1 0.01", "memory")
    for answer in (trained, predicted, small):
        check(answer["n"] >= 1 and answer["wall"] >= 0.01 and answer["cpu"] >= 0, "repeats for as long as was asked", answer)
    check(memory["max_rss"] > 1 << 20, "says how large it is", memory)


def refusals():
    for line, part in (("what", "what"), ("", "''"), ("train nothing 1 1", "nothing"), ("train article-mmoe 1", "expected 4 words"),
                       ("train article-mmoe 0 1", "'0'"), ("predict article-mmoe 1 x", "'x'"), ("dump article-mmoe /nowhere/a.st", "/nowhere")):
        (answer,) = ask(line)
        check(part in answer.get("error", ""), "refuses '%s'" % line, answer)
    done = subprocess.run([ORT_PEER, "/nowhere.so"], input=b"outputs\n", stdout=subprocess.PIPE)
    check("nowhere" in json.loads(done.stdout)["error"], "without its library the runtime's side says so", done.stdout)


def turns():
    command = [sys.executable, os.path.join(PEERS, "run.py"), "none", "--build", BUILD, "--results", "results", "--quick", "--shapes", "article-mmoe",
               "--sections", "machine,train2"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    same(done.returncode, 0, "the driver runs without peers")
    if len(os.sched_getaffinity(0)) > 1:
        answers = json.loads(read("results/train2-article-mmoe.json"))["answers"]
        same(sorted((k, len(v)) for k, v in answers.items()), [("ours", 3), ("ours, 1 thread", 3)], "a round has an answer of each")
    write("results/machine.json", read("results/machine.json").replace(b'"quick": true', b'"quick": "kept"'))
    subprocess.run(command, stderr=subprocess.DEVNULL, check=True)
    check(b'"kept"' in read("results/machine.json"), "what is measured is not measured again")


def page():
    os.makedirs("sample", exist_ok=True)
    answers = {"ours": [1.0, 2.0, 1.0], "debian plain.eager": [20.0, 60.0, 22.0], "debian trace.vec-bmm": [9.0, 18.0, 10.0]}
    result = {"shape": {"name": "paper-128"}, "order": {}, "agreement": {"debian plain.eager": {"outputs": 1e-7, "losses": 2e-6}},
              "answers": {k: [{"n": 1000, "cpu": t, "wall": 2 * t, "others": 0} for t in v] for k, v in answers.items()}}
    write("sample/train1-paper-128.json", json.dumps(result))
    make = [sys.executable, os.path.join(PEERS, "report.py"), "sample", "--out", "page.md"]
    same(subprocess.run(make).returncode, 0, "the page is made")
    text = read("page.md").decode()
    check("| paper MMoE, batch 128 | debian: as written | **22.0x** | [20.0x] | 20.0x–30.0x | >= 18x | 22 ms | 1 ms |" in text, "ratios are medians of rounds", text)
    check("fastest: debian: vectorised, mixed by products, traced | **9.00x** | [9.00x]" in text, "the fastest is found", text)
    write("page.md", text.replace("Nothing has been written yet about rows that fall short of their goals.", "By hand."))
    subprocess.run(make, check=True)
    check("By hand." in read("page.md").decode(), "what was written by hand is kept")


main(dumps, measures, refusals, turns, page)
