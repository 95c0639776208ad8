"""The tests that libraries have themselves, run from a checkout under PyTorch and under jtorch, and compared test by test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from jtorch.cli.hook import environment
from tests import FIXTURES, ROOT

FILE = FIXTURES / "library_suites.json"
LIMIT = 60  # seconds of the processor for a test
CHILD = ROOT / "tests/libraries/suite_child.py"


class Suite(NamedTuple):
    """Where a checkout has its tests, and how pytest is told which."""

    checkout: str  # the repository
    arguments: str  # for pytest
    folder: str = "."  # of the checkout, in which pytest starts


# distribution -> its suite
SUITES = {
    "einops": Suite("arogozhnikov/einops", "einops/tests"),
    "safetensors": Suite(
        "huggingface/safetensors",
        "tests/test_pt_comparison.py tests/test_pt_model.py tests/test_simple.py tests/test_handle.py "
        "tests/test_threadable.py tests/test_multithreaded.py",
        "bindings/python",
    ),
    # Its expected texts are those of Python 3.10, which formats an Enum in another way.
    "torchinfo": Suite("TylerYep/torchinfo", "tests --no-output"),
    "skorch": Suite("skorch-dev/skorch", "skorch/tests"),
    "torchdiffeq": Suite(
        "rtqichen/torchdiffeq", "api_tests.py event_tests.py gradient_tests.py norm_tests.py odeint_tests.py", "tests"
    ),
    "vit-pytorch": Suite("lucidrains/vit-pytorch", "tests"),
    "x-transformers": Suite("lucidrains/x-transformers", "tests"),
}


def place(checkouts: Path, name: str) -> Path:
    """The checkout of a library's repository in a folder of checkouts."""
    return checkouts / SUITES[name].checkout.partition("/")[2]


def outcomes(name: str, checkout: Path, under: str) -> dict[str, dict]:
    """test -> {"outcome": "passed", "failed" or "skipped", "why", "text"} under "torch" or "jtorch"."""
    suite = SUITES[name]
    variables = environment(False) | {
        "OMP_NUM_THREADS": "1",
        "JAX_PLATFORMS": "cpu",
        "MPLBACKEND": "Agg",
        "PYTHONHASHSEED": "0",
    }
    variables["EINOPS_TEST_BACKENDS"] = "numpy,torch"
    path = [str(checkout)] if suite.folder == "." else [str(checkout / suite.folder)]
    variables["PYTHONPATH"] = os.pathsep.join([*path, *([str(ROOT)] if under == "jtorch" else [])])
    with tempfile.NamedTemporaryFile("r", suffix=".jsonl") as results:
        subprocess.run(
            [sys.executable, "-W", "ignore", str(CHILD), under, results.name, str(LIMIT), *suite.arguments.split()],
            cwd=checkout / suite.folder, env=variables, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        return {said.pop("test"): said for said in map(json.loads, results.read().splitlines())}


def compared(name: str, checkout: Path) -> dict:
    """{"asked": how many tests pass under PyTorch, "passed": how many of them under jtorch, "failed": {test: why}}."""
    theirs, ours = (outcomes(name, checkout, under) for under in ("torch", "jtorch"))
    asked = [test for test, said in theirs.items() if said["outcome"] == "passed"]
    lost = {"outcome": "failed", "why": "it was not run"}
    failed = {test: ours.get(test, lost)["why"][:200] for test in asked if ours.get(test, lost)["outcome"] != "passed"}
    return {"asked": len(asked), "passed": len(asked) - len(failed), "failed": failed}


def recorded() -> dict[str, dict]:
    """distribution -> what `compared` has found, with a line for each test that fails."""
    return json.loads(FILE.read_text()) if FILE.exists() else {}
