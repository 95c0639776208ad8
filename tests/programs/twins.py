"""The examples as PyTorch programs: what `python -m tests.make examples` runs, and what the tests compare with."""

import contextlib
import io
import re
import runpy
import sys

from tests import ROOT

EXAMPLES = ROOT / "examples"
# Examples that show what PyTorch does not have, which is jtorch's own: they have no twin.
OURS = ("flax_in_the_loop", "optax_in_the_loop", "to_pure_jax")
# What other examples import, and those with tests of their own.
APART = ("cart_pole", "toy_data", "ddp", "fsdp", "mnist_cnn")
NAMES = sorted(path.stem for path in EXAMPLES.glob("*.py") if path.stem not in APART)
TWINS = [name for name in NAMES if name not in OURS]
# How many steps show enough; two where nothing is said.
STEPS = {"dqn": 66, "neural_style": 1, "least_squares_lbfgs": 5}
# jtorch.X as torch.X, for what PyTorch has; jtorch.vision is torchvision there.
SWAP = [
    (r"^import jtorch as torch$", "import torch"),
    (r"^(import|from) jtorch\.(nn|optim|utils|distributions)\b", r"\1 torch.\2"),
]


def twin_of(path, folder):
    """The example with its import lines changed for PyTorch's."""
    source = path.read_text()
    for pattern, replacement in SWAP:
        source = re.sub(pattern, replacement, source, flags=re.MULTILINE)
    made = folder / f"twin_{path.name}"
    made.write_text(source)
    return made


def flags_of(name, folder):
    """What a quick run of an example is called with."""
    source = (EXAMPLES / f"{name}.py").read_text()
    flags = {"--steps": STEPS.get(name, 2), "--out": folder, "--letters": 20, "--tokens": 20}
    return [str(part) for flag, value in flags.items() if f'"{flag}"' in source for part in (flag, value)]


def lines_of(path, flags):
    """What a program prints that runs in this process as a script does."""
    argv, paths = sys.argv, list(sys.path)
    sys.argv, sys.path[:0] = [str(path), *flags], [str(EXAMPLES)]
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):  # the progress bar
            runpy.run_path(str(path), run_name="__main__")
    finally:
        sys.argv, sys.path[:] = argv, paths
        if "matplotlib.pyplot" in sys.modules:
            sys.modules["matplotlib.pyplot"].close("all")
    return printed.getvalue().splitlines()
