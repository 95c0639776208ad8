"""Writes expected/note_*.txt: what the programs of notes/programs print under PyTorch 2.13.

python tests/notes/make_expected.py
"""

import os
import sys
import tempfile
from pathlib import Path

os.environ["MPLBACKEND"] = "Agg"
os.environ["OMP_NUM_THREADS"] = "1"

import notebook
import torch


def text(name):
    """Everything that a program prints, under the titles of its snippets."""
    sys.modules["torchvision"] = notebook.torchvision(torch)
    with tempfile.TemporaryDirectory() as scratch:
        outputs = notebook.printed(name, scratch)
    outputs = {
        title: output for title, output in outputs.items() if not title.startswith("help")
    }  # PyTorch's own words
    return "".join(f"# %% {title}\n{output}" for title, output in outputs.items())


def main():
    folder = Path(__file__).parent / "expected"
    folder.mkdir(exist_ok=True)
    for name in notebook.NAMES:
        (folder / f"{name}.txt").write_text(text(name))


if __name__ == "__main__":
    main()
