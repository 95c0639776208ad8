"""A module whose `forward` is a `torch.fx` graph."""

from __future__ import annotations

import copy
import linecache

from jtorch.fx.graph import Graph
from jtorch.nn.modules.module import Module


class GraphModule(Module):
    """A module that runs a graph. After a change of the graph, call `recompile()`.

    Args:
        root: a module, or a dictionary of names: where the modules and attributes that the graph uses are taken from.
        graph: the graph.
        class_name: the name that `repr` shows.
    """

    def __new__(cls, *args, **kwargs):
        return super().__new__(type(cls.__name__, (cls,), {"__module__": cls.__module__}))

    def __init__(self, root, graph: Graph, class_name: str = "GraphModule"):
        super().__init__()
        type(self).__name__ = class_name
        if isinstance(root, Module):
            self.training = root.training
        self._take(root, graph)
        self.graph = graph

    def _take(self, root, graph):
        """Take the modules and attributes that a graph uses from the root."""
        for node in graph.nodes:
            if node.op in ("get_attr", "call_module"):
                _copy_attribute(root, self, node.target)

    @property
    def graph(self) -> Graph:
        """The graph."""
        return self._graph

    @graph.setter
    def graph(self, graph):
        self._graph = graph
        graph.owning_module = self
        self.recompile()

    code = property(lambda self: self._code, doc="The source of `forward`.")

    def recompile(self):
        """Make `forward` anew from the graph."""
        made = self._graph.python_code("self")
        self._code = made.src
        file = f"<fx graph {id(self)}>"
        linecache.cache[file] = (len(made.src), None, made.src.splitlines(True), file)
        space = dict(made.globals)
        exec(compile(made.src, file, "exec"), space)
        type(self).forward = space["forward"]
        return made

    def print_readable(self, print_output=True, **options) -> str:
        """The source of `forward`; printed, too."""
        text = f"class {type(self).__name__}(torch.nn.Module):" + self._code.replace("\n", "\n    ")
        if print_output:
            print(text)
        return text

    def delete_submodule(self, target: str) -> bool:
        """Take out a submodule; returns whether it was there."""
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        return parent._modules.pop(name, None) is not None

    def add_submodule(self, target: str, m: Module) -> bool:
        """Add a submodule under a dotted name."""
        *path, name = target.split(".")
        at = self
        for part in path:
            if not hasattr(at, part):
                setattr(at, part, Module())
            at = getattr(at, part)
        setattr(at, name, m)
        return True

    def delete_all_unused_submodules(self) -> None:
        """Take out the submodules that the graph does not call."""
        used = {node.target for node in self._graph.nodes if node.op in ("call_module", "get_attr")}
        for name, _ in list(self.named_modules()):
            inside = any(f"{path}.".startswith(f"{name}.") or f"{name}.".startswith(f"{path}.") for path in used)
            if name and not inside:
                self.delete_submodule(name)

    def __deepcopy__(self, memo):
        made = GraphModule.__new__(GraphModule)
        memo[id(self)] = made
        root = Module()
        root.__dict__.update(copy.deepcopy({k: v for k, v in vars(self).items() if k != "_graph"}, memo))
        GraphModule.__init__(made, root, copy.deepcopy(self._graph), type(self).__name__)
        return made

    def __reduce__(self):
        state = {k: v for k, v in vars(self).items() if k != "_graph"}
        return _rebuilt, (state, self._graph, type(self).__name__)

    def __str__(self):
        return (
            f"{super().__str__()}\n{self._code}\n# To see more debug info, please use `graph_module.print_readable()`"
        )


def _rebuilt(state, graph, name):
    root = Module()
    root.__dict__.update(state)
    return GraphModule(root, graph, name)


def _copy_attribute(source, target, path):
    """Give a module what another module, or a dictionary, has under a dotted name."""
    *prefix, name = path.split(".")
    if isinstance(source, dict):
        found = source[path]
    else:
        found = source
        for part in (*prefix, name):
            found = getattr(found, part)
    at = target
    for part in prefix:
        if part not in at._modules:
            setattr(at, part, Module())
        at = at._modules[part]
    holder = source if isinstance(source, dict) else None
    for part in prefix if holder is None else ():
        holder = getattr(holder if holder is not None else source, part)
    holder = source if holder is None else holder
    if name in getattr(holder, "_buffers", {}):
        at.register_buffer(name, found)
    else:
        setattr(at, name, found)
