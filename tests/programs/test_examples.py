"""The examples: each runs, runs under PyTorch when its import lines are changed, and prints what it says."""

import importlib.util
import os
import re
import runpy
import subprocess
import sys
import urllib.error
import urllib.request

import numpy as np
import pytest

from tests import ROOT
from tests.programs.twins import twin_of

NEEDED = ("sklearn", "matplotlib", "PIL", "tqdm")
pytestmark = pytest.mark.skipif(not all(map(importlib.util.find_spec, NEEDED)), reason="needs the extra `examples`")
DIGITS = ROOT / "examples" / "mnist_cnn.py"


def run(script, *flags):
    """A finished process and what it printed."""
    return subprocess.run(
        [sys.executable, "-W", "error", str(script), *map(str, flags)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def run_here(monkeypatch, capsys, *flags):
    """What the example printed and what it exits with, run in this process as a script is."""
    monkeypatch.setattr(sys, "argv", [str(DIGITS), *map(str, flags)])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(DIGITS), run_name="__main__")
    return capsys.readouterr().out, end.value.code


def epochs(output):
    """(loss, accuracy, test loss, test accuracy) of each epoch, as printed."""
    lines = [line for line in output.splitlines() if line.startswith("epoch ")]
    return [[float(n) for n in re.findall(r"(\d+\.\d+)", line)] for line in lines]


def test_digits_are_learned_saved_loaded_and_drawn(tmp_path):
    done = run(DIGITS, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    history = epochs(done.stdout)
    assert len(history) == 10
    assert history[-1][3] >= 97.0
    assert history[-1][0] < history[0][0] / 10
    assert "in a fresh model predicts the same: True" in done.stdout
    assert "epoch 1/10: 100%" in done.stderr or "epoch 1/10:  " in done.stderr  # the progress bar
    assert (tmp_path / "model.pth").stat().st_size > 100_000
    assert (tmp_path / "learning_curve.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("flags", [["--dropout", 0.3], ["--dropout", "--batchnorm"]], ids=["d", "d+b"])
def test_the_switches_change_the_network(flags, tmp_path, monkeypatch, capsys):
    short = ["--steps", 3, "--epochs", 2, "--batch-size", 16, "--lr", 0.01, "--device", "cpu"]
    printed, failed = run_here(monkeypatch, capsys, "--out", tmp_path, *short, *flags)
    assert not failed
    assert ("BatchNorm2d(10" in printed) == ("--batchnorm" in flags)
    assert len(epochs(printed)) == 2
    assert "predicts the same: True" in printed


@pytest.mark.parity
@pytest.mark.parametrize("flags", [[], ["--dropout", "--batchnorm"]], ids=["plain", "dropout, batchnorm"])
def test_the_example_is_a_pytorch_program_and_learns_the_same_there(flags, tmp_path):
    if importlib.util.find_spec("torch") is None:
        pytest.skip("PyTorch is not installed")
    flags = [*flags, "--out", tmp_path, "--steps", 10, "--epochs", 2, "--seed", 3]
    ours, theirs = run(DIGITS, *flags), run(twin_of(DIGITS, tmp_path), *flags)
    assert theirs.returncode == 0, theirs.stderr
    assert ours.returncode == 0, ours.stderr
    assert "jtorch" not in theirs.stderr
    printed = [[line for line in done.stdout.splitlines() if "epoch" not in line] for done in (ours, theirs)]
    assert printed[0] == printed[1]  # the model's repr and the last lines
    np.testing.assert_allclose(epochs(ours.stdout), epochs(theirs.stdout), rtol=2e-3)


def test_the_twin_differs_in_its_import_lines_only(tmp_path):
    sources = DIGITS.read_text().splitlines(), twin_of(DIGITS, tmp_path).read_text().splitlines()
    changed = [(ours, theirs) for ours, theirs in zip(*sources, strict=True) if ours != theirs]
    assert len(changed) == 5
    for ours, theirs in changed:
        assert ours.startswith(("import jtorch", "from jtorch."))
        assert theirs.startswith(("import torch", "from torch."))


def test_data_that_cannot_be_had_is_an_error_with_a_way_out(tmp_path, monkeypatch, capsys):
    def refuse(request, timeout):
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    _, error = run_here(monkeypatch, capsys, "--data", "mnist", "--out", tmp_path)
    assert "Error downloading train-images-idx3-ubyte.gz" in error
    assert "`--data digits` needs no download" in error


def test_the_examples_digits_are_those_of_vision(monkeypatch):
    from jtorch.vision import datasets

    monkeypatch.syspath_prepend(DIGITS.parent)
    import mnist_cnn

    for (pictures, labels), train in zip(mnist_cnn.digits(), (True, False), strict=True):
        library = datasets.Digits(train=train)
        np.testing.assert_array_equal(pictures, library.data.numpy())
        np.testing.assert_array_equal(labels, library.targets.numpy())
