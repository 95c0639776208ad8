"""fixtures/examples.json: what the programs of examples/ print under PyTorch after a few steps."""

import json
import tempfile
from pathlib import Path

import matplotlib
import torch

from tests import FIXTURES
from tests.programs.twins import EXAMPLES, TWINS, flags_of, lines_of, twin_of


def printed(name):
    """The lines that one of them prints."""
    with tempfile.TemporaryDirectory() as folder:
        twin = twin_of(EXAMPLES / f"{name}.py", Path(folder))
        return lines_of(twin, flags_of(name, folder))


def make():
    matplotlib.use("Agg")
    torch.set_num_threads(1)
    found = {name: printed(name) for name in TWINS}
    (FIXTURES / "examples.json").write_text(json.dumps(found, indent=0, ensure_ascii=False) + "\n")
