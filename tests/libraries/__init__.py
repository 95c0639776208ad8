"""Libraries written for PyTorch, under jtorch: one short program for each typical use, and the numbers that PyTorch prints."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys

from jtorch.cli.hook import environment
from jtorch.cli.port.comparing import agreement
from tests import FIXTURES, ROOT
from tests.libraries.suites import recorded as suites_recorded

FOLDER = ROOT / "tests/libraries/programs"
FILE = FIXTURES / "libraries.json"
PAGE = ROOT / "docs/libraries.md"
TOLERANCE = 2e-3

# program (use_NAME.py) -> the distributions that it needs, the library itself first
PROGRAMS = {
    "einops": ["einops"],
    "safetensors": ["safetensors"],
    "torchmetrics": ["torchmetrics"],
    "torchinfo": ["torchinfo"],
    "timm": ["timm"],
    "vit_pytorch": ["vit-pytorch"],
    "x_transformers": ["x-transformers"],
    "transformers_bert": ["transformers"],
    "transformers_gpt2": ["transformers"],
    "transformers_llama": ["transformers"],
    "transformers_trainer": ["transformers", "accelerate"],
    "peft": ["peft", "transformers"],
    "diffusers": ["diffusers"],
    "accelerate": ["accelerate"],
    "pytorch_lightning": ["pytorch-lightning"],
    "ignite": ["pytorch-ignite"],
    "skorch": ["skorch"],
    "stable_baselines3": ["stable-baselines3"],
    "torch_geometric": ["torch-geometric"],
    "gpytorch": ["gpytorch"],
    "pyro": ["pyro-ppl"],
    "kornia": ["kornia"],
    "monai": ["monai"],
    "segmentation_models_pytorch": ["segmentation-models-pytorch"],
    "torchdiffeq": ["torchdiffeq"],
    "tensorboard": ["tensorboard"],
}
# torchvision built for GPUs does not load beside a PyTorch without them: it misses the names of two operations.
UNDER_PYTORCH = """
import os, runpy, sys, torch
library = torch.library.Library("torchvision", "FRAGMENT")
for name in ("nms", "qnms"):
    try:
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    except RuntimeError:
        pass
sys.path[0] = os.path.dirname(sys.argv[1])
runpy.run_path(sys.argv[1], run_name="__main__")
"""


def missing(name: str) -> list[str]:
    """The distributions that a program needs and this environment lacks."""
    return [needed for needed in PROGRAMS[name] if not any(importlib.metadata.distributions(name=needed))]


def printed(name: str, under: str) -> tuple[int, str, str]:
    """(exit code, what is printed, errors) of a program under "torch" or "jtorch"."""
    start = ["-c", UNDER_PYTORCH] if under == "torch" else ["-m", "jtorch", "run"]
    variables = environment(False) | {"OMP_NUM_THREADS": "1", "JAX_PLATFORMS": "cpu", "MPLBACKEND": "Agg"}
    if under == "jtorch":
        variables["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), variables["PYTHONPATH"]]))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *start, str(FOLDER / f"use_{name}.py")],
        env=variables,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def outcome(name: str, expected: str) -> str:
    """ "" if a program prints under jtorch what PyTorch has printed, else what is wrong."""
    code, text, errors = printed(name, "jtorch")
    if code:
        return errors.strip().splitlines()[-1]
    code, message = agreement(expected, text, TOLERANCE)
    return "" if code == "J400" else message


def recorded() -> dict[str, dict]:
    """program -> {"version": of the library, "printed": by PyTorch, "numbers": how many, "wrong": under jtorch}."""
    return json.loads(FILE.read_text()) if FILE.exists() else {}


def page() -> str:
    """The text of docs/libraries.md."""
    lines = [
        "# Libraries under jtorch",
        "",
        "Made by `python -m tests.make libraries`; do not edit.",
        "",
        "Each library is installed unmodified, and `import torch` means jtorch (`jtorch run`, or `import jtorch.as_torch`). A",
        "program of its typical use prints numbers: losses of a few training steps, outputs, what was read back from a file. They",
        f"must be PyTorch's within {TOLERANCE}. The programs are in [tests/libraries/programs](../tests/libraries/programs), and",
        "`pytest tests/libraries --long` runs those whose library is installed (`pip install -e '.[libraries]'`).",
        "",
        "The last column says how many of the library's own tests pass under jtorch, of those that pass under PyTorch here:",
        "`python -m tests.make library_suites CHECKOUTS` runs them from a checkout of its repository. A dash: not run.",
        "",
        "| library | version | what the program does | numbers compared | under jtorch | its own tests |",
        "|---|---|---|---|---|---|",
    ]
    rows, suites = recorded(), suites_recorded()
    for name, row in rows.items():
        what = (FOLDER / f"use_{name}.py").read_text().split('"""')[1]
        result = f"`{row['wrong']}`" if row["wrong"] else "equal"
        program = f"[{PROGRAMS[name][0]}](../tests/libraries/programs/use_{name}.py)"
        lines.append(
            f"| {program} | {row['version']} | {what} | {row['numbers']} | {result} | {_passed(suites, PROGRAMS[name][0])} |"
        )
    good = sum(not row["wrong"] for row in rows.values())
    lines += ["", f"{good} of {len(rows)} programs print PyTorch's numbers."]
    failing = [
        f"- {name}: `{test}`: `{' '.join(why.replace('`', '').split())[:140]}`"
        for name, said in suites.items()
        for test, why in said["failed"].items()
    ]
    if failing:
        lines += ["", "Tests of libraries that pass under PyTorch and not under jtorch:", "", *failing]
    return "\n".join(lines) + "\n"


def _passed(suites, distribution):
    said = suites.get(distribution)
    return f"{said['passed']} of {said['asked']}" if said else "-"
