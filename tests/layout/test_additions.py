"""Which places an addition touches: an optimizer, a scheduler or a distribution is one file and one line.

Each test adds one to a copy of jtorch and uses it. Its name in a checkpoint follows from its file.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import jtorch
from tests import FIXTURES

PACKAGE = Path(jtorch.__file__).parent
PYTORCH = json.loads((FIXTURES / "names.json").read_text())  # what `dir` shows of PyTorch's modules

OPTIMIZER = '''
"""SignSGD."""

import jax
import jax.numpy as jnp
import optax

from jtorch.optim._functional import TransformOptimizer, check_settings, descent


class SignSGD(TransformOptimizer):
    """p -= lr * sign(grad)."""

    def __init__(self, params, lr=0.1, *, maximize=False):
        check_settings(lr)
        super().__init__(params, dict(lr=lr, maximize=maximize))

    @staticmethod
    def transformation(maximize):
        return descent(optax.stateless(lambda updates, params: jax.tree.map(jnp.sign, updates)), maximize=maximize)
'''

SCHEDULER = '''

class HarmonicLR(LRScheduler):
    """initial_lr / (step + 1)."""

    def get_lr(self):
        self._warn_outside_step()
        return [base / (self.last_epoch + 1) for base in self.base_lrs]
'''

DISTRIBUTION = '''
"""Rayleigh."""

from jtorch.distributions import constraints
from jtorch.distributions.distribution import Distribution
from jtorch.distributions.utils import broadcast_all


class Rayleigh(Distribution):
    """probs * (1 - probs)**k, for k = 0, 1, 2, ..."""

    arg_constraints = {"probs": constraints.unit_interval}
    support = constraints.nonnegative_integer

    def __init__(self, probs, validate_args=None):
        (self.probs,) = broadcast_all(probs)
        super().__init__(self.probs.shape, validate_args=validate_args)

    def log_prob(self, value):
        return value * (-self.probs).log1p() + self.probs.log()
'''

ADDITIONS = {
    # what: (its file, the text, the file with the list, the line)
    "optimizer": (
        "optim/signsgd.py",
        OPTIMIZER,
        "optim/__init__.py",
        "from jtorch.optim.signsgd import SignSGD as SignSGD",
    ),
    "scheduler": (
        "optim/lr_scheduler/decay.py",
        SCHEDULER,
        "optim/lr_scheduler/__init__.py",
        "from jtorch.optim.lr_scheduler.decay import HarmonicLR as HarmonicLR",
    ),
    "distribution": (
        "distributions/rayleigh.py",
        DISTRIBUTION,
        "distributions/__init__.py",
        "from jtorch.distributions.rayleigh import Rayleigh as Rayleigh",
    ),
}

USES = {
    "optimizer": """
p = torch.tensor([1.0, -1.0], requires_grad=True)
made = torch.optim.SignSGD([p], lr=0.5)
(p * p).sum().backward()
made.step()
assert p.tolist() == [0.5, -0.5]
assert "SignSGD" in torch.optim.__all__
place, again = saved(made)
assert place == b"ctorch.optim.signsgd\\nSignSGD\\n", place
assert again.param_groups[0]["lr"] == 0.5
""",
    "scheduler": """
optimizer = torch.optim.SGD([torch.ones(1, requires_grad=True)], lr=1.0)
made = torch.optim.lr_scheduler.HarmonicLR(optimizer)
optimizer.step()
made.step()
assert made.get_last_lr() == [0.5]
assert "HarmonicLR" in torch.optim.lr_scheduler.__all__
place, again = saved(torch.optim.lr_scheduler.HarmonicLR)
assert place == b"ctorch.optim.lr_scheduler\\nHarmonicLR\\n", place
assert again is torch.optim.lr_scheduler.HarmonicLR
""",
    "distribution": """
made = torch.distributions.Rayleigh(torch.tensor(0.5))
assert repr(made) == "Rayleigh(probs: 0.5)", repr(made)
assert made.log_prob(torch.tensor(1.0)).exp().item() == 0.25
assert "Rayleigh" in torch.distributions.__all__
place, again = saved(made)
assert place == b"ctorch.distributions.rayleigh\\nRayleigh\\n", place
assert again.probs.item() == 0.5
""",
}

SAVED = """
import io, re, zipfile
import jtorch as torch

def saved(thing):
    file = io.BytesIO()
    torch.save(thing, file)
    place = re.search(rb"ctorch\\.(optim|distributions).*\\n.*\\n", zipfile.ZipFile(file).read("archive/data.pkl"))[0]
    file.seek(0)
    return place, torch.load(file, weights_only=False)
"""


@pytest.mark.parametrize("module", ["optim", "distributions"])
def test_the_module_shows_only_names_that_pytorch_has(module):
    assert set(dir(getattr(jtorch, module))) - set(PYTORCH[f"torch.{module}"]) == set()


@pytest.mark.parametrize("what", ADDITIONS)
def test_an_addition_is_one_file_and_one_line(what, tmp_path):
    copy = tmp_path / "jtorch"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    file, text, listing, line = ADDITIONS[what]
    with open(copy / file, "a") as f:
        f.write(text if (PACKAGE / file).exists() else text.lstrip())
    written = (copy / listing).read_text()
    first = written.index("\nfrom jtorch.") + 1
    (copy / listing).write_text(f"{written[:first]}{line}\n{written[first:]}")
    done = subprocess.run(
        [sys.executable, "-c", SAVED + USES[what]],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
