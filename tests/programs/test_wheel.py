"""The package as users get it: a wheel from a clean checkout, in a virtual environment that cannot see this folder."""

import os
import shutil
import subprocess
import venv
from pathlib import Path

import pytest

from tests import ROOT

pytestmark = pytest.mark.long

# Runs outside the checkout. The training loop is README's; the rest needs files that a wheel might lack.
PROGRAM = """
import importlib.metadata, importlib.util, pathlib, sys

import jtorch as torch
import jtorch.nn as nn
import jtorch.nn.functional as F

folder = pathlib.Path(torch.__file__).parent
assert folder.is_relative_to(sys.prefix), folder
assert importlib.util.find_spec("torch") is None and importlib.util.find_spec("tests") is None
assert importlib.metadata.requires("jtorch-xla")

torch.manual_seed(0)
x = torch.linspace(-3, 3, 256).unsqueeze(1)
y = torch.sin(x)
model = nn.Sequential(nn.Linear(1, 64), nn.Tanh(), nn.Linear(64, 1))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for step in range(300):
    optimizer.zero_grad()
    loss = F.mse_loss(model(x), y)
    loss.backward()
    optimizer.step()
assert loss.item() < 0.01, loss

torch.save(model.state_dict(), "model.pth")
again = nn.Sequential(nn.Linear(1, 64), nn.Tanh(), nn.Linear(64, 1))
again.load_state_dict(torch.load("model.pth"))
assert torch.equal(again(x), model(x))

try:
    torch.relu("a")
except TypeError as error:  # the text is made from signatures.json
    assert "relu(): argument 'input' (position 1) must be Tensor, not str" in str(error), error
else:
    raise AssertionError("torch.relu took a string")
print("the installed package works")
"""


def run(*command, **options):
    """What a command prints. If it fails, the error shows all its output."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    done = subprocess.run(
        [*map(str, command)], env=clean, capture_output=True, text=True, timeout=900, check=False, **options
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def checkout(folder):
    """Copy the files that git tracks, as they are now: what a fresh clone has."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout, so which files belong to it is not known")
    for name in run("git", "ls-files", "-z", cwd=ROOT).split("\0"):
        if name and (ROOT / name).is_file():  # else it is deleted, but not yet in git
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


def installed(source, folder):
    """The Python of a new environment that has the wheel of a checkout and its requirements."""
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    run(python, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder / "wheels", source)
    [wheel] = (folder / "wheels").glob("*.whl")
    run(python, "-m", "pip", "install", "--quiet", wheel)
    return python


def test_a_wheel_from_a_clean_checkout_installs_and_trains(tmp_path):
    """One test, so the packages are installed once even if several processes run the tests."""
    source = checkout(tmp_path / "checkout")
    python = installed(source, tmp_path / "environment")
    assert "No broken requirements" in run(python, "-m", "pip", "check")

    find = "import importlib.util; print(importlib.util.find_spec('jtorch').submodule_search_locations[0])"
    package = Path(run(python, "-I", "-c", find).strip())
    files = {path.relative_to(source / "jtorch") for path in (source / "jtorch").rglob("*") if path.is_file()}
    assert {Path("py.typed"), Path("__init__.pyi"), Path("core/op/refusal/signatures.json")} <= files
    assert not {str(file) for file in files if not (package / file).is_file()}, "the wheel lacks these"

    (tmp_path / "program.py").write_text(PROGRAM)
    assert run(python, "-I", "program.py", cwd=tmp_path) == "the installed package works\n"

    program = "import sys, torch, torch.nn as nn; print(nn.Linear, torch.ones(2), sys.argv)"
    printed = run(python.parent / "jtorch", "run", "-c", program, "a", cwd=tmp_path)
    assert printed == "<class 'torch.nn.modules.linear.Linear'> tensor([1., 1.]) ['-c', 'a']\n"
