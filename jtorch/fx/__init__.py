"""`torch.fx`: the graph of the calls that a module makes, to look at and to change.

`symbolic_trace` runs a module with proxies instead of tensors. XLA does not need it: code is compiled without a graph.
"""

from jtorch.fx import graph, graph_module, interpreter, node, proxy, subgraph_rewriter
from jtorch.fx._symbolic_trace import Tracer, symbolic_trace, wrap
from jtorch.fx.graph import Graph
from jtorch.fx.graph_module import GraphModule
from jtorch.fx.interpreter import Interpreter, Transformer
from jtorch.fx.node import Node, map_arg
from jtorch.fx.proxy import Proxy
from jtorch.fx.subgraph_rewriter import replace_pattern

__all__ = ["Graph", "GraphModule", "Interpreter", "Node", "Proxy", "Tracer", "Transformer", "map_arg", "replace_pattern",
           "symbolic_trace", "wrap"]  # fmt: skip
