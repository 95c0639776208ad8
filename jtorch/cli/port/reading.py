"""Which of PyTorch's names a program uses, and where: `nn.Linear` after `from torch import nn` is torch.nn.Linear.

Reads the syntax tree and runs nothing. A name that a function binds to something else is not taken for PyTorch's.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

ROOTS = ("torch", "torchvision")
APART = {  # packages of PyTorch's that are built against its inside
    "functorch": "PyTorch's own package; its functions are in torch.func",
    "torchgen": "PyTorch's own package, which writes its C++",
    "torchaudio": "its C++ is built against PyTorch's",
    "torchtext": "its C++ is built against PyTorch's",
}
CAUGHT = {"ImportError", "ModuleNotFoundError", "AttributeError", "Exception", "BaseException"}
ASKS = {"hasattr", "is_available", "TYPE_CHECKING", "find_spec", "__version__", "is_initialized"}
SCRIPTED = {f"torch.jit.{name}" for name in ("script", "trace", "trace_module", "freeze", "optimize_for_inference")}
OF_SCRIPTS = {"code", "code_with_constants", "graph", "graph_for", "inlined_graph", "save", "save_to_buffer"}


class Use(NamedTuple):
    """A name of PyTorch in a program.

    `guarded`: the program does something else where the name is missing, or asks before it uses it. `optional`: it is in
    an `if`, such as one of an option on the command line; `function`: the function at the top of the file that it is in.
    """

    name: str
    line: int
    column: int
    guarded: bool
    is_import: bool
    optional: bool = False
    function: str | None = None


class ProgramReader(ast.NodeVisitor):
    """Collects `uses` of one program, or of the cells of one notebook together."""

    def __init__(self):
        self.uses: list[Use] = []
        self.scopes: list[dict[str, str | None]] = [{}]  # name -> PyTorch's path; None: something else
        self.guarded = 0
        self.optional = 0  # inside of so many `if`s
        self.function: str | None = None
        self.scripts: set[str] = set()  # names of what TorchScript has made
        self.calls: dict[str, list[bool]] = {}  # a function's name -> whether each call of it is optional

    def resolved(self, node) -> str | None:
        """PyTorch's dotted name for `a.b.c`; None if it is something else."""
        parts = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return None
        home = next((scope[node.id] for scope in reversed(self.scopes) if node.id in scope), None)
        return home and ".".join([home, *reversed(parts)])

    def _add(self, name, node, is_import=False):
        self.uses.append(
            Use(name, node.lineno, node.col_offset + 1, self.guarded > 0, is_import, self.optional > 0, self.function)
        )

    def is_optional(self, use: Use) -> bool:
        """Whether a use is in an `if`, or in a function that is called in such places only."""
        return use.optional or all(self.calls.get(use.function, [False]))

    # ---- imports

    def visit_Import(self, node):
        for alias in node.names:
            root = alias.name.partition(".")[0]
            if root in APART:
                self._add(root, node, True)
            elif root in ROOTS:
                self._add(alias.name, node, True)
                self.scopes[-1][alias.asname or root] = alias.name if alias.asname else root

    def visit_ImportFrom(self, node):
        root = "" if node.level else (node.module or "").partition(".")[0]
        if root in APART:
            self._add(root, node, True)
        if root not in ROOTS:
            return
        for alias in node.names:
            name = node.module if alias.name == "*" else f"{node.module}.{alias.name}"
            self._add(name, node, True)
            self.scopes[-1][alias.asname or alias.name] = name

    # ---- uses

    def visit_Attribute(self, node):
        name = self.resolved(node)
        if node.attr in OF_SCRIPTS and self._is_script(node.value):
            self._add(f"torch.jit.ScriptModule.{node.attr}", node)
        if name is None:
            self.generic_visit(node)
        elif isinstance(node.ctx, ast.Load):
            self._add(name, node)

    def visit_Call(self, node):
        if isinstance(node.func, ast.Name):
            self.calls.setdefault(node.func.id, []).append(self.optional > 0)
        self.generic_visit(node)

    def _is_script(self, node):
        return ast.unparse(node) in self.scripts or (
            isinstance(node, ast.Call) and self.resolved(node.func) in SCRIPTED
        )

    def visit_Assign(self, node):
        self.generic_visit(node)
        for target in node.targets:
            text = ast.unparse(target)
            self.scripts.add(text) if self._is_script(node.value) else self.scripts.discard(text)
        name = self.resolved(node.value) if isinstance(node.value, ast.Attribute | ast.Name) else None
        for target in node.targets:
            if name and isinstance(target, ast.Name):
                self.scopes[-1][target.id] = name  # F = torch.nn.functional

    # ---- scopes

    def _visit_function(self, node):
        if any(self.resolved(mark) in SCRIPTED for mark in getattr(node, "decorator_list", ())):
            self.scripts.add(node.name)
        for part in (*node.args.defaults, *filter(None, node.args.kw_defaults), *getattr(node, "decorator_list", ())):
            self.visit(part)
        given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
        for argument in filter(None, given):
            if argument.annotation is not None:
                self.visit(argument.annotation)
        body = node.body if isinstance(node.body, list) else [node.body]
        bound = [argument.arg for argument in filter(None, given)] + [*_bound(body)]
        self.scopes.append(dict.fromkeys(bound))
        outside = self.function
        self.function = outside or getattr(node, "name", None)
        for part in body:
            self.visit(part)
        self.function = outside
        self.scopes.pop()

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = _visit_function

    # ---- what the program is prepared for

    def visit_Try(self, node):
        kinds = {name for handler in node.handlers for name in _names_in(handler.type)} if node.handlers else set()
        bare = any(handler.type is None for handler in node.handlers)
        self._visit_guarded(node.body, bare or bool(kinds & CAUGHT))
        for part in (*node.handlers, *node.orelse, *node.finalbody):
            self.visit(part)

    def visit_If(self, node):
        self.visit(node.test)
        names = _names_in(node.test)
        optional = "__name__" not in names
        self.optional += optional
        self._visit_guarded(node.body, bool(names & ASKS))
        for part in node.orelse:
            self.visit(part)
        self.optional -= optional

    def visit_IfExp(self, node):
        self.visit(node.test)
        self._visit_guarded([node.body], bool(_names_in(node.test) & ASKS))
        self.visit(node.orelse)

    def _visit_guarded(self, nodes, guarded):
        self.guarded += guarded
        for node in nodes:
            self.visit(node)
        self.guarded -= guarded


def nodes_in(tree) -> Iterator[ast.AST]:
    """All nodes of a syntax tree, the outer ones first."""
    todo = [tree]
    for node in todo:
        yield node
        todo += ast.iter_child_nodes(node)


def _names_in(node) -> set[str]:
    """All names and attributes in an expression."""
    found = nodes_in(node) if node is not None else ()
    return {n.id if isinstance(n, ast.Name) else n.attr for n in found if isinstance(n, ast.Name | ast.Attribute)}


def _bound(body) -> Iterator[str]:
    """What a function binds by an assignment, a loop or a `with`, without functions inside of it."""
    todo = [*body]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            todo += ast.iter_child_nodes(node)
