"""The graph of a module's calls for TensorBoard."""

from __future__ import annotations

from tensorboard.compat.proto.attr_value_pb2 import AttrValue
from tensorboard.compat.proto.config_pb2 import RunMetadata
from tensorboard.compat.proto.graph_pb2 import GraphDef
from tensorboard.compat.proto.node_def_pb2 import NodeDef
from tensorboard.compat.proto.versions_pb2 import VersionDef

from jtorch.fx import symbolic_trace

__all__ = ["graph"]


def graph(model, args=None, verbose: bool = False, use_strict_trace: bool = True) -> tuple[GraphDef, RunMetadata]:
    """The calls of a module as `torch.fx.symbolic_trace` finds them.

    Differs from torch: calls of modules and functions, not the operations inside; `args` are not needed.

    Raises:
        fx.proxy.TraceError: the code decides by the value of a tensor.
    """
    traced = symbolic_trace(model)
    modules = dict(model.named_modules())
    nodes = []
    for node in traced.graph.nodes:
        is_module = node.op == "call_module"
        kind = type(modules[node.target]).__name__ if is_module else getattr(node.target, "__name__", str(node.target))
        inputs = [source.name for source in node.all_input_nodes]
        text = AttrValue(s=str(modules[node.target] if is_module else node.args).encode())
        nodes.append(NodeDef(name=node.name, op=kind, input=inputs, attr={"attr": text}))
    if verbose:
        print(traced.graph)
    return GraphDef(node=nodes, versions=VersionDef(producer=22)), RunMetadata()
