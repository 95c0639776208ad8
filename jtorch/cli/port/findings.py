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
from jtorch.cli.port.sources import Source

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
    """Read a program. A name that is not here, or that differs, is told where it is used first.

    Raises:
        SyntaxError: it is no Python.
    """
    reader = HazardReader()
    reader.visit(ast.parse(source.text, source.file))
    found, told, here = [], set(), 0
    for use in reader.uses:
        lost, thing = looked_up(use.name)
        is_here = lost is None or use.guarded
        here += is_here
        if not is_here and lost not in told:
            why = reason(lost) or "no name of PyTorch 2.13, or not built yet"
            found.append((use.line, use.column, "J102" if use.is_import else "J101", f"{lost} is not here: {why}"))
            told.add(lost)
        elif is_here and not use.is_import and use.name not in told and (text := difference(thing)):
            found.append((use.line, use.column, "J201", f"{use.name} differs: {text}"))
            told.add(use.name)
    found += [(line, column, code, SAYS[code]) for line, column, code in reader.hazards]
    return Answer(
        [Finding(*source.place(line), column, code, text) for line, column, code, text in sorted({*found})],
        len(reader.uses),
        here,
    )


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
