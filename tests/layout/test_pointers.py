"""Each path and dotted name of jtorch in a docstring or comment exists."""

import ast
import importlib
import io
import re
import tokenize
from collections import defaultdict
from functools import cache
from pathlib import PurePath

import pytest

from tests import ROOT
from tests.layout.test_layout import FILE_OF, FILES, dotted, tree_of

PATH = re.compile(r"(?<![\w/.])jtorch(?:/\w+)+\.\w+")
NAME = re.compile(r"(?<![\w/.])jtorch(?:\.\w+)+")
SHORT = re.compile(r"`(\w+)\.(\w+)`")  # `calls.Call`: a file of core and what it defines; `Trace.record`: a class of it

AS_TORCH = "jtorch.as_torch"  # not imported here: after that, `import torch` would mean jtorch in this process


def texts(name):
    """(line, text) of each comment and docstring of a file."""
    for token in tokenize.generate_tokens(io.StringIO(FILES[name]).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(tree_of(name)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
            yield node.body[0].lineno, ast.get_docstring(node)


@cache
def resolves(name):
    """Whether a dotted name is a module, or an attribute of one."""
    parts = name.split(".")
    if parts[:2] == AS_TORCH.split("."):
        return parts[2:] in ([], ["scope"])
    for count in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:count]))
        except ImportError:
            continue
        return _has(found, parts[count:])
    return False


def _has(found, names):
    for name in names:
        if not hasattr(found, name):
            return False
        found = getattr(found, name)
    return True


@cache
def modules_by_stem():
    """The modules of jtorch by the last part of their names."""
    found = defaultdict(list)
    for module in FILE_OF:
        if module != AS_TORCH:
            found[module.split(".")[-1]].append(importlib.import_module(module))
    return found


@cache
def classes_by_name():
    """The attributes of the classes of core and of their instances, by the name of the class."""
    found = defaultdict(set)
    for path in FILES:
        for node in ast.walk(tree_of(path)) if path.startswith("jtorch/core/") else ():
            if isinstance(node, ast.ClassDef):
                module = importlib.import_module(dotted(path))
                found[node.name] |= {*dir(getattr(module, node.name, None))}
                found[node.name] |= {n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)}
                found[node.name] |= {n.target.id for n in node.body if isinstance(n, ast.AnnAssign)}
    return found


def short_resolves(first, second):
    """Whether `first.second` is defined in that file or class of core, or is not about core at all."""
    if first in classes_by_name():
        return second in classes_by_name()[first]
    stems = {PurePath(path).stem for path in FILES if path.startswith("jtorch/core/")}
    found = modules_by_stem()[first]
    return first not in stems or any(_has(m, [second]) or _has(m, [first, second]) for m in found)


@pytest.mark.parametrize("name", FILES)
def test_what_a_comment_points_to_is_there(name):
    lost = []
    for line, text in texts(name):
        lost += [f"{line}: {path}" for path in PATH.findall(text) if not (ROOT / path).exists()]
        lost += [f"{line}: {found}" for found in NAME.findall(text) if not resolves(found)]
        lost += [f"{line}: {a}.{b}" for a, b in SHORT.findall(text) if not short_resolves(a, b)]
    assert not lost, f"{name}: " + ", ".join(lost)
