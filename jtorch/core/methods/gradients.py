"""`torch.autograd.grad` and `backward`: gradients on demand, by tensors or by edges of the graph."""

from __future__ import annotations

from collections import namedtuple

from jtorch.core.engine import Value
from jtorch.core.grad import edge_of, source
from jtorch.core.op import public_in
from jtorch.core.ops.make.create import zeros_like
from jtorch.core.tensor import Batch, LeafGrad, Tensor, overridable, run_backward, wrap


class GradientEdge(namedtuple("GradientEdge", ["node", "output_nr", "ownership_token"], defaults=[None])):
    """An edge of the gradient graph: it may stand for a tensor in `backward` and `grad`.

    Args:
        node: the node that the gradient goes to.
        output_nr: the number of the node's output, from 0.
        ownership_token: kept alive with the edge.

    >>> x = torch.ones(2, requires_grad=True)
    >>> edge = torch.autograd.graph.get_gradient_edge(x)
    >>> torch.autograd.grad((x * 3).sum(), [edge])
    (tensor([3., 3.]),)
    """

    __module__ = "jtorch.autograd.graph"


def _stand_in(edge):
    """A tensor that stands for a `GradientEdge` in a backward: it has a place in the graph and no elements."""
    inner = edge.ownership_token
    if inner is None:  # made from `grad_fn` and `output_nr`
        node = edge.node._node
        inner = node if isinstance(node, LeafGrad) else edge_of(node, edge.output_nr)
    node, nr = source(inner)
    type = node.tensor()._type if isinstance(node, LeafGrad) else node.out_types[nr]
    return wrap(Value(type, None), inner)


def _as_tensors(x):
    x = (x,) if isinstance(x, Tensor | GradientEdge) or x is None else tuple(x)
    return tuple([_stand_in(t) if isinstance(t, GradientEdge) else t for t in x])


def _gradients(outputs, given):
    given = _as_tensors(given)
    if given == (None,):
        given = (None,) * len(outputs)
    given = given[: len(outputs)]  # PyTorch ignores surplus gradients
    if len(given) != len(outputs):
        raise RuntimeError(f"got {len(outputs)} tensors and {len(given)} gradients")
    return given


@public_in("jtorch.autograd")
@overridable
def backward(tensors, grad_tensors=None, retain_graph=None, create_graph=False, grad_variables=None, inputs=None):
    """Collect the gradients of several tensors into the `.grad` of the leaves behind them.

    Args:
        tensors: what to differentiate.
        grad_tensors: the gradient of each of them; None stands for 1, for a tensor of one element.
        retain_graph: keep the graph for another backward.
        create_graph: record the gradients too.
        inputs: collect into these only.
    """
    if grad_variables is not None:
        if grad_tensors is not None:
            raise RuntimeError(
                "`grad_tensors` and `grad_variables` (deprecated) arguments both passed to `backward()`. Please only use `grad_tensors`."
            )
        grad_tensors = grad_variables
    tensors = _as_tensors(tensors)
    run_backward(
        tensors,
        _gradients(tensors, grad_tensors),
        retain_graph,
        create_graph,
        None if inputs is None else _as_tensors(inputs),
    )


@public_in("jtorch.autograd")
@overridable
def grad(
    outputs,
    inputs,
    grad_outputs=None,
    retain_graph=None,
    create_graph=False,
    only_inputs=True,
    allow_unused=None,
    is_grads_batched=False,
    materialize_grads=False,
):
    """The gradients of the outputs' sum with respect to the inputs, as a tuple; `.grad` does not change.

    Args:
        grad_outputs: the gradient of each output; None stands for 1, for an output of one element.
        retain_graph: keep the graph for another backward; default: create_graph.
        create_graph: record the gradients too, so that they can be differentiated.
        allow_unused: give None for an input that the outputs do not depend on.
        is_grads_batched: `grad_outputs` have one more dimension in front, a batch; so have the gradients then.
        materialize_grads: give zeros instead of None.

    Raises:
        RuntimeError: an input is not part of the graph.

    >>> x = torch.tensor(3., requires_grad=True)
    >>> torch.autograd.grad(x ** 2, x)
    (tensor(6.),)
    """
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False."
        )
    outputs, given = _as_tensors(outputs), inputs
    inputs = _as_tensors(inputs)
    for i in inputs:
        if not hasattr(i, "_history") and not hasattr(i, "node"):
            raise RuntimeError(f"all inputs have to be Tensors or GradientEdges, but got {type(i).__name__}")
    gradients = _gradients(outputs, grad_outputs)
    if is_grads_batched:
        grads = _batched_backward(outputs, gradients, inputs, retain_graph, create_graph)
    else:
        grads = run_backward(outputs, gradients, retain_graph, create_graph, inputs, collect=False)
    if materialize_grads:
        given = [given] if isinstance(given, Tensor | GradientEdge) else given
        if any(g is None and isinstance(i, GradientEdge) for i, g in zip(given, grads, strict=True)):
            raise RuntimeError("materialize_grads cannot be used when the given input is a GradientEdge")
        return tuple(
            [zeros_like(i, requires_grad=create_graph) if g is None else g for i, g in zip(inputs, grads, strict=True)]
        )
    unused = [] if allow_unused else [i for i, g in enumerate(grads) if g is None]
    if unused:
        raise RuntimeError(
            f"The differentiated Tensor at index {unused[0]} appears to not have been used in the graph. "
            "Set allow_unused=True if this is the desired behavior."
        )
    return tuple(grads)


def _batched_backward(outputs, gradients, inputs, retain_graph, create_graph):
    """One backward pass for a whole batch of gradients."""
    size = next(g.shape[0] for g in gradients if g is not None)
    level = Batch(size)
    for i, (out, g) in enumerate(zip(outputs, gradients, strict=True)):
        if g is not None and g.shape[1:] != out.shape:
            raise RuntimeError(
                "If `is_grads_batched=True`, we interpret the first dimension of each grad_output as the batch dimension. "
                "The sizes of the remaining dimensions are expected to match the shape of corresponding output, but a mismatch "
                f"was detected: grad_output[{i}] has a shape of {g.shape} and output[{i}] has a shape of {out.shape}. If you"
                " only want some tensors in `grad_output` to be considered batched, consider using vmap."
            )
    lifted = [None if g is None else level.lift(g, 0) for g in gradients]
    grads = run_backward(outputs, lifted, retain_graph, create_graph, inputs, collect=False)
    return [None if g is None else level.lower(g) for g in grads]
