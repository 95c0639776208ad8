"""A `torch.fx` graph: nodes in the order in which they run, and the code that they stand for."""

from __future__ import annotations

import builtins
import contextlib
import keyword
import operator
import re
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from jtorch.fx.node import Node, map_arg, name_of, reached


class PythonCode(NamedTuple):
    """A graph as the source of a function, and the names that it needs."""

    src: str
    globals: dict[str, Any]


_INFIX = {
    operator.add: "{} + {}", operator.sub: "{} - {}", operator.mul: "{} * {}", operator.floordiv: "{} // {}",
    operator.truediv: "{} / {}", operator.mod: "{} % {}", operator.lshift: "{} << {}", operator.rshift: "{} >> {}",
    operator.and_: "{} & {}", operator.or_: "{} | {}", operator.xor: "{} ^ {}", operator.pow: "{} ** {}",
    operator.matmul: "{} @ {}", operator.eq: "{} == {}", operator.ne: "{} != {}", operator.lt: "{} < {}",
    operator.gt: "{} > {}", operator.le: "{} <= {}", operator.ge: "{} >= {}", operator.neg: "-{}", operator.pos: "+{}",
    operator.invert: "~{}",
}  # fmt: skip
_RESERVED = {"self", "torch", "inf", "nan", "NoneType", "device"}  # names that generated code uses


class NodesInOrder:
    """The nodes of a graph, in order. While they are visited, nodes may be added and erased."""

    def __init__(self, graph, backwards=False):
        self.graph, self.backwards = graph, backwards

    def __len__(self):
        return sum(1 for _ in self)

    def __iter__(self):
        root, step = self.graph._root, "_prev" if self.backwards else "_next"
        at = getattr(root, step)
        while at is not root:
            if not at._erased:
                yield at
            at = getattr(at, step)

    def __reversed__(self):
        return NodesInOrder(self.graph, not self.backwards)


class Graph:
    """Nodes in the order in which they run.

    >>> graph = torch.fx.Graph()
    >>> x = graph.placeholder("x")
    >>> node = graph.output(graph.call_function(torch.relu, (x,)))
    >>> torch.fx.GraphModule(torch.nn.Module(), graph)(torch.tensor([-1.0, 1.0]))
    tensor([0., 1.])
    """

    def __init__(self, owning_module=None, tracer_cls=None, tracer_extras=None):
        self.owning_module = owning_module
        self._tracer_cls = tracer_cls
        self._used: set[str] = set()
        self._counts: dict[str, int] = {}  # the newest number of each name without one
        self._root = Node(self, "", "root", "", (), {})
        self._insert: Callable[[Node], None] = self._root.prepend

    nodes = property(NodesInOrder)

    # ---- building

    def create_node(self, op, target, args=None, kwargs=None, name=None, type_expr=None) -> Node:
        """A new node at the point of insertion."""
        if op not in ("call_function", "call_method", "get_attr", "call_module", "placeholder", "output"):
            raise AssertionError(f"invalid op: {op}")
        node = Node(
            self, self._name(name or self._suggested(op, target)), op, target, args or (), kwargs or {}, type_expr
        )
        self._insert(node)
        return node

    def _suggested(self, op, target):
        text = target if isinstance(target, str) else getattr(target, "__name__", "function")
        if text.startswith("__") and text.endswith("__"):
            text = text[2:-2]
        return re.sub(r"(?<=[a-z])([A-Z])", r"_\1", text).lower()

    def _name(self, wanted):
        wanted = re.sub(r"[^0-9a-zA-Z_]+", "_", wanted) or "_unnamed"
        wanted = f"_{wanted}" if wanted[0].isdigit() else wanted
        base, number = re.fullmatch(r"(.+?)(?:_(\d+))?", wanted).groups()
        count = int(number or 0)
        if number is None or wanted in self._used:
            count = self._counts.get(base, 0)
        if keyword.iskeyword(wanted) or hasattr(builtins, wanted) or wanted in _RESERVED:
            count += 1
            wanted = f"{base}_{count}"
        while wanted in self._used:
            count += 1
            wanted = f"{base}_{count}"
        self._counts[base] = count
        self._used.add(wanted)
        return wanted

    def placeholder(self, name, type_expr=None, default_value=...) -> Node:
        """An input."""
        args = () if default_value is ... else (default_value,)
        return self.create_node("placeholder", name, args, type_expr=type_expr)

    def get_attr(self, qualified_name, type_expr=None) -> Node:
        """An attribute of the module, such as a parameter."""
        return self.create_node("get_attr", qualified_name, type_expr=type_expr)

    def call_module(self, module_name, args=None, kwargs=None, type_expr=None) -> Node:
        """A call of a submodule."""
        return self.create_node("call_module", module_name, args, kwargs, type_expr=type_expr)

    def call_method(self, method_name, args=None, kwargs=None, type_expr=None) -> Node:
        """A call of a method of the first argument."""
        return self.create_node("call_method", method_name, args, kwargs, type_expr=type_expr)

    def call_function(self, the_function, args=None, kwargs=None, type_expr=None, name=None) -> Node:
        """A call of a function."""
        return self.create_node("call_function", the_function, args, kwargs, name, type_expr)

    def output(self, result, type_expr=None) -> Node:
        """The result."""
        return self.create_node("output", "output", (result,), type_expr=type_expr)

    def output_node(self) -> Node:
        """The node of the result."""
        return next(node for node in reversed(self.nodes) if node.op == "output")

    def node_copy(self, node, arg_transform=lambda x: x) -> Node:
        """A copy of another graph's node, with its inputs replaced by `arg_transform`."""
        args, kwargs = map_arg(node.args, arg_transform), map_arg(node.kwargs, arg_transform)
        made = self.create_node(node.op, node.target, args, kwargs, node.name, node.type)
        made.meta = dict(node.meta)
        return made

    def graph_copy(self, g, val_map, return_output_node=False):
        """Copy all nodes of another graph; returns what stands for its output."""
        for node in g.nodes:
            if node in val_map:
                continue
            if node.op == "output":
                result = map_arg(node.args[0], lambda n: val_map[n])
                return (result, node) if return_output_node else result
            val_map[node] = self.node_copy(node, lambda n: val_map[n])
        return None

    def __deepcopy__(self, memo=None):
        made = Graph(tracer_cls=self._tracer_cls)
        result = made.graph_copy(self, {})
        outputs = [node for node in self.nodes if node.op == "output"]
        if outputs:
            made.output(result, outputs[0].type)
        return made

    # ---- changing

    def erase_node(self, to_erase: Node) -> None:
        """Take out a node that nothing uses."""
        if to_erase.users:
            raise RuntimeError(
                f"Tried to erase Node {to_erase} but it still had {len(to_erase.users)} users in the graph: {to_erase.users}!"
            )
        to_erase._unlink()
        to_erase._erased = True
        to_erase.args, to_erase.kwargs = (), {}

    @contextlib.contextmanager
    def _inserting(self, insert):
        before, self._insert = self._insert, insert
        try:
            yield
        finally:
            self._insert = before

    def inserting_before(self, n=None):
        """A `with` block whose new nodes come before a node; without one, at the beginning."""
        return self._inserting((n or self._root.next).prepend)

    def inserting_after(self, n=None):
        """A `with` block whose new nodes come after a node, in order; without one, at the beginning."""
        at = [n or self._root]

        def insert(node):
            at[0].append(node)
            at[0] = node

        return self._inserting(insert)

    def eliminate_dead_code(self, is_impure_node=None) -> bool:
        """Take out what nothing uses; returns whether there was something."""
        impure = is_impure_node or Node.is_impure
        dead = False
        for node in reversed(self.nodes):
            if not node.users and not impure(node):
                self.erase_node(node)
                dead = True
        return dead

    def find_nodes(self, *, op, target=None, sort=True) -> list[Node]:
        """The nodes of this op and target."""
        return [node for node in self.nodes if node.op == op and (target is None or node.target == target)]

    def lint(self) -> None:
        """Raise RuntimeError if a node uses one that comes later, or that is in another graph."""
        seen: set[Node] = set()
        for node in self.nodes:
            for used in node.all_input_nodes:
                if used.graph is not self or used not in seen:
                    raise RuntimeError(f"Argument '{used}' of Node '{node}' was used before it has been defined!")
            seen.add(node)

    # ---- as text

    def python_code(self, root_module, **options) -> PythonCode:
        """The graph as the source of `forward`."""
        names: dict[str, Any] = {}
        last = self._last_uses()
        inputs, lines, kept_whole = ["self"], [], {}
        for node in self.nodes:
            if node.op == "call_function" and node.meta.get("is_wrapped"):
                names["torch"] = sys.modules["jtorch"]
                kept_whole[f'torch.fx._symbolic_trace.wrap("{_global_name(node.target, names)}")'] = None
            if node.op == "placeholder":
                inputs.append(f"{node.target}{f' = {node.args[0]!r}' if node.args else ''}")
                if node.target != node.name:
                    lines.append(f"{node.name} = {node.target.lstrip('*')}")
                continue
            line = self._statement(node, names)
            gone = last.get(node, [])
            lines.append(line + (f";  {' = '.join(n.name for n in gone)} = None" if gone else ""))
        body = "\n    ".join(lines or ["pass"])
        return PythonCode(f"\n{chr(10).join(kept_whole)}\n\ndef forward({', '.join(inputs)}):\n    {body}\n    ", names)

    def _last_uses(self):
        """node -> the nodes that nothing uses after it."""
        last: dict[Node, list[Node]] = {}
        seen: set[Node] = set()
        for node in reversed(self.nodes):
            for used in node.all_input_nodes:
                if used not in seen:
                    seen.add(used)
                    if node.op != "output":
                        last.setdefault(node, []).append(used)
            if not node.users and node.op not in ("placeholder", "output"):
                last.setdefault(node, []).append(node)
        return last

    def _statement(self, node, names):
        text = lambda value: _source_of(value, names)
        args = ", ".join([*map(text, node.args), *(f"{k} = {text(v)}" for k, v in node.kwargs.items())])
        if node.op == "output":
            return f"return {text(node.args[0])}"
        if node.op == "get_attr":
            return f"{node.name} = {_attribute_path('self', node.target)}"
        if node.op == "call_module":
            return f"{node.name} = {_attribute_path('self', node.target)}({args})"
        if node.op == "call_method":
            first, *rest = [*map(text, node.args)]
            rest += [f"{k} = {text(v)}" for k, v in node.kwargs.items()]
            return f"{node.name} = {first}.{node.target}({', '.join(rest)})"
        if node.target in _INFIX and not node.kwargs and all(isinstance(a, Node | int | float) for a in node.args):
            return f"{node.name} = {_INFIX[node.target].format(*map(text, node.args))}"
        if node.target is operator.getitem:
            return f"{node.name} = {text(node.args[0])}[{text(node.args[1])}]"
        if node.target is getattr and isinstance(node.args[1], str) and node.args[1].isidentifier():
            return f"{node.name} = {text(node.args[0])}.{node.args[1]}"
        return f"{node.name} = {_global_name(node.target, names)}({args})"

    def print_tabular(self) -> None:
        """Print the nodes as a table."""
        rows = [["opcode", "name", "target", "args", "kwargs"]]
        rows += [[node.op, node.name, str(node.target), str(node.args), str(node.kwargs)] for node in self.nodes]
        widths = [max(len(title) + 2, *(len(row[i]) for row in rows)) for i, title in enumerate(rows[0])]
        for i, row in enumerate(rows):
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
            if i == 0:
                print("  ".join("-" * width for width in widths))

    def __str__(self):
        return "\n    ".join(["graph():", *[node.format_node() for node in self.nodes]])


def _attribute_path(root, target):
    """`self.layer.0.weight` as code: `getattr(self.layer, "0").weight`."""
    for part in target.split("."):
        root = f"{root}.{part}" if part.isidentifier() and not keyword.iskeyword(part) else f'getattr({root}, "{part}")'
    return root


def _global_name(thing, names):
    """The name under which generated code finds a function or another object."""
    shown = name_of(thing)
    if shown.startswith("torch.") and reached(shown) is thing:
        names["torch"] = sys.modules["jtorch"]
        return shown
    base = name = re.sub(r"\W", "_", shown) or "thing"
    number = 0
    while names.get(name, thing) is not thing:
        number += 1
        name = f"{base}_{number}"
    names[name] = thing
    return name


def _source_of(value, names):
    """A value as code."""
    again = lambda v: _source_of(v, names)
    if isinstance(value, Node):
        return value.name
    if type(value) is tuple:
        return f"({', '.join(map(again, value))}{',' if len(value) == 1 else ''})"
    if type(value) is list:
        return f"[{', '.join(map(again, value))}]"
    if type(value) is dict:
        return "{" + ", ".join(f"{again(k)}: {again(v)}" for k, v in value.items()) + "}"
    if isinstance(value, slice):
        return f"slice({again(value.start)}, {again(value.stop)}, {again(value.step)})"
    if value is None or value is ... or isinstance(value, bool | int | str):
        return "..." if value is ... else repr(value)
    if type(value) is float and value == value and abs(value) != float("inf"):
        return repr(value)
    return _global_name(value, names)
