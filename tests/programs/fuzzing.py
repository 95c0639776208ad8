"""Random programs of views, in-place writes and gradients: written while PyTorch runs them, replayed under jtorch.

A `Writer` writes a program line by line. It knows the shapes that PyTorch's tensors have at that point, so most lines are
valid; a line that raises stays, and both libraries must raise the same. `difference` replays a program twice under
jtorch: once it reads everything after each line (each line is a trace), once only at the end (one trace, run line by
line). With `whole` it replays a third time, when the trace comes again and is compiled.

`python -m tests.programs.fuzzing --count 20000` runs programs of consecutive seeds and prints how many agreed.
"""

import argparse
import faulthandler
import json
import math
import random
import re
import sys
import time
import warnings
from pathlib import Path

import numpy as np

from tests.programs import fuzz_words
from tests.programs.notes.notebook import difference as unlike_text
from tests.tables.deviations import REASONS

HERE = Path(__file__).parent

STARTS = [
    """p = torch.arange(0., 8.).reshape(2, 4).requires_grad_()
q = torch.tensor([1., -2., 0.5, 3.], requires_grad=True)
a = p * 1
b = torch.zeros(2, 4)""",
    """p = torch.arange(-3., 5.).reshape(2, 2, 2).requires_grad_()
q = torch.tensor([[1., 2.], [0.5, -1.]], requires_grad=True)
a = p * q
b = torch.arange(8.).reshape(2, 4).t()""",
    """p = torch.tensor([0.5, 1., -1., 2.], dtype=torch.float64, requires_grad=True)
q = torch.ones(2, 2, requires_grad=True)
a = p.clone()
b = torch.arange(4.)""",
    """n = np.arange(8.).reshape(2, 4)
p = torch.ones(2, 4, dtype=torch.float64, requires_grad=True)
a = torch.from_numpy(n)
b = a * p""",
    """p = torch.tensor([[1., 2.], [3., 4.]], requires_grad=True)
a = p.t()
b = torch.arange(4.).reshape(2, 2)""",
]
NAMES = "abcdef"
NUMBERS = ["2", "0.5", "-1.", "3"]
UNARY = ["neg", "abs", "relu", "sigmoid", "tanh", "sin", "square", "exp"]
HOLDS = 8  # a tensor with more elements is not expanded


class Writer:
    """Writes lines. `pick(options)` chooses; `space` holds PyTorch's variables at this point."""

    def __init__(self, pick, torch, space):
        self.pick, self.torch, self.space = pick, torch, space

    # ---- variables

    def chance(self, one_in):
        return self.pick(range(one_in)) == 0

    def tensors(self):
        return [k for k, v in self.space.items() if isinstance(v, self.torch.Tensor)]

    def name(self):
        return self.pick(self.tensors())

    def target(self):
        """A name to assign to: a new one, or sometimes one in use."""
        free = [n for n in NAMES if n not in self.space]
        return free[0] if free and not self.chance(5) else self.pick(NAMES)

    def fitting(self, shape, apart=None):
        """A tensor or a number that broadcasts to a shape; not the tensor `apart`, to which it will be written."""
        names = [k for k in self.tensors() if _broadcasts(tuple(self.space[k].shape), shape)]
        if apart is not None:
            names = [k for k in names if not _in_the_way(self.space[k], self.space[apart])]
            return self.pick([*names, *names, *NUMBERS])
        return self.pick([*names, *names, *NUMBERS]) if not self.chance(15) else self.name()

    def broken(self, x):
        """Whether autograd cannot follow a view. Such a view gets no wrong arguments: which error PyTorch raises first depends on
        whether its function calls other functions."""
        return isinstance(_tried(lambda: self.space[x].grad_fn), tuple)

    # ---- lines

    def line(self):
        kinds = (
            [self.look_at] * 6 + [self.several] + [self.compute] * 4 + [self.write] * 8 + [self.relook] + [self.odd] * 2
        )
        if "n" not in self.space:  # PyTorch saves the memory that NumPy writes to, jtorch a copy
            kinds += [self.differentiate] * 4
        kind = self.pick(kinds)
        line = kind()
        if self.chance(9) and kind != self.relook:
            mode = self.pick(["no_grad"] * 6 + ["enable_grad"] + ["inference_mode"] * line.startswith("r = "))
            return f"with torch.{mode}():\n    " + line
        return line

    def look_at(self):
        x = self.name()
        return f"{self.target()} = {self.pick(self.views(x))}"

    def views(self, x):
        t = self.space[x]
        shape, n = tuple(t.shape), t.numel()
        made = ["{x}[...]", "{x}.squeeze()", "{x}.view(-1)", "{x}.reshape(-1)", "{x}.flatten()", "{x}.detach()",
                "{x}.data", "{x}.view_as({x})", "{x}.as_strided((2,), (2,), 1)", "{x}.as_strided((2, 2), (2, 1))"]  # fmt: skip
        if len(shape) < 3:
            made += ["{x}[None]", "{x}.unsqueeze(-1)", "{x}.unsqueeze(0)", "{x}[..., None]"]
        if n <= HOLDS // 2:
            made += ["{x}.expand(2, *{x}.shape)", "{x}.broadcast_to((2, *{x}.shape))"]
        made += [f"{x}.view({s})" for s in _SHAPES.get(n, ())] + [f"{x}.reshape({s})" for s in _SHAPES.get(n, ())]
        if shape:
            made += ["{x}[0]", "{x}[-1]", "{x}[1:]", "{x}[::2]", "{x}[..., 0]", "{x}[..., -1]", "{x}[..., 1:]",
                     "{x}[:1]", "{x}.narrow(-1, 0, 1)", "{x}.select(-1, 0)", "{x}.split(1)[0]", "{x}.unbind()[-1]",
                     "{x}.chunk(2)[0]", "{x}.movedim(0, -1)", "{x}.unfold(-1, 2, 1)", "{x}.unfold(0, 1, 1)", "{x}[1]"]  # fmt: skip
        if len(shape) > 1:
            made += ["{x}.t()", "{x}.mT", "{x}.transpose(0, 1)", "{x}.transpose(0, -1)", "{x}.diagonal()", "{x}[:, 0]",
                     "{x}.diagonal(1)", "{x}[:, 1:]", "{x}.swapaxes(0, 1)", "{x}[0, 1]", "{x}[:, ::2]", "{x}.T",
                     "{x}.diagonal(0, -1, -2)", "{x}.flatten(0, 1)", "{x}[0:1, 1:]"]  # fmt: skip
        if len(shape) > 2:
            made += ["{x}.permute(2, 0, 1)", "{x}[:, 0, 1:]", "{x}.flatten(1)", "{x}[1, ..., None]"]
        if self.chance(20) and not self.broken(x):
            # PyTorch's text about an index of a tensor without dims depends on how its memory was made.
            made = ["{x}.view(3)", *["{x}[9]"] * bool(shape), "{x}.t().view(-1)", "{x}.transpose(0, 5)", "{x}.expand(3, 3)",
                    "{x}[0, 0, 0, 0]",
                    "{x}.narrow(0, 1, 5)",
                    "{x}.as_strided((9,), (9,))", "{x}.squeeze(4)", "{x}[:, 7]", "{x}.diagonal(0, 0, 0)"]  # fmt: skip
        return [m.replace("{x}", x) for m in made]

    def several(self):
        """Several views from one call."""
        x = self.pick([n for n in self.tensors() if self.space[n].dim()] or ["p"])
        call = self.pick([".unbind()", ".split(1)", ".chunk(2)", ".split([1, 1])", ".unbind(-1)", ".tensor_split(2)",
                          ".split(2, -1)", ".chunk(2, -1)"])  # fmt: skip
        a, b = self.pick(NAMES), self.pick(NAMES)
        return f"{a}, {b} = {x}{call}[:2]"

    def compute(self):
        x = self.name()
        y = self.fitting(tuple(self.space[x].shape))
        made = [f"{x} * {y}", f"{x} + {y}", f"{x} - {y}", f"{x} * {x}", f"{x} / 2", f"{x}.clone()", f"{x}.contiguous()",
                f"{x} ** 2", f"{x}.{self.pick(UNARY)}()", f"{x}.sum()", f"{x}.mean()", f"{x}.sum(0)", f"{x}.sum(-1)",
                f"torch.where({x} > 0, {x}, {y})", f"{x}.clamp(-1, 2)", f"torch.zeros_like({x})", f"{x}.cumsum(0)",
                f"{x}[{self.gathered(x)}]", f"{x}[{self.gathered(x)}]", f"torch.stack([{x}, {x}])[1]", f"{x}.flip(0)",
                f"torch.cat([{x}, {x}])[:2]", f"{x}.max()", f"{x}.double()", f"{x}.float()", f"{x}.new_ones(2)",
                f"{x}.amax(-1)", f"{x}.to(torch.float32)", f"{x}.sum()"]  # fmt: skip
        return f"{self.target()} = {self.pick(made)}"

    def gathered(self, x):
        """An index that makes a copy."""
        shape = tuple(self.space[x].shape)
        made = [f"{x} > 1", "None, ..., True"]
        if shape:
            made += ["[0]", "[-1]", "torch.tensor([0, 0])", "..., [0, -1]", f"{x}[0] > {x}[0]", "np.array([0])"]
            made += ["[True, False]", "[1, 0]"] * (shape[0] == 2)
        if len(shape) > 1:
            made += [":, [1]", "[0], :", "None, [0], 1"]
            # PyTorch writes the elements in range before it raises for the rest.
            made += ["[0, 1], [1, 0]", "[[0], [1]], [0, 1]", "0, [1, 0]"] * (min(shape[:2]) > 1)
        return self.pick([*made, "[7]"] if self.chance(12) and not self.broken(x) else made)

    def indexed(self, x):
        """An index of any kind."""
        if self.chance(2):
            return self.gathered(x)
        shape = tuple(self.space[x].shape)
        made = ["...", "()", "None", "True"]
        if shape:
            made += ["0", "-1", ":", "1:", "::2", "..., 0", "..., -1", "..., 1:", ":1", "torch.tensor(1)"]
        if len(shape) > 1:
            made += ["0, 1", ":, 0", "1, 1:", "0, ..., 0"]
        return self.pick([*made, "5", "..., 'a'"] if self.chance(12) and not self.broken(x) else made)

    def write(self):
        names = [n for n in self.tensors() if not _shows_twice(self.space[n]) and not self.space[n].is_inference()]
        if not names:
            return self.compute()
        x = self.pick(names)
        if self.chance(3):
            return self.assign(x)
        shape = tuple(self.space[x].shape)
        y, number = self.fitting(shape, x), self.pick(NUMBERS)
        made = [f"{x}.mul_({y})", f"{x}.add_({y})", f"{x} += {y}", f"{x} *= {number}", f"{x}.sub_({y}, alpha=2)",
                f"{x}.zero_()", f"{x}.fill_({number})", f"{x}.{self.pick(UNARY)}_()", f"{x}.{self.pick(UNARY)}_()",
                f"{x}.clamp_(-2, 3)", f"{x}.div_(2)", f"{x}.masked_fill_({x} > 1, {number})", f"{x}.pow_(2)",
                f"{x}.data.mul_({number})", f"{x}.detach().add_({y})", f"{x}.addcmul_({x}, {x})", f"{x}.sub_({number})",
                f"torch.add({x}, {number}, out={self.written_out(shape)})", f"torch.mul({x}, {y}, out={x})", f"{x}.add_({x})"]  # fmt: skip
        if self.space[x].requires_grad and self.space[x]._is_view():
            made = [m for m in made if "out=" not in m]
        if not y[0].isdigit() and y[0] != "-":
            made += [f"{x}.copy_({y})", f"{x}.copy_({y})", f"{x}.lerp_({x}, 0.5)", f"{x}.copy_({y}.detach())"]
        if shape and all(shape):
            made += [f"{x}.index_fill_(0, torch.tensor([0]), {number})", f"{x}.cumsum_(0)",
                     f"{x}.index_add_(0, torch.tensor([0]), {x}[:1].detach())", f"{x}[0].zero_()", f"{x}[-1].mul_({number})",
                     f"{x}[..., 0].add_({number})", f"{x}.view(-1)[1:].fill_({number})"]  # fmt: skip
        if len(shape) == 2:
            made += [f"{x}.fill_diagonal_({number})"] * (not self.space[x]._is_view())
            made += [
                f"{x}.t().mul_({number})",
                f"{x}.tril_()",
                f"{x}.diagonal().add_(1)",
                f"{x}.scatter_(1, torch.zeros({shape[0]}, 1, dtype=torch.int64), {number})",
            ]
        return self.pick(made)

    def written_out(self, shape):
        """A tensor for `out=`. Not one with a gradient that would change its shape: what backward then does in PyTorch depends on
        the old shape, which its gradient function keeps. Not a tensor that would outgrow NumPy's
        memory: PyTorch refuses it only after it has set the new shape, and then reads past the end."""

        def fits(t):
            return not t.requires_grad and (
                "n" not in self.space or (t.numel() >= math.prod(shape) and not t._is_view())
            )

        return self.pick([k for k in self.tensors() if self.space[k].shape == shape or fits(self.space[k])])

    def assign(self, x):
        index = self.indexed(x)
        if ">" in index:  # how many values fit depends on the mask's values: the error comes when something is read
            return self.pick([f"{x}[{index}] = {self.pick(NUMBERS)}", f"{x}[{index}] *= {self.pick(NUMBERS)}"])
        if not (
            self.space[x].is_floating_point() or self.space[x].is_complex()
        ):  # PyTorch gives such a tensor a history
            return f"{x}[{index}] = {self.pick(NUMBERS)}"
        value = self.pick([*NUMBERS, f"torch.tensor({self.pick(NUMBERS)})", f"{x}[{index}] * 2", "torch.ones(2)",
                           self.fitting(tuple(self.space[x].shape), x), self.fitting((2, 2, 2), x), "torch.full((1,), 4.)"])  # fmt: skip
        if value in self.space and value != x and _one_memory(self.space[value], self.space[x]):
            value = f"{value} * 1"  # PyTorch may read cells that it has just written
        return self.pick(
            [f"{x}[{index}] = {value}"] * 3 + [f"{x}[{index}] += {self.pick(NUMBERS)}", f"{x}[{index}] *= {value}"]
        )

    def differentiate(self):
        rows = "clone(memory_format=torch.contiguous_format)"  # PyTorch keeps the strides of an incoming gradient
        x = self.name()
        y = self.fitting(tuple(self.space[x].shape))
        loss = self.pick(
            [f"{x}.sum()", f"({x} * {x}).sum()", f"({x} * {y}).sum()", f"{x}.mean()", f"{x}.exp().mean()", x]
        )
        leaf = self.pick([n for n in "pq" if n in self.space])
        made = [f"{loss}.backward()", f"{loss}.backward(retain_graph=True)", f"{x}.backward(torch.ones_like({x}))",
                f"{loss}.backward()", f"{loss}.backward()", f"{loss}.backward(inputs=[{leaf}])", f"{x}.retain_grad()",
                f"{self.target()} = torch.autograd.grad({loss}, {leaf}, allow_unused=True)[0].{rows}",
                f"{self.target()} = torch.autograd.grad({loss}, [{self.name()}], retain_graph=True)[0].{rows}",
                f"{self.target()} = torch.autograd.grad({loss}, [{leaf}], create_graph=True)[0].{rows}",
                f"{x}.register_hook(lambda g: g * 2)", f"{x}.register_hook(lambda g: None)", f"{leaf}.grad = None",
                f"{x}.grad.zero_()", f"{self.target()} = {leaf}.grad.data", f"{leaf}.grad.mul_(2)",
                f"{leaf}.register_post_accumulate_grad_hook(lambda t: setattr(t, 'grad', t.grad * 2))",
                f"with torch.no_grad():\n    {leaf} -= 0.5 * {leaf}.grad", f"{leaf}.data.sub_({leaf}.grad)",
                f"{leaf}.data -= 0.5"]  # fmt: skip
        if self.space[x]._is_view() and (x not in "pq" or self.space[x]._base.requires_grad):  # PyTorch may crash
            made = [m for m in made if not m.startswith(f"{x}.register_hook")]
        return self.pick(made)

    def relook(self):
        """Changes the shape, strides or memory of a tensor in place."""
        # If a tensor retains its gradient, PyTorch's own assertion fails at the next write.
        names = [n for n in self.tensors() if not self.space[n].is_inference() and not self.space[n].retains_grad]
        x = self.pick(names or ["b"])
        shape = tuple(self.space[x].shape)
        made = ["{x}.t_()", "{x}.unsqueeze_(0)", "{x}.squeeze_()", "{x}.transpose_(0, -1)", "{x}.detach_()",
                "{x}.resize_(2, 2)", "{x}.resize_(4)", "{x}.set_({x}.detach())", "{x}.data = {x}.data * 2",
                "{x}.as_strided_((2,), (1,))", "{x}.swapaxes_(0, -1)"]  # fmt: skip
        if len(shape) > 2:
            made.remove("{x}.unsqueeze_(0)")
        if self.space[x].numel() < 4:  # new elements would have no defined value
            made = [m for m in made if "resize_" not in m]
        if self.space[x]._is_view() or self.space[x].requires_grad:
            # PyTorch leaves the state of such a tensor undefined.
            made = [m for m in made if "set_" not in m and ".data" not in m and "as_strided_" not in m]
        return self.pick(made).replace("{x}", x)

    def odd(self):
        x = self.name()
        made = [f"{x}.requires_grad_()", f"{x}.requires_grad_(False)", f"{x}.requires_grad = True", f"r = {x}.tolist()",
                f"r = str({x})", f"r = bool({x} > 0)", f"r = len({x})", f"r = {x}.is_contiguous()", f"r = {x}.item()",
                f"r = [v.sum().item() for v in {x}]", f"r = float({x}.sum())", f"r = {x}.numpy().copy()"]  # fmt: skip
        made.append(f"r = {x}.data_ptr() == {self.name()}.data_ptr()")
        if x in NAMES:
            made += [f"del {x}"] * 3
        if "n" in self.space:
            made += ["n[0, 1] = 5", "n *= 2", "n = a.detach().numpy()"] * 2
        return self.pick(made)


class WideWriter(fuzz_words.Words, Writer):
    """Writes lines of all kinds."""

    def shows_twice(self, t):
        return _shows_twice(t)


_SHAPES = {8: ["2, 4", "4, 2", "2, 2, 2", "1, 8"], 4: ["2, 2", "1, 4", "4, 1"], 2: ["1, 2", "2, 1"], 1: ["()", "1, 1"]}


def _dense(t):
    """Whether the elements lie side by side."""
    reach = 1 + sum((n - 1) * s for n, s in zip(t.shape, t.stride(), strict=True))
    return t.numel() == 1 or len(_spots(t)) == t.numel() == reach


def _spots(t):
    """The offsets of the elements, counted from the first."""
    return {sum(i * s for i, s in zip(at, t.stride(), strict=True)) for at in np.ndindex(*t.shape)}


def _shows_twice(t):
    """Whether the view has cells twice and PyTorch does not detect it: it then writes in an order of its own."""
    return len(_spots(t)) < t.numel() and not _expanded(t)


def _expanded(t):
    """Whether the view has cells twice and PyTorch detects it: it refuses to write there."""
    return any(n > 1 and s == 0 for n, s in zip(t.shape, t.stride(), strict=True))


def _one_memory(a, b):
    return a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr()


def _in_the_way(read, written):
    """Whether PyTorch may read cells that it has just written: it detects this only if both tensors are dense."""
    if not _one_memory(read, written):
        return False
    if read.data_ptr() == written.data_ptr() and read.shape == written.shape and read.stride() == written.stride():
        return _expanded(written)  # PyTorch skips a copy onto itself before it checks whether to refuse it
    return not (_dense(read) and _dense(written))


def _broadcasts(shape, to):
    return len(shape) <= len(to) and all(m in (1, n) for m, n in zip(shape[::-1], to[::-1], strict=False))


# ---- what is compared


def seen(torch, space):
    """Every tensor and array by name: values, shapes and strides, versions, gradients, which ones share memory."""
    cells, found = {}, {}
    for name, value in space.items():
        if isinstance(value, torch.Tensor):
            found[name] = facts(value, space, cells)
        elif name in ("n", "r", "y"):
            found[name] = value.tolist() if isinstance(value, np.ndarray) else value
    return found


def facts(x, space, cells):
    base = x._base
    return {
        "value": _tried(x.tolist),
        "dtype": str(x.dtype),
        "shape": tuple(x.shape),
        "stride": tuple(x.stride()),
        "offset": x.storage_offset(),
        "version": _tried(lambda: x._version),
        "view": x._is_view(),
        "leaf": _tried(lambda: x.is_leaf),
        "wants": _tried(lambda: x.requires_grad),
        "fn": _tried(lambda: _bare(x.grad_fn)),
        "cells": cells.setdefault(x.untyped_storage().data_ptr(), len(cells)),
        "base": None if base is None else next((k for k, v in space.items() if v is base), "hidden"),
        "grad": _gradient(x),
        "retains": _tried(lambda: x.retains_grad),
    }


def _tried(fact):
    try:
        return fact()
    except Exception as error:
        return _error(error)


def _gradient(x):
    g = _tried(lambda: x.grad)
    return g if g is None or isinstance(g, tuple) else (g.tolist(), tuple(g.shape), g.requires_grad)


def _bare(node):
    return None if node is None else node.name().removeprefix("torch::autograd::")


def _error(error):
    if isinstance(error, TypeError):
        return "TypeError", ""  # other tables compare the messages about wrong arguments
    text = str(error).partition("\nException raised")[0].partition("\n")[0]
    text = re.sub(r"0x[0-9a-f]+|(?<=expand\()[^{]*", "", text)
    return type(error).__name__, re.sub(r"(?<=output type )\w+", lambda name: name[0].lower(), text)


def replay(torch, lines, look, space=None):
    """What each line raised (or None), and what `seen` gives after each line or at the end only."""
    space = {"torch": torch, "np": np} if space is None else space
    raised, views = [], []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for line in lines:
            raised.append(run(line, space))
            if look:
                views.append(seen(torch, space))
        if not look:
            views.append(seen(torch, space))
    return raised, views


def run(line, space):
    try:
        exec(line, space)
    except Exception as error:
        return _error(error)
    return None


def found():
    """The programs for which jtorch once differed."""
    text = (HERE / "fuzz_found.txt").read_text()
    return [block.strip() for block in text.split("\n\n") if not block.startswith("#")]


def explained():
    """kind of difference -> a program that has it."""
    parts = (HERE / "fuzz_explained.txt").read_text().strip().split("\n\n")
    return dict(part.removeprefix("# ").split("\n", 1) for part in parts)


def plain(replayed):
    """The result of `replay` as JSON keeps it."""
    return json.loads(json.dumps(replayed, default=str))


def write(pick, torch, length):
    """A program as a list of lines."""
    space = {"torch": torch, "np": np}
    writer_of, starts = pick([(Writer, STARTS), (WideWriter, STARTS), (WideWriter, fuzz_words.STARTS)])
    lines = [pick(starts)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run(lines[0], space)
        writer = writer_of(pick, torch, space)
        for _ in range(length):
            lines.append(writer.line())
            run(lines[-1], space)
            for name in [k for k in writer.tensors() if space[k].numel() > 2 * HOLDS or space[k].dim() > 4]:
                del space[name]
                lines.append(f"del {name}")
    return lines


# ---- indexing alone


class Indexer:
    """Writes programs that read from and write to one tensor by an index of any mix."""

    def __init__(self, pick, torch):
        self.pick, self.torch = pick, torch

    def chance(self, one_in):
        return self.pick(range(one_in)) == 0

    def program(self):
        """The tensor, what an index selects, and one or two writes through an index that selects something."""
        shape = [
            self.pick([1, 2, 2, 3, 3, 0] if self.chance(6) else [1, 2, 2, 3])
            for _ in range(self.pick([1, 2, 2, 3, 3, 4]))
        ]
        lines = [f"x = torch.arange({math.prod(shape)}{self.pick(['.', '.', '', '.'])}).reshape({shape})"]
        if len(shape) > 1 and self.chance(3):
            lines.append(f"x = x.{self.pick(['transpose(0, 1)', 'transpose(0, -1)', 'flip(0)', 'mT'])}")
        elif self.chance(6):
            lines.append(f"x = x.{self.pick(['double()', 'bool()', 'int()', 'half()'])}")
        space = {"torch": self.torch, "np": np}
        for line in lines:
            run(line, space)
        shape = tuple(space["x"].shape)
        for _ in range(self.pick([1, 2, 2, 3])):
            index = self.index(shape)
            lines.append(f"y = x[{index}]" if self.chance(2) else self.write(index, space))
            run(lines[-1], space)
        return lines

    def write(self, index, space):
        space = {**space, "x": space["x"].clone()}
        failed = run(f"y = x[{index}]", space)
        if failed and ("[" in index or "(" in index):  # PyTorch writes what is in range, then raises
            return f"y = x[{index}]"
        shape = list(space["y"].shape) if failed is None else [1]
        number = self.pick(["5", "-2.5", "True", "torch.tensor(7)", "torch.tensor(2.5)", "np.float32(3)"])
        if failed or self.chance(3):
            return f"x[{index}] {self.pick(['=', '=', '=', '+=', '*='])} {number}"
        shape = [1 if self.chance(5) else n for n in shape]
        if self.chance(5):
            shape = shape[self.pick(range(len(shape))) :] if shape else [1]
        if self.chance(5):
            shape = [1, *shape]
        if "True" not in index and "> " not in index and self.chance(12):  # a mask's error comes when a value is read
            shape = [*shape, 2]
        dtype = self.pick(["dtype=x.dtype"] * 5 + ["dtype=torch.int64", "dtype=torch.float32"])
        return f"x[{index}] = 10 + torch.arange({math.prod(shape)}, {dtype}).reshape({shape})"

    def index(self, shape):
        items, at, dots = [], 0, False
        while at < len(shape) and not (items and self.chance(4)):
            kind = self.pick(["number"] * 3 + ["slice"] * 4 + ["list"] * 3 + ["mask"] + ["none", "dots", "odd"])
            if kind == "dots" and not dots:
                dots, at = True, self.pick(range(at, len(shape) + 1))
                items.append("...")
            elif kind == "none":
                items.append("None")
            elif kind == "mask" and len(shape) - at > 1 and self.chance(2):
                items.append(
                    f"torch.arange({math.prod(shape[at : at + 2])}).reshape({list(shape[at : at + 2])}) % 2 > 0"
                )
                at += 2
            elif kind == "odd" and self.chance(2):
                items.append(
                    self.pick(
                        ["True", "False", "torch.tensor(True)", "'a'", "1.5", "()", "[]", "range(1)", "0, 0, 0, 0, 0"]
                    )
                )
            else:
                items.append(self.item(kind, shape[at]))
                at += 1
        return ", ".join(items) if items and not self.chance(25) else self.pick(["...", "None", "()", "True", ":"])

    def item(self, kind, n):
        """An index for one dimension of size n."""

        def place():
            return self.pick([n, -n - 1, 7]) if self.chance(40) or not n else self.pick(range(-n, n))

        if kind == "slice":
            start, stop = (self.pick(["", "", *range(-n - 1, n + 2)]) for _ in range(2))
            step = self.pick(["", "", 1, 2, 3])
            if self.chance(40):
                step = self.pick([0, -1, "None", "torch.tensor(1)", "True"])
            return f"{start}:{stop}:{step}" if step != "" else f"{start}:{stop}"
        if kind == "mask":
            kept = [self.chance(2) for _ in range(n + self.chance(30))]
            return self.pick([f"{kept}", f"np.array({kept}, bool)", f"torch.tensor({kept}, dtype=torch.bool)"])
        if kind == "list":
            some = [place() for _ in range(self.pick([1, 2, 2, 2, 3]))]
            if self.chance(4):
                some = [some, [place() for _ in some]]
            return self.pick(
                [
                    f"{some}",
                    f"np.array({some})",
                    f"torch.tensor({some})",
                    f"torch.tensor({some})",
                    f"torch.tensor({some}, dtype=torch.int32)",
                ]
            )
        at = place()
        return self.pick([f"{at}", f"{at}", f"{at}", f"torch.tensor({at})", f"np.int64({at})", f"np.array({at})"])


# ---- differences


def close(got, want):
    """Equal, numbers up to rounding."""
    if isinstance(want, list | tuple):
        return isinstance(got, list | tuple) and len(got) == len(want) and all(map(close, got, want))
    if isinstance(want, dict):
        return isinstance(got, dict) and got.keys() == want.keys() and all(close(got[k], want[k]) for k in want)
    if isinstance(want, complex) and isinstance(got, complex):
        return close([got.real, got.imag], [want.real, want.imag])
    if isinstance(want, float) and isinstance(got, float):
        if not math.isfinite(want) or not math.isfinite(got):
            return repr(got) == repr(want) or max(abs(got), abs(want)) > 1e30
        return abs(got - want) <= 1e-3 * max(1.0, abs(want))
    if isinstance(want, str) and isinstance(got, str):  # `r = str(x)`: the last digit may differ
        return got == want or unlike_text(got, want) is None
    return got == want


REFUSED = {  # how an error of jtorch begins -> the kind of difference
    "gradients through a view that was made before its base was reshaped": "views made before",
    "writing through a view that shows elements more than once": "cells shown twice",
    "backward through a view that an op wrote to, and then a write through `.data`": "addresses of views",
}
# The kinds of differences that have a reason: it stands in tests/tables/deviations.json.
EXPLAINED = tuple([row.removeprefix("fuzz: ") for row in REASONS if row.startswith("fuzz: ")])


def _kind(got, want, before):
    """The kind of difference, if it is one of EXPLAINED, of what a line raised (None if it raised nothing)."""
    if want is None:
        if got[0] == "NotImplementedError":
            return _refusal(got)
        return "data" if "modified by an inplace" in got[1] and ".data" in before else None
    late = got is None or "backward through the graph a second time" in got[1]
    if late and "modified by an inplace" in want[1]:
        return "overwritten results"
    if got is not None and want[1].startswith("A view was created in no_grad mode"):
        return "order of errors"
    if got is None and want[1].startswith("Negation, the `-` operator, on a bool tensor"):
        return "gradients of bools"
    return None


def _refusal(error):
    return next((kind for text, kind in REFUSED.items() if error[1].startswith(text)), None)


def first(lines, got, want, look):
    """The first difference of two replays as text; None if there is none; its kind if it is one of EXPLAINED."""
    for i, (a, b) in enumerate(zip(got[0], want[0], strict=True)):
        if a != b:
            return _kind(a, b, "".join(lines[:i])) or f"line {i} {lines[i]!r} raised {a}, want {b}"
        if look and (found := _unlike(got[1][i], want[1][i])):
            if b is not None and b[1].startswith("derivative for aten::") and ".grad is" in found:
                return "order of errors"  # PyTorch had not come to a leaf when a node without a derivative raised
            return found if found in EXPLAINED else f"after line {i} {lines[i]!r}: {found}"
    found = None if look else _unlike(got[1][0], want[1][0])
    return found if found is None or found in EXPLAINED else f"at the end: {found}"


def _unlike(got, want):
    for name in sorted(got.keys() | want.keys()):
        a, b = got.get(name, "missing"), want.get(name, "missing")
        if isinstance(a, dict) and isinstance(b, dict):
            for key in b:
                if not close(a[key], b[key]):
                    if isinstance(a[key], list | tuple) and list(a[key][:1]) == ["NotImplementedError"]:
                        if kind := _refusal(a[key]):
                            return kind
                    return f"{name}.{key} is {a[key]}, want {b[key]}"
        elif not close(a, b):
            return f"{name} is {a}, want {b}"
    return None


def difference(torch, jtorch, lines, whole=False):
    """The first difference between PyTorch and jtorch on a program, as text; None if there is none."""
    want = replay(torch, lines, True)
    if found := first(lines, replay(jtorch, lines, True), want, True):
        return found
    want = replay(torch, lines, False)
    for _ in range(1 + 2 * whole):
        if found := first(lines, replay(jtorch, lines, False), want, False):
            return found if found in EXPLAINED else f"unlooked-at, {found}"
    return None


def reduced(torch, jtorch, lines, whole=False):
    """The program without the lines that the difference does not depend on."""
    at = len(lines) - 1
    while at > 0:
        shorter = lines[:at] + lines[at + 1 :]
        found = difference(torch, jtorch, shorter, whole)
        if found and found not in EXPLAINED:
            lines = shorter
        at -= 1
    return lines


# ---- many programs


def main():
    import torch

    import jtorch

    torch.set_num_threads(1)
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--length", type=int, default=8)
    parser.add_argument("--whole", type=int, default=10, help="compile every so-manyth program whole")
    parser.add_argument("--index", action="store_true", help="programs that index one tensor")
    parser.add_argument("--fails", type=int, default=20, help="stop after so many differences")
    options = parser.parse_args()
    same = refused = failed = 0
    start = time.time()
    faulthandler.enable()
    for seed in range(options.seed, options.seed + options.count):
        rng = random.Random(seed)
        if options.index:
            lines = Indexer(rng.choice, torch).program()
        else:
            lines = write(rng.choice, torch, rng.randint(2, options.length))
        whole = seed % options.whole == 0
        found = difference(torch, jtorch, lines, whole)
        same += found is None
        refused += found in EXPLAINED
        if found and found not in EXPLAINED:
            failed += 1
            lines = reduced(torch, jtorch, lines, whole)
            print(f"--- seed {seed}: {difference(torch, jtorch, lines, whole)}\n" + "\n".join(lines), flush=True)
            if failed == options.fails:
                break
        if seed % 1000 == 999:
            print(
                f"{seed + 1}: {same} the same, {refused} explained, {failed} different, {time.time() - start:.0f} s",
                flush=True,
            )
    print(
        f"seeds {options.seed} to {seed}: {same} the same, {refused} explained, {failed} different, {time.time() - start:.0f} s"
    )
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
