"""What no name shows: places of a program that are slow under jtorch, or that mean something else."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from jtorch.cli.port.reading import ProgramReader, nodes_in

READS = {"item", "tolist", "numpy"}
SAYS = {
    "J301": "reads a value in each round of an inner loop: the program is computed up to here, and Python waits for it",
    "J302": "an address of memory: jtorch has one on the CPU only, and a later operation may leave it",
    "J303": "compiles C++ or CUDA code against PyTorch: jtorch cannot load it; write it as a JAX function",
    "J304": "grows in each round of a loop: each new shape is recorded anew; write into a tensor of the final shape",
    "J305": "has no effect: every program is compiled, and what this option chooses is XLA's",
    "J306": "has no effect: XLA orders what a device does",
    "J307": "runs what the file says: jtorch does, too, but a file of classes that it does not have cannot be read",
    "J308": "imports PyTorch by a string, which is not rewritten: use `jtorch run`, or change the string",
}
STREAMS = tuple(
    f"torch.cuda.{name}" for name in ("Stream", "stream", "current_stream", "set_stream", "graph", "CUDAGraph")
)


class HazardReader(ProgramReader):
    """Collects `hazards`: (line, column, code)."""

    def __init__(self):
        super().__init__()
        self.loops: list[ast.AST] = []
        self.hazards: list[tuple[int, int, str]] = []
        self.seldom = 0  # inside of so many `if step % 100 == 0`

    def _warn(self, node, code):
        self.hazards.append((node.lineno, node.col_offset + 1, code))

    def _visit_loop(self, node):
        self.loops.append(node)
        outside, self.seldom = self.seldom, 0
        self.generic_visit(node)
        self.seldom = outside
        self.loops.pop()

    visit_For = visit_While = visit_AsyncFor = _visit_loop

    def _in_inner_loop(self):
        """Whether each round is short and comes here: a loop in a loop, or one that takes training steps."""
        return not self.seldom and (
            len(self.loops) > 1 or bool(self.loops and {"backward", "step"} & {*_called(self.loops[-1])})
        )

    def visit_If(self, node):
        if self._in_inner_loop() and any(self._is_tensor(part) for part in nodes_in(node.test)):
            self._warn(node, "J301")
        seldom = any(isinstance(part, ast.Mod) for part in nodes_in(node.test))
        self.seldom += seldom
        super().visit_If(node)
        self.seldom -= seldom

    def _is_tensor(self, node):
        """Whether an expression surely is a tensor: a call of a function of PyTorch that answers yes or no for elements."""
        name = self.resolved(node.func) if isinstance(node, ast.Call) else None
        return name in {f"torch.{test}" for test in ("any", "all", "isnan", "isinf", "isfinite")}

    def visit_Assign(self, node):
        if self.loops and isinstance(node.value, ast.Call) and len(node.targets) == 1:
            grows = self.resolved(node.value.func) in ("torch.cat", "torch.concat", "torch.hstack", "torch.vstack")
            parts = {
                ast.unparse(part)
                for argument in node.value.args[:1]
                for part in nodes_in(argument)
                if hasattr(part, "ctx")
            }
            if grows and ast.unparse(node.targets[0]) in parts:
                self._warn(node, "J304")
        super().visit_Assign(node)

    def visit_Call(self, node):
        name = self.resolved(node.func)
        method = node.func.attr if isinstance(node.func, ast.Attribute) else None
        given = {word.arg: word.value for word in node.keywords}
        if method in READS and not node.args and not node.keywords and self._in_inner_loop() and name is None:
            self._warn(node, "J301")
        elif method == "data_ptr" and not node.args:
            self._warn(node, "J302")
        elif name == "torch.compile" and {"mode", "backend", "options"} & given.keys():
            self._warn(node, "J305")
        elif name in STREAMS:
            self._warn(node, "J306")
        elif name == "torch.load" and getattr(given.get("weights_only"), "value", None) is False:
            self._warn(node, "J307")
        elif _imports_torch(node):
            self._warn(node, "J308")
        super().visit_Call(node)

    def visit_ImportFrom(self, node):
        if (node.module or "").startswith("torch.utils.cpp_extension"):
            self._warn(node, "J303")
        super().visit_ImportFrom(node)

    def visit_Import(self, node):
        if any(alias.name == "torch.utils.cpp_extension" for alias in node.names):
            self._warn(node, "J303")
        super().visit_Import(node)


def _called(loop) -> Iterator[str]:
    """The names of the methods that a loop calls itself, not in a loop inside of it."""
    todo = [*ast.iter_child_nodes(loop)]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            yield node.func.attr
        if not isinstance(node, ast.For | ast.While | ast.AsyncFor | ast.FunctionDef | ast.Lambda):
            todo += ast.iter_child_nodes(node)


def _imports_torch(node):
    """`importlib.import_module("torch.nn")` and `__import__("torch")`."""
    called = ast.unparse(node.func).rpartition(".")[2]
    name = getattr(node.args[0], "value", None) if node.args else None
    return (
        called in ("import_module", "__import__")
        and isinstance(name, str)
        and name.partition(".")[0] in ("torch", "torchvision")
    )
