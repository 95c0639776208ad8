"""`torch.fx.Interpreter`: run a graph node by node; a subclass looks at each node or changes what it does."""

from __future__ import annotations

from jtorch.fx.graph import Graph
from jtorch.fx.graph_module import GraphModule
from jtorch.fx.node import map_arg
from jtorch.fx.proxy import Proxy, TracerBase
from jtorch.nn.modules.module import Module


class Interpreter:
    """Runs the graph of a module. Override `call_function` and its like, or `run_node`.

    Args:
        module: a GraphModule, or the module that `graph` belongs to.
        garbage_collect_values: drop a value when nothing uses it any more.
    """

    def __init__(self, module: Module, garbage_collect_values=True, graph: Graph | None = None):
        self.module, self.garbage_collect_values = module, garbage_collect_values
        self.graph = graph if graph is not None else module.graph
        self.env: dict = {}
        self.submodules = dict(module.named_modules())

    def run(self, *args, initial_env=None, enable_io_processing=True):
        """The output for these inputs."""
        self.env = dict(initial_env or {})
        self.args_iter = iter(args)
        uses = {node: len(node.users) for node in self.graph.nodes}
        for node in self.graph.nodes:
            if node not in self.env:
                self.env[node] = self.run_node(node)
            if node.op == "output":
                return self.env[node]
            for used in node.all_input_nodes if self.garbage_collect_values else ():
                uses[used] -= 1
                if not uses[used]:
                    self.env.pop(used, None)
        return None

    def run_node(self, n):
        """The value of one node."""
        args, kwargs = self.fetch_args_kwargs_from_env(n)
        return getattr(self, n.op)(n.target, args, kwargs)

    def fetch_args_kwargs_from_env(self, n):
        """A node's arguments, with values for nodes."""
        return self.map_nodes_to_values(n.args, n), self.map_nodes_to_values(n.kwargs, n)

    def map_nodes_to_values(self, args, n):
        """Values for the nodes among the arguments."""
        return map_arg(args, lambda node: self.env[node])

    def fetch_attr(self, target: str):
        """An attribute of the module, by its dotted name."""
        at = self.module
        for part in target.split("."):
            at = getattr(at, part)
        return at

    def placeholder(self, target, args, kwargs):
        """The next input."""
        if target.startswith("*"):
            return list(self.args_iter)
        try:
            return next(self.args_iter)
        except StopIteration:
            if args:
                return args[0]
            raise RuntimeError(
                f"Expected positional argument for parameter {target}, but one was not passed in!"
            ) from None

    def get_attr(self, target, args, kwargs):
        """An attribute of the module."""
        return self.fetch_attr(target)

    def call_function(self, target, args, kwargs):
        """A call of a function."""
        return target(*args, **kwargs)

    def call_method(self, target, args, kwargs):
        """A call of a method."""
        first, *rest = args
        return getattr(first, target)(*rest, **kwargs)

    def call_module(self, target, args, kwargs):
        """A call of a submodule."""
        return self.fetch_attr(target)(*args, **kwargs)

    def output(self, target, args, kwargs):
        """The result."""
        return args[0]


class _Rewriter(TracerBase):
    def __init__(self, graph):
        self.graph = graph


class Transformer(Interpreter):
    """Makes a new module: each method returns a proxy in the new graph."""

    def __init__(self, module):
        super().__init__(module)
        self.new_graph = Graph()
        self.tracer = _Rewriter(self.new_graph)

    def placeholder(self, target, args, kwargs):
        return Proxy(self.new_graph.placeholder(target, default_value=args[0] if args else ...), self.tracer)

    def get_attr(self, target, args, kwargs):
        return self.tracer.create_proxy("get_attr", target, args, kwargs)

    def call_module(self, target, args, kwargs):
        return self.tracer.create_proxy("call_module", target, args, kwargs)

    def call_function(self, target, args, kwargs):
        return self.tracer.create_proxy("call_function", target, args, kwargs)

    def call_method(self, target, args, kwargs):
        return self.tracer.create_proxy("call_method", target, args, kwargs)

    def transform(self) -> GraphModule:
        """The new module."""
        self.garbage_collect_values = False
        result = self.run()
        self.new_graph.output(self.tracer.create_arg(result))
        return GraphModule(self.module, self.new_graph)

    def run(self, *args, **options):
        self.env = {}
        for node in self.graph.nodes:
            self.env[node] = self.run_node(node)
            if node.op == "output":
                return self.env[node]
        return None
