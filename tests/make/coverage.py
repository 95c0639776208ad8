"""docs/coverage.md: which names of PyTorch are here, those that public code uses and all others, and why some are not.

census.csv counts in how many public projects each name is used; missing.json gives a reason for each name
that is not here, by the name or by what it begins with.
"""

from __future__ import annotations

import csv
import importlib
import json
import sys
from itertools import groupby

import jtorch
import jtorch.vision
from tests import ROOT
from tests.make import all_names

HERE = ROOT / "docs"
PAGE = HERE / "coverage.md"
REASONS = json.loads((ROOT / "jtorch/cli/missing.json").read_text())
TITLES = {
    "module": "Layers and what they can do",
    "functional": "torch.nn.functional",
    "optim": "Optimizers",
    "scheduler": "Schedulers",
    "amp": "Mixed precision",
    "tensor method": "Methods and attributes of tensors",
    "function": "Functions",
    "data": "Data",
    "cuda": "Accelerators",
    "vision": "torchvision, here `jtorch.vision`",
    "distributed": "Several processes",
    "other": "Others",
}


def census() -> list[dict]:
    """The rows of the census: name, kind, repos."""
    with open(HERE / "census.csv", newline="") as file:
        return list(csv.DictReader(file))


def layers():
    nn = jtorch.nn
    return [
        nn.BatchNorm1d(2),
        nn.Conv2d(1, 1, 1),
        nn.Linear(1, 1),
        nn.Embedding(1, 1),
        nn.LSTM(1, 1),
        nn.MultiheadAttention(2, 1),
    ]


def optimizers():
    return [jtorch.optim.SGD([jtorch.zeros(1, requires_grad=True)], lr=0.1)]


class Echo(jtorch.autograd.Function):
    """Keeps what a backward is given as its context."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clone()

    @staticmethod
    def backward(ctx, grad):
        return grad


def contexts():
    return [Echo.apply(jtorch.zeros(1, requires_grad=True)).grad_fn]


HOMES = {  # how a name of the census begins, and the object that has the rest of the name as an attribute
    "torch": lambda: [jtorch],
    "torchvision": lambda: [jtorch.vision],
    "Tensor": lambda: [jtorch.zeros(2, 2)],
    "Module": lambda: [jtorch.nn.Linear(1, 1)],
    "layer": layers,
    "Optimizer": optimizers,
    "LRScheduler": lambda: [jtorch.optim.lr_scheduler.StepLR(optimizers()[0], 1)],
    "DataLoader": lambda: [jtorch.utils.data.DataLoader([1])],
    "Distribution": lambda: [jtorch.distributions.Normal(0.0, 1.0), jtorch.distributions.Categorical(jtorch.ones(2))],
    "Generator": lambda: [jtorch.Generator()],
    "GradScaler": lambda: [jtorch.amp.GradScaler("cpu")],
    "FunctionCtx": contexts,
}


def exists(name: str, homes=HOMES) -> bool:
    """Whether jtorch has a name of the census."""
    root, _, path = name.partition(".")
    return any(_found(home, path.split(".")) for home in homes.get(root, list)())


def _found(at, path):
    for part, *rest in (path[i:] for i in range(len(path))):
        if not hasattr(at, part) and hasattr(at, "__path__"):
            try:
                importlib.import_module(f"{at.__name__}.{part}")
            except ImportError:
                return False
        if part not in dir(at) and not hasattr(at, part):
            return False
        home, at = getattr(at, "__name__", ""), getattr(at, part, None)
        if rest and not hasattr(at, rest[0]):  # a function may hide the module of its name
            at = sys.modules.get(f"{home}.{part}", at)
    return True


def reason(name: str) -> str | None:
    """Why jtorch does not have a name: the entry of missing.json with the longest match."""
    parts = name.split(".")
    known = [".".join(parts[:n]) for n in range(len(parts), 0, -1)]
    return next((REASONS[k] for k in known if k in REASONS), None)


def page() -> str:
    """The text of coverage.md."""
    rows = [{**row, "here": exists(row["name"]), "repos": int(row["repos"])} for row in census()]
    text = [
        "# What of PyTorch is here",
        "Made by `python -m tests.make coverage`; do not edit. "
        "The names are those that 1,918 public files use, with the number of projects that use each. "
        "`jtorch/cli/missing.json` has the reasons. "
        "[The last part](#every-public-name-of-pytorch) counts all public names, used or not.",
        "| | names | here | share of uses |",
        "|---|---|---|---|",
    ]
    text[2:] = ["\n".join(text[2:] + [_summary(kind, [r for r in rows if r["kind"] == kind]) for kind in TITLES])]
    for kind, title in TITLES.items():
        text += _section(title, [r for r in rows if r["kind"] == kind])
    return "\n\n".join(text + all_names.section(reason)) + "\n"


def _summary(kind, rows):
    here = [r for r in rows if r["here"]]
    share = sum(r["repos"] for r in here) / sum(r["repos"] for r in rows)
    return f"| [{TITLES[kind]}](#{_anchor(TITLES[kind])}) | {len(rows)} | {len(here)} | {share:.0%} |"


def _anchor(title):
    return "".join(c for c in title.lower().replace(" ", "-") if c.isalnum() or c in "-_")


def _section(title, rows):
    here = [r for r in rows if r["here"]]
    missing = sorted((r for r in rows if not r["here"]), key=lambda r: (reason(r["name"]) or "", -r["repos"]))
    text = [f"## {title}"]
    if here:
        text += ["Here: " + _listed(here) + "."]
    if missing:
        groups = groupby(missing, key=lambda r: reason(r["name"]) or "no reason given")
        table = [f"| {_listed(list(group))} | {why} |" for why, group in groups]
        text += ["\n".join(["| not here | because |", "|---|---|", *table])]
    return text


def _listed(rows):
    return ", ".join(f"`{r['name']}` {r['repos']}" for r in rows)


def make():
    PAGE.write_text(page())
