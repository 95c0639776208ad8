"""tests/programs/notes/expected/note_*.txt: what the programs there print under PyTorch 2.13."""

import sys
import tempfile

import torch

from tests.programs.notes import notebook


def text(name):
    """All that a program prints, under the titles of its snippets."""
    sys.modules["torchvision"] = notebook.torchvision(torch)
    with tempfile.TemporaryDirectory() as scratch:
        outputs = notebook.printed(name, scratch)
    outputs = {
        title: output for title, output in outputs.items() if not title.startswith("help")
    }  # PyTorch's own words
    return "".join(f"# %% {title}\n{output}" for title, output in outputs.items())


def make():
    folder = notebook.HERE / "expected"
    folder.mkdir(exist_ok=True)
    for name in notebook.NAMES:
        (folder / f"{name}.txt").write_text(text(name))
