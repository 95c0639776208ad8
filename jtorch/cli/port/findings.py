"""What there is to say of a program: names that are not here, names that differ, and hazards."""

from __future__ import annotations

import ast
import inspect
import re
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import NamedTuple

import jtorch
from jtorch.cli.hook import ours
from jtorch.cli.missing import reason
from jtorch.cli.port.hazards import SAYS, HazardReader
from jtorch.cli.port.reading import APART
from jtorch.cli.port.sources import Source

NEITHER = ("not in PyTorch", "gone from PyTorch", "gone from torchvision")  # how the reason for such a name begins
NO_SCRIPTS = "jtorch has no TorchScript: `script` and `trace` return what they are given"
_RAISES = re.compile(r"Raises (?:NotImplementedError|OnnxExporterError)(?:: (.+?))?\.(?:\s|$)", re.DOTALL)
_DIFFERS = re.compile(r"Differs from torch: *(.+?)(?:\.(?:\s|$)|\n\s*\n)", re.DOTALL)


class Finding(NamedTuple):
    """One line of the report. J1..: a name that is not here; J2..: one that differs; J3..: a hazard; J4..: a comparison."""

    file: str
    line: int
    column: int
    code: str
    message: str

    def __str__(self):
        return f"{self.file}:{self.line}:{self.column} {self.code} {self.message}"


class Answer(NamedTuple):
    """What is known of a program: its findings, and how many of its uses of PyTorch's names are here."""

    findings: list[Finding]
    uses: int
    here: int

    @property
    def runs(self) -> bool:
        """Whether the program should run with its imports changed."""
        return self.uses == self.here


def findings_of(source: Source) -> Answer:
    """Read a program. A name that jtorch lacks, or that differs, is reported where it is used first.

    Raises:
        SyntaxError: it is not Python.
    """
    reader = HazardReader()
    reader.visit(ast.parse(source.text, source.file))
    found, told, here = [], set(), 0
    for use in reader.uses:
        code, text, counts = _judged(reader, use)
        here += counts
        if code and text not in told:
            told.add(text)
            found.append((use.line, use.column, code, text))
    found += [(line, column, code, SAYS[code]) for line, column, code in reader.hazards]
    return Answer(
        [Finding(*source.place(line), column, code, text) for line, column, code, text in sorted({*found})],
        len(reader.uses),
        here,
    )


def _judged(reader, use):
    """(code or None, message, whether the name is here) of one use."""
    if use.name in APART:
        return None if use.guarded else "J102", f"{use.name} is not here: {APART[use.name]}", use.guarded
    lost, thing = looked_up(use.name)
    if lost is not None:
        own = NO_SCRIPTS if use.name.startswith("torch.jit.ScriptModule.") else None
        why = own or reason(lost) or "no name of PyTorch 2.13, or not built yet"
        if why.startswith(NEITHER):
            return "J202", f"{lost} is {why}", True  # a line that fails under PyTorch, too, if it is ever reached
        code = None if use.guarded else "J102" if use.is_import else "J101"
        return code, f"{lost} is not here: {why}", use.guarded
    if use.is_import:
        return None, "", True
    if (raises := _RAISES.match(inspect.getdoc(thing) or "")) and not isinstance(thing, ModuleType):
        optional = use.guarded or reader.is_optional(use)
        text = f"{use.name} only raises" + (f": {raises[1]}" if raises[1] else "")
        return ("J203" if optional else "J103"), text, optional
    text = difference(thing)
    return ("J201" if text else None), f"{use.name} differs: {text}", True


@cache
def looked_up(name: str) -> tuple[str | None, object]:
    """(None, what jtorch has for one of PyTorch's names), or (the first part of the name that is not here, None)."""
    parts = name.split(".")
    at = jtorch if parts[0] == "torch" else import_module(ours(parts[0]))
    for count, part in enumerate(parts[1:], 2):
        if not hasattr(at, part):
            try:
                import_module(ours(".".join(parts[:count])))
            except ImportError:
                return ".".join(parts[:count]), None
        at = getattr(at, part, None)
        if not isinstance(at, type | ModuleType):
            break  # an attribute of a value: any
    return None, at


def difference(thing) -> str | None:
    """The first sentence of what the docstring says under *Differs from torch*."""
    if isinstance(thing, ModuleType) or thing is None:
        return None
    found = _DIFFERS.search(inspect.getdoc(thing) or "")
    return " ".join(found[1].split()) if found else None
