"""Which parity cases there are: the committed ones, each for something that could go wrong, and random ones."""
import copy

from parity_reference import ACTIVATIONS

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


def transfer_cases():
    """Architectures whose tasks see each other's experts."""
    yield "adatt-sp", spec_of("adatt-sp", TWO, {"per_task": 2, "hidden": [[9], [6]]}), dict(rows=33, numbers=7)
    yield "adatt-sp-1", spec_of("adatt-sp", MIXED, {"per_task": {"click": 1, "watch": 3, "kind": 2}, "hidden": [7]}, levels=1), dict(rows=35, numbers=7)
    yield "adatt", spec_of("adatt", TWO, {"shared": 2, "per_task": {"click": 1, "watch": 2}, "hidden": [9, 6]}), dict(rows=33, numbers=7)
    yield "adatt-3", spec_of("adatt", MIXED, {"shared": 1, "per_task": 1, "hidden": [6]}, levels=3, gates={"hidden": [5]}), dict(rows=33, numbers=5)
    yield "cross-stitch", spec_of("cross-stitch", TWO, {"hidden": [9, 6]}), dict(rows=33, numbers=7)
    yield "cross-stitch-3", spec_of("cross-stitch", MIXED, {"hidden": [[8, 7], [6], [5]], "activation": "tanh"}), dict(rows=35, numbers=7)


def penalty_cases():
    """Architectures that add to the objective."""
    strong = {"lambda": 0.05, "beta": 0.5, "gamma": -0.2, "zeta": 1.3}
    yield "snr-aver", spec_of("snr-aver", TWO, {"count": 3, "hidden": [9]}), dict(rows=33, numbers=7)
    yield "snr-trans", spec_of("snr-trans", MIXED, {"count": 3, "hidden": [[8], [6]]}, connections=strong, train={"seed": 5}), dict(rows=35, numbers=7)
    yield "snr-trans-3", spec_of("snr-trans", TWO, {"count": 2, "hidden": [5], "activation": "tanh"}, levels=3), dict(rows=33, numbers=5)
    yield "l2-constrained", spec_of("l2-constrained", MIXED, {"hidden": [9, 7]}, alpha=0.02), dict(rows=33, numbers=7)
    yield "l2-constrained-norm", spec_of("l2-constrained", TWO, {"hidden": [9], "norm": "layer"}, alpha=0.1, towers={"hidden": [6, 5]}), dict(rows=35, numbers=5)


def local_cases():
    """Experts that predict, by error function and type of task."""
    tasks = {"mixture": {"watch": {"type": "regression"}}, "competitive": {"kind": {"type": "multiclass", "_classes": 4}},
             "cooperative": {"click": {"type": "binary", "positive_weight": 2.0}}}
    for error, task in tasks.items():
        yield "local-" + error, spec_of("local-experts", task, {"count": 4, "hidden": [7]}, error=error), dict(rows=45, numbers=6, unlabelled=0.1)
    yield "local-classes", spec_of("local-experts", tasks["competitive"], {"count": 3, "hidden": []}, gates={"hidden": [5]}), dict(rows=45, numbers=2)
    yield "local-click", spec_of("local-experts", tasks["cooperative"], {"count": 3, "hidden": [6], "activation": "tanh"}), dict(rows=45, numbers=6)


def variant_cases():
    """What different programs call PLE."""
    for name in ("raw-gates", "shared-only", "no-shared-gate"):
        yield "ple-" + name, spec_of("ple", TWO, {"shared": 2, "per_task": {"click": 1, "watch": 2}, "hidden": [8, 6]}, levels=3, ple=name), \
            dict(rows=33, numbers=7)


def part_cases():
    for act in ACTIVATIONS:
        yield "act-" + act, spec_of("cgc", TWO, {"shared": 1, "per_task": 1, "hidden": [9, 5], "activation": act},
                                    gates={"hidden": [5], "activation": act}, towers={"hidden": [7], "activation": act}), \
            dict(rows=33, numbers=5)
    for norm in ("layer", "batch"):  # sgd: Adam makes steps of rounding errors where a bias before a normalisation has gradient 0
        yield "norm-" + norm, spec_of("mmoe", TWO, {"count": 3, "hidden": [9, 5], "norm": norm}, towers={"hidden": [7, 5], "norm": norm},
                                      optimizer={"name": "sgd", "lr": 0.02}), dict(rows=46, numbers=7)
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
    rowwise = {"name": "adam", "lr": 0.01, "embeddings": {"name": "rowwise-adagrad", "lr": 0.05}}
    yield "embedding-rowwise", with_columns(spec_of("mmoe", TWO, {"count": 3, "hidden": [9]}, optimizer=rowwise), cats), dict(data, seed=[7, 40])


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
        "clip-both-l2": {"clip": {"value": 0.1, "norm": 0.3}, "l2": 0.1},  # l2 is clipped, too; the value comes first
    }
    for name, t in trains.items():
        o = {"name": "sgd", "lr": 0.1} if name.startswith("clip") else None
        yield "train-" + name, spec_of("mmoe", TWO, small, optimizer=o, train=t), dict(rows=33, numbers=5)


def balance_cases():
    """Weighted tasks of very different losses, a table among the inputs, and an architecture with parameters of each task's own."""
    balances = {
        "decayed": {"method": "decayed", "gamma": {"click": 1, "watch": 0.8}}, "decayed-steps": {"method": "decayed", "gamma": 0.9, "every": 3},
        "uncertainty": {"method": "uncertainty", "lr": 0.02}, "dwa": {"method": "dwa", "temperature": 0.5}, "gradnorm": {"method": "gradnorm", "alpha": 0.8},
        "pcgrad": {"method": "pcgrad"}, "mgda": {"method": "mgda"}, "mgda-both": {"method": "mgda", "normalise": "both"},
        "cagrad": {"method": "cagrad", "c": 0.4}, "imtl": {"method": "imtl"}, "imtl-g": {"method": "imtl", "scale_losses": False},
        "nash": {"method": "nash"}, "famo": {"method": "famo"},
    }
    for name, balance in balances.items():
        tasks = copy.deepcopy(MIXED if name.startswith("imtl") or name == "uncertainty" else TWO)
        tasks["watch"]["weight"] = 2.5
        arch = {"architecture": "shared-bottom", "experts": {"hidden": [9]}} if name == "nash" else \
            {"architecture": "ple" if name == "pcgrad" else "cgc", "experts": {"shared": 2, "per_task": 1, "hidden": [7]}}
        s = spec_of(arch["architecture"], tasks, arch["experts"], train={"balance": balance})
        yield "balance-" + name, with_columns(s, {"city": {"type": "categorical", "dim": 3, "min_count": 1}}), \
            dict(rows=45, numbers=5, categories={"city": 6})


def type_cases():
    types = {"count": {"type": "count"}, "rank": {"type": "ordinal", "_classes": 5, "classes": ["c0", "c1", "c2", "c3", "c4"]},
             "range": {"type": "quantile", "quantiles": [0.1, 0.5, 0.9]}, "spent": {"type": "regression", "loss": "ziln"},
             "click": {"type": "binary", "loss": "focal", "focal_gamma": 1.5, "focal_alpha": 0.3}}
    yield "types", spec_of("mmoe", types, {"count": 3, "hidden": [9]}), dict(rows=53, numbers=7, unlabelled=0.1)
    small = {"rank": {"type": "ordinal", "_classes": 2, "classes": ["c0", "c1"]}, "level": {"type": "quantile", "activation": "sigmoid"},
             "click": {"type": "binary", "loss": "focal"}, "more": {"type": "ordinal", "_classes": 3, "classes": ["c0", "c1", "c2"], "row_weight": "rw"}}
    s = with_columns(spec_of("ple", small, {"shared": 1, "per_task": 1, "hidden": [7]}), {}, ["rw"])
    s["_row_weight"] = True
    yield "types-small", s, dict(rows=53, numbers=5)
    for name, task in types.items():
        yield "type-" + name, spec_of("single-task", {name: task}, {"hidden": [9]}, optimizer={"name": "sgd", "lr": 0.02}, towers={"hidden": []}), \
            dict(rows=53, numbers=7)


def chain_cases():
    esmm = {"click": {"type": "binary"}, "convert": {"type": "binary", "given": "click", "weight": 0}, "buy": {"type": "binary", "chain": ["click", "convert"]}}
    yield "chain-esmm", spec_of("mmoe", esmm, {"count": 3, "hidden": [9]}), dict(rows=53, numbers=7, unlabelled=0.1)
    esm2 = {"buy": {"type": "binary", "chain": [["cart", "after_cart"], ["click", "not carted", "otherwise"]], "weight": 0.5},
            "click": {"type": "binary", "positive_weight": 2.0}, "carted": {"type": "binary", "weight": 0},
            "after_cart": {"type": "binary", "weight": 0}, "otherwise": {"type": "binary", "given": "click", "weight": 0.2},
            "cart": {"type": "binary", "chain": ["click", "carted"], "positive_weight": 1.5, "row_weight": "rw"}}
    s = with_columns(spec_of("cgc", esm2, {"shared": 1, "per_task": {"click": 2, "carted": 1, "after_cart": 1, "otherwise": 1}, "hidden": [7]}), {}, ["rw"])
    s["_row_weight"] = True
    yield "chain-esm2", s, dict(rows=53, numbers=7)
    opposed = {"stay": {"type": "binary"}, "leave": {"type": "binary", "chain": ["not stay"], "weight": 1.5}}
    yield "chain-pcgrad", spec_of("mmoe", opposed, {"count": 3, "hidden": [9]}, train={"balance": {"method": "pcgrad"}}), dict(rows=53, numbers=7)
    steps = {"click": {"type": "binary"}, "apply": {"type": "binary", "after": "click"},
             "paid": {"type": "binary", "after": {"task": "apply", "weight": 1.5}, "positive_weight": 2.0}}
    yield "after", spec_of("ple", steps, {"shared": 1, "per_task": 1, "hidden": [7]}), dict(rows=53, numbers=7, unlabelled=0.2)


def gate_cases():
    yield "gate-temperature", spec_of("ple", TWO, {"shared": 2, "per_task": 1, "hidden": [9]}, gates={"temperature": 0.4}), dict(rows=41, numbers=6)
    yield "gate-top-k", spec_of("moe", {"watch": {"type": "regression"}}, {"count": 6, "hidden": [9, 5]}, gates={"top_k": 2}), dict(rows=41, numbers=6)
    s = spec_of("mmoe", MIXED, {"count": 5, "hidden": [17], "norm": "layer"}, gates={"top_k": 2, "temperature": 0.7, "hidden": [6]})
    yield "gate-top-k-mmoe", with_columns(s, {"city": {"type": "categorical", "dim": 3, "min_count": 1}}), dict(rows=47, numbers=5, categories={"city": 6})
    yield "gate-top-k-ple", spec_of("ple", TWO, {"shared": 2, "per_task": {"click": 1, "watch": 0}, "hidden": [8]}, gates={"top_k": 1}), \
        dict(rows=45, numbers=6)
    yield "gate-balance", spec_of("mmoe", TWO, {"count": 5, "hidden": [9]}, levels=2,
                                  gates={"top_k": 2, "temperature": 1.3, "balance": {"importance": 0.5, "even": 0.3, "z": 0.05}}), dict(rows=45, numbers=6)
    yield "gate-balance-dense", spec_of("ple", TWO, {"shared": 2, "per_task": 1, "hidden": [8]}, gates={"balance": {"importance": 0.7, "z": 0.2}}), \
        dict(rows=45, numbers=6)
    yield "gate-deepseek", spec_of("omoe", TWO, {"count": 6, "always": 1, "hidden": [9]},
                                   gates={"top_k": 2, "renormalise": False, "balance": {"even": 0.1, "bias": 0.02}}), dict(rows=45, numbers=6)
    yield "gate-bias", spec_of("mmoe", TWO, {"count": 5, "hidden": [9]}, gates={"top_k": 2, "balance": {"bias": 0.03}}), dict(rows=45, numbers=6)
    yield "gate-always", spec_of("mmoe", TWO, {"count": 4, "always": 2, "hidden": [8]}, levels=2), dict(rows=45, numbers=6)
    yield "gate-top-k-2-levels", spec_of("mmoe", TWO, {"count": 4, "hidden": [7]}, levels=2, gates={"top_k": 2}), dict(rows=45, numbers=6)


def further_cases():
    """Architectures that came later, with seeds of their own, so that no case added before them moves them."""
    cats = {"city": {"type": "categorical", "dim": 5, "min_count": 1}}
    factored = spec_of("tensor-factorization", MIXED, {"hidden": [9, 6]}, ranks={"input": 5, "output": 4, "task": 2})
    yield "tensor-factorization", with_columns(factored, cats), dict(rows=45, numbers=5, categories={"city": 7}, seed=[8, 1])
    yield "tensor-factorization-full", spec_of("tensor-factorization", TWO, {"hidden": [7, 20], "activation": "tanh"},
                                               ranks={"input": 19, "output": 18, "task": 5}), dict(rows=41, numbers=6, seed=[8, 2])
    acts = {"click": {"type": "binary", "category": "acts"}, "watch": {"type": "regression"}, "like": {"type": "binary", "category": "acts"}}
    home = spec_of("home", acts, {"shared": 1, "per_category": 2, "per_task": {"click": 1, "watch": 2, "like": 0}, "hidden": [9, 6], "norm": "none"},
                   feature_gates={"count": 2, "rank": 3}, gates={"hidden": [5]})
    yield "home", with_columns(home, cats), dict(rows=45, numbers=5, categories={"city": 7}, seed=[8, 3])
    yield "home-norm", spec_of("home", acts, {"shared": 2, "per_category": 1, "per_task": 1, "hidden": [7]}, levels=3, feature_gates={"count": 1, "rank": 2},
                               optimizer={"name": "sgd", "lr": 0.02}), dict(rows=46, numbers=6, seed=[8, 4])
    yield "home-plain", spec_of("home", TWO, {"shared": 1, "per_category": 1, "per_task": 1, "hidden": [8], "norm": "layer"}, self_gates=False,
                                feature_gates={"count": 0, "rank": 1}), dict(rows=41, numbers=6, seed=[8, 5])
    yield "stem", with_columns(spec_of("stem", MIXED, {"shared": 2, "per_task": {"click": 1, "watch": 2, "kind": 1}, "hidden": [9, 6]}), cats), \
        dict(rows=45, numbers=5, categories={"city": 7}, seed=[8, 6])
    bag = {"city": {"type": "categorical", "dim": 3, "min_count": 1}, "tags": {"type": "bag", "separator": "|", "dim": 4, "pooling": "mean", "min_count": 1}}
    yield "stem-2", with_columns(spec_of("stem", TWO, {"shared": 1, "per_task": 1, "hidden": [7]}, levels=2, gates={"hidden": [5]},
                                         train={"balance": {"method": "pcgrad"}}), bag), \
        dict(rows=45, numbers=3, categories={"city": 7}, bags={"tags": 6}, seed=[8, 7])
    yield "aitm", with_columns(spec_of("aitm", MIXED, {"hidden": [9, 6]}, towers={"hidden": []}), cats), dict(rows=45, numbers=5, categories={"city": 7}, seed=[8, 8])
    noisy = {"top_k": 2, "noise": True}
    yield "gate-noise", spec_of("omoe", TWO, {"count": 5, "hidden": [9]}, gates=noisy), dict(rows=45, numbers=6, seed=[8, 10])
    yield "gate-noise-load", spec_of("mmoe", MIXED, {"count": 5, "hidden": [9]}, train={"seed": 4},
                                     gates=dict(noisy, temperature=1.2, balance={"load": 0.4, "importance": 0.2, "even": 0.1, "z": 0.02})), \
        dict(rows=47, numbers=6, seed=[8, 11])
    yield "gate-noise-ple", spec_of("ple", TWO, {"shared": 2, "per_task": 2, "hidden": [8]}, gates=dict(noisy, top_k=1, hidden=[5], balance={"load": 0.3})), \
        dict(rows=45, numbers=5, seed=[8, 12])
    tree = [{"experts": {"left": 2, "right": 3}, "gates": {"left": "left", "right": "right"}},
            {"experts": {"branches": {"count": 2, "reads": ["left", "right"], "identity": True}}, "gates": {"all": "branches"}}]
    yield "hierarchy", with_columns(spec_of("custom", TWO, {"hidden": [9, 6]}, levels=2, wiring={"levels": tree}), cats), \
        dict(rows=45, numbers=5, categories={"city": 7}, seed=[8, 13])
    mixed = [{"experts": {"a": 2, "b": 1}, "gates": {"p": ["a", "b"], "q": {"sees": ["b", "a.1"], "kind": "average"}}},
             {"experts": {"click": {"count": 2, "reads": ["p", "input"]}, "kept": {"count": 2, "reads": ["p", "q"], "identity": True}},
              "gates": {"click": {"sees": ["click", "kept"], "reads": "p"}, "watch": "kept.1"}}]
    yield "wiring", spec_of("custom", TWO, {"hidden": [[8], [7, 8]]}, levels=2, wiring={"levels": mixed}, gates={"hidden": [5]}), \
        dict(rows=41, numbers=6, seed=[8, 14])
    yield "aitm-sequence", spec_of("aitm", MIXED, {"hidden": [7], "activation": "tanh"}, sequence=["kind", "click"]), dict(rows=45, numbers=6, seed=[8, 9])


# Each group counts its cases' seeds from a number of its own: what is added at its end moves no other vector.
GROUPS = ((0, architecture_cases), (20, part_cases), (35, feature_cases), (43, optimizer_cases), (63, balance_cases), (76, type_cases), (83, chain_cases),
          (76, transfer_cases), (82, variant_cases), (96, penalty_cases), (101, local_cases), (106, gate_cases), (200, further_cases))


def committed_cases():
    for first, cases in GROUPS:
        for number, (name, spec, data) in enumerate(cases(), first):
            yield name, spec, dict({"seed": [7, number]}, **data)


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
