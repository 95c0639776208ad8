"""Single-file programs drawn at random from checkouts, and what `jtorch port` says of them before they run."""

from __future__ import annotations

import ast
import importlib.util
import random
import sys
from functools import cache
from pathlib import Path

from jtorch.cli.port.findings import findings_of
from jtorch.cli.port.sources import Source
from tests.programs.public import Program

SEED = 1
EACH = 6  # of a repository


def drawn(folder: Path, seed: int = SEED, each: int = EACH) -> list[Program]:
    """Up to `each` programs of each repository."""
    found = []
    for repository in sorted(folder.iterdir()) if folder.is_dir() else ():
        files = [path for path in sorted(repository.rglob("*.py")) if is_program(path.relative_to(folder), folder)]
        random.Random(f"{seed} {repository.name}").shuffle(files)
        for path in files[:each]:
            place = path.parent.relative_to(repository).as_posix()
            name = f"drawn/{repository.name}/{path.relative_to(repository).as_posix()}"
            found.append(Program(f"drawn/{repository.name}", place, [[path.name]], limit=60, name=name))
    return found


def is_program(path: Path, folder: Path) -> bool:
    """Whether a file is a program for PyTorch by itself: it does something, imports PyTorch, and all it imports is here."""
    tests = any(part.startswith(".") or "test" in part.lower() for part in path.parts)
    if tests or (folder / path).stat().st_size > 40_000:
        return False
    try:
        tree = ast.parse((folder / path).read_text(encoding="utf-8"))
    except (SyntaxError, ValueError):
        return False
    imported = {
        *(alias.name.partition(".")[0] for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names),
        *("" if n.level else n.module.partition(".")[0] for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)),
    }
    acts = any(
        isinstance(node, ast.For | ast.If | ast.With | ast.While)
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call))
        for node in tree.body
    )
    return acts and "torch" in imported and all(map(_is_here, imported))


@cache
def _is_here(module):
    if module == "torch" or module in sys.stdlib_module_names:  # under `jtorch run`, torch is always there
        return True
    try:
        return bool(module) and importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def says_that_it_runs(path: Path) -> bool:
    """Whether `jtorch port` says "runs unchanged"."""
    return not any(finding.code.startswith(("J0", "J1")) for finding in findings_of(Source(path)).findings)
