"""Intermediate results of a model: its nodes by name, and a module that returns some of them."""

from __future__ import annotations

import copy
import inspect
import math
import re
import warnings
from collections import OrderedDict

from jtorch import fx, nn
from jtorch.vision import ops

__all__ = ["create_feature_extractor", "get_graph_node_names"]

_LEAVES = [kind for _, kind in inspect.getmembers(ops, inspect.isclass) if issubclass(kind, nn.Module)]


class LeafModuleAwareTracer(fx.Tracer):
    """A Tracer that keeps each module of the classes `leaf_modules` as one node, as it does those of `torch.nn`."""

    def __init__(self, *args, leaf_modules=(), **kwargs):
        self.leaf_modules = tuple(leaf_modules)
        super().__init__(*args, **kwargs)

    def is_leaf_module(self, m, module_qualname):
        return isinstance(m, self.leaf_modules) or super().is_leaf_module(m, module_qualname)


class NodePathTracer(LeafModuleAwareTracer):
    """A Tracer that names each node by the path of the module that made it.

    Attributes:
        node_to_qualname: node -> its name. A layer has its own path; anything else the path of the module in whose `forward` it
            is, and the name of the operation. The second node of a name ends with `_1`, and so on.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.current_module_qualname = ""
        self.node_to_qualname: OrderedDict = OrderedDict()
        self._last: dict[str, str] = {}  # name without its number -> the newest name

    def call_module(self, m, forward, args, kwargs):
        outside = self.current_module_qualname
        try:
            self.current_module_qualname = self.path_of_module(m)
            return super().call_module(m, forward, args, kwargs)
        finally:
            self.current_module_qualname = outside

    def create_proxy(self, *args, **kwargs):
        proxy = super().create_proxy(*args, **kwargs)
        self.node_to_qualname[proxy.node] = self._path_of(proxy.node)
        return proxy

    def _path_of(self, node):
        path = self.current_module_qualname
        if node.op != "call_module":
            path = f"{path}.{node}" if path else str(node)
        if re.match(r".+_[0-9]+$", path):  # torch.fx counts in the whole graph
            path = path.rsplit("_", 1)[0]
        last = self._last.get(path)
        if last is not None:
            number = last[len(path) + 1 :]
            named = f"{path}_{int(number) + 1 if number else 1}"
        else:
            named = path
        self._last[path] = named
        return named


def _with_defaults(tracer_kwargs):
    """A tracer's arguments, with torchvision's operators added to what stays one node."""
    given = dict(tracer_kwargs or {})
    given["autowrap_modules"] = tuple(dict.fromkeys((*given.get("autowrap_modules", ()), math, ops)))
    given["leaf_modules"] = list(dict.fromkeys((*given.get("leaf_modules", ()), *_LEAVES)))
    return given


def _is_part(some, others):
    """Whether `some` is a subsequence of `others`."""
    rest = iter(others)
    return all(each in rest for each in some)


def _warn_of_differences(train, evaluated):
    """Warn where the nodes of the two modes differ."""
    if train == evaluated:
        return
    if _is_part(evaluated, train):
        text = (
            "NOTE: The nodes obtained by tracing the model in eval mode "
            "are a subsequence of those obtained in train mode. "
        )
    elif _is_part(train, evaluated):
        text = (
            "NOTE: The nodes obtained by tracing the model in train mode "
            "are a subsequence of those obtained in eval mode. "
        )
    else:
        text = "The nodes obtained by tracing the model in train mode are different to those obtained in eval mode. "
    warnings.warn(
        text + "When choosing nodes for feature extraction, you may need to specify "
        "output nodes for train and eval mode separately.",
        stacklevel=3,
    )


def _traced(model, tracer_kwargs, concrete_args):
    """(tracer, graph) of each mode; the model's own mode stays."""
    mode, found = model.training, []
    try:
        for training in (True, False):
            tracer = NodePathTracer(**tracer_kwargs)
            found.append((tracer, tracer.trace(model.train(training), concrete_args)))
    finally:
        model.train(mode)
    return found


def get_graph_node_names(model, tracer_kwargs=None, suppress_diff_warning=False, concrete_args=None):
    """The names of a model's nodes, in the order of execution: see `create_feature_extractor`.

    Args:
        model: the module.
        tracer_kwargs: arguments of the `torch.fx.Tracer`, and `leaf_modules`, a list of classes.
        suppress_diff_warning: do not warn where the names in training differ from those in evaluation.
        concrete_args: arguments of `forward` that are constants, by name.

    Returns:
        The names in training, and those in evaluation.

    Raises:
        torch.fx.proxy.TraceError: the model's control flow depends on values, as in detection models.

    >>> from jtorch.vision.models.feature_extraction import get_graph_node_names
    >>> model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU())
    >>> get_graph_node_names(model)[1]
    ['input', '0', '1']
    """
    traced = _traced(model, _with_defaults(tracer_kwargs), concrete_args)
    train, evaluated = (list(tracer.node_to_qualname.values()) for tracer, _ in traced)
    if not suppress_diff_warning:
        _warn_of_differences(train, evaluated)
    return train, evaluated


class DualGraphModule(fx.GraphModule):
    """A module with one graph for training and one for evaluation; `train()` and `eval()` change between them.

    Differs from torch:
        A copy is in the mode of the original, and not always in training.
    """

    def __init__(self, root, train_graph, eval_graph, class_name="GraphModule"):
        nn.Module.__init__(self)
        type(self).__name__ = class_name
        self.train_graph, self.eval_graph = train_graph, eval_graph
        self._take(root, train_graph)
        self._take(root, eval_graph)
        self.graph = train_graph

    def train(self, mode=True):
        super().train(mode)
        graph = self.train_graph if mode else self.eval_graph
        if self.graph is not graph:
            self.graph = graph
        return self

    def __deepcopy__(self, memo):
        made = _rebuilt_extractor(*self._parts(copy.deepcopy(self._kept(), memo)))
        memo[id(self)] = made
        return made

    def __reduce__(self):
        return _rebuilt_extractor, self._parts(self._kept())

    def _kept(self):
        return {key: value for key, value in vars(self).items() if key not in ("_graph", "train_graph", "eval_graph")}

    def _parts(self, state):
        return (
            state,
            copy.deepcopy(self.train_graph),
            copy.deepcopy(self.eval_graph),
            type(self).__name__,
            self.training,
        )


def _rebuilt_extractor(state, train_graph, eval_graph, name, training):
    root = nn.Module()
    root.__dict__.update(state)
    return DualGraphModule(root, train_graph, eval_graph, name).train(training)


def _by_key(nodes):
    """The nodes to return as a dictionary: node -> key."""
    return {str(k): str(k) for k in nodes} if isinstance(nodes, list) else {str(k): str(v) for k, v in nodes.items()}


def create_feature_extractor(
    model,
    return_nodes=None,
    train_return_nodes=None,
    eval_return_nodes=None,
    tracer_kwargs=None,
    suppress_diff_warning=False,
    concrete_args=None,
):
    """A module that computes some nodes of a model and returns them in a dictionary.

    It has only the layers that it needs.

    A node is named by the path of its layer, such as "layer4.1.conv2", or by the path of the module in whose `forward` it is
    and the name of the operation, such as "layer4.1.add". The path of a module stands for the last node in it.
    `get_graph_node_names` lists them. The model is traced by `torch.fx`, in both modes.

    Args:
        model: the module. The result shares its layers.
        return_nodes: a list of names, or a dictionary from names to the keys of the result.
        train_return_nodes, eval_return_nodes: the same for the two modes, instead.
        tracer_kwargs, suppress_diff_warning, concrete_args: see `get_graph_node_names`.

    Raises:
        ValueError: there is no such node, or both ways to name them are used, or neither.
        torch.fx.proxy.TraceError: the model's control flow depends on values, as in detection models.

    >>> from jtorch.vision.models.feature_extraction import create_feature_extractor
    >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2), torch.nn.ReLU())
    >>> features = create_feature_extractor(model, {"1": "logits"})
    >>> {key: value.shape for key, value in features(torch.zeros(3, 2, 2)).items()}
    {'logits': torch.Size([3, 2])}
    """
    if return_nodes is None and train_return_nodes is None and eval_return_nodes is None:
        raise ValueError(
            "Either `return_nodes` or `train_return_nodes` and `eval_return_nodes` together, should be specified"
        )
    if (train_return_nodes is None) != (eval_return_nodes is None):
        raise ValueError(
            "If any of `train_return_nodes` and `eval_return_nodes` are specified, then both should be specified"
        )
    if (return_nodes is None) == (train_return_nodes is None):
        raise ValueError("If `train_return_nodes` and `eval_return_nodes` are specified, then both should be specified")
    wanted = (return_nodes, return_nodes) if train_return_nodes is None else (train_return_nodes, eval_return_nodes)
    traced = _traced(model, _with_defaults(tracer_kwargs), concrete_args)
    for (tracer, graph), nodes in zip(traced, wanted, strict=True):
        _return_only(graph, tracer.node_to_qualname, _by_key(nodes))
    (train, train_graph), (evaluated, eval_graph) = traced
    if not suppress_diff_warning:
        _warn_of_differences(list(train.node_to_qualname.values()), list(evaluated.node_to_qualname.values()))
    name = type(model).__name__ if isinstance(model, nn.Module) else model.__name__
    return DualGraphModule(model, train_graph, eval_graph, name).train(model.training)


def _return_only(graph, names, wanted):
    """Let a graph return the nodes that are wanted, and compute no others."""
    for query in wanted:
        if not any(name == query or name.startswith(f"{query}.") for name in names.values()):
            raise ValueError(
                f"node: '{query}' is not present in model. Hint: use "
                "`get_graph_node_names` to make sure the "
                "`return_nodes` you specified are present. It may even "
                "be that you need to specify `train_return_nodes` and "
                "`eval_return_nodes` separately."
            )
    for node in [node for node in graph.nodes if node.op == "output"]:
        graph.erase_node(node)
    nodes, found = list(graph.nodes), {}
    for node in reversed(nodes):  # the last node of a module stands for it
        name = names.get(node)
        for query in list(wanted) if name is not None else ():
            if ".".join(name.split(".")[: query.count(".") + 1]) == query:
                found[wanted.pop(query)] = node
                break
    with graph.inserting_after(nodes[-1]):
        graph.output(dict(reversed(found.items())))
    graph.eliminate_dead_code()
