"""The imports of a program, rewritten: `import torch.nn as nn` becomes `import jtorch.nn as nn`. All else stays as it is.

Needs libcst, which keeps every comment and space.
"""

from __future__ import annotations

import sys

import libcst as cst

from jtorch.cli.hook import ours


def rewritten(code: str) -> str:
    """The code with its imports changed.

    Raises:
        libcst.ParserSyntaxError: it is not Python.

    Example:
        >>> print(rewritten("import torch, os  # both\\nfrom torchvision import datasets"))
        import jtorch as torch, os  # both
        from jtorch.vision import datasets
    """
    return cst.parse_module(code).visit(_Imports()).code


class _Imports(cst.CSTTransformer):
    def leave_ImportFrom(self, original_node, updated_node):
        if updated_node.relative or updated_node.module is None:
            return updated_node
        path = ours(_dotted(updated_node.module))
        return updated_node if path is None else updated_node.with_changes(module=_as_path(path))

    def leave_Import(self, original_node, updated_node):
        names = []
        for alias in updated_node.names:
            names += _aliases(alias)
        if names and isinstance(names[-1].comma, cst.Comma):
            names[-1] = names[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
        return updated_node.with_changes(names=names)


def _aliases(alias):
    """What an alias of an import becomes: `torch.utils.x` imports the module and binds `torch`, so it becomes two."""
    name = _dotted(alias.name)
    path = ours(name)
    if path is None:
        return [alias]
    if alias.asname is not None:
        return [alias.with_changes(name=_as_path(path))]
    root = name.partition(".")[0]
    bound = alias.with_changes(name=_as_path(ours(root)), asname=_as(root))
    if path in sys.modules and path.startswith("jtorch.") and not path.startswith("jtorch.vision"):
        return [bound]  # imported with jtorch itself
    if path == ours(root):
        return [bound]
    comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
    return [alias.with_changes(name=_as_path(path), comma=comma), bound]


def _as(name):
    space = cst.SimpleWhitespace(" ")
    return cst.AsName(cst.Name(name), whitespace_before_as=space, whitespace_after_as=space)


def _dotted(node):
    return node.value if isinstance(node, cst.Name) else f"{_dotted(node.value)}.{node.attr.value}"


def _as_path(dotted):
    first, *rest = dotted.split(".")
    node = cst.Name(first)
    for part in rest:
        node = cst.Attribute(node, cst.Name(part))
    return node
