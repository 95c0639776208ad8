"""Runs the programs note_*.py as at a Python prompt, and compares what two runs print.

A program is cut into snippets at its `# %%` lines. All statements of a program run in one namespace.
The value of a bare expression is printed. An exception is printed, and the program goes on.
"""

import ast
import contextlib
import io
import math
import os
import re
import sys
import types
import warnings
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
NAMES = sorted(path.stem for path in HERE.glob("note_*.py"))


def snippets(name):
    """(title, source) of the snippets of a program."""
    parts = re.split(r"^# %% (.*)\n", (HERE / f"{name}.py").read_text(), flags=re.MULTILINE)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def with_jtorch(source):
    """The source, with jtorch imported in place of torch and no other change."""
    source = re.sub(r"^import torch(?=$| )", "import jtorch as torch", source, flags=re.MULTILINE)
    source = re.sub(r"^from torchvision\b", "from jtorch.vision", source, flags=re.MULTILINE)
    return re.sub(r"^(import|from) torch\.", r"\1 jtorch.", source, flags=re.MULTILINE)


def printed(name, scratch, rewrite=str):
    """What a program prints, {title: text}, run in the folder `scratch`."""
    module = sys.modules[f"program_{name}"] = types.ModuleType(f"program_{name}")  # pickles find their classes here
    here = os.getcwd()
    os.chdir(scratch)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return {title: plain(_run(rewrite(source), vars(module))) for title, source in snippets(name)}
    finally:
        os.chdir(here)
        sys.modules["matplotlib.pyplot"].close("all") if "matplotlib.pyplot" in sys.modules else None
        del sys.modules[module.__name__]


def _run(source, space):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        for statement in ast.parse(source).body:
            try:
                if isinstance(statement, ast.Expr):
                    value = eval(compile(ast.Expression(statement.value), "<note>", "eval"), space)
                    if value is not None:
                        print(repr(value))
                else:
                    exec(compile(ast.Module([statement], []), "<note>", "exec"), space)
            except Exception as error:
                print(f"{type(error).__name__}: {error}")
    return out.getvalue()


def plain(text):
    """The text without addresses, with torch for jtorch. Of an id it keeps only whether it equals the one printed before."""
    text = re.sub(r"0x[0-9a-f]+", "0x...", text.replace("jtorch", "torch"))
    last = None

    def named(match):
        nonlocal last
        same, last = match[0] == last, match[0]
        return "<the same id>" if same else "<another id>"

    return re.sub(r"(?<![.\d])\d{13,16}\b", named, text)


NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d*)?(?:e[+-]?\d+)?(?![\w])")


def difference(got, want):
    """How two texts differ. None if the words are equal, and the numbers up to 1e-3 or the last printed digit."""
    if NUMBER.sub("#", got) != NUMBER.sub("#", want):
        return f"printed\n{got}\nwhere PyTorch printed\n{want}"
    for mine, theirs in zip(NUMBER.findall(got), NUMBER.findall(want), strict=True):
        if mine != theirs and not math.isclose(
            float(mine), float(theirs), rel_tol=1e-3, abs_tol=1.5 * _last_digit(theirs)
        ):
            return f"{mine} where PyTorch printed {theirs}, in\n{got}"
    return None


def _last_digit(text):
    """The unit of the last digit of a fraction; integers must be equal."""
    digits, _, power = text.partition("e")
    return 10.0 ** (int(power or 0) - len(digits.partition(".")[2])) if "." in digits else 0


def cifar10(train):
    """Eight training pictures and four test pictures (N, 32, 32, 3) with labels, for the snippet that downloads CIFAR10."""
    count = 8 if train else 4
    draw = np.random.default_rng(train)
    return draw.integers(0, 256, (count, 32, 32, 3), dtype=np.uint8), list(range(count))


def stand_in(base):
    """A class with these pictures that replaces jtorch.vision's CIFAR10, which would download the real ones."""

    class CIFAR10(base):
        def __init__(self, root, train=True, transform=None, download=False):
            super().__init__(root, transform=transform)
            self.data, self.targets = cifar10(train)

    return CIFAR10


def torchvision(torch):
    """A replacement for torchvision in the run under PyTorch: the four names that the snippet uses, as torchvision documents them."""

    class CIFAR10:
        def __init__(self, root, train, transform, download):
            self.transform = transform
            self.data, self.targets = cifar10(train)

        def __len__(self):
            return len(self.data)

        def __getitem__(self, i):
            return self.transform(self.data[i]), self.targets[i]

    def compose(steps):
        return lambda x: compose(steps[1:])(steps[0](x)) if steps else x

    def normalize(mean, std):
        return lambda x: (x - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]

    def to_tensor():
        return lambda x: torch.from_numpy(x).permute(2, 0, 1).contiguous().float() / 255

    made = types.ModuleType("torchvision")
    made.datasets = types.SimpleNamespace(CIFAR10=CIFAR10)
    made.transforms = types.SimpleNamespace(Compose=compose, Normalize=normalize, ToTensor=to_tensor)
    return made
