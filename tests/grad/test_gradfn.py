"""The gradient graph as users see it: names of nodes, their next functions, leaves and views, against PyTorch's table."""

import json

import pytest

import jtorch
from jtorch import nn
from tests import FIXTURES

TABLE = json.loads((FIXTURES / "gradfn.json").read_text())


@pytest.fixture(scope="module")
def names():
    names = {"torch": jtorch, "nn": nn, "F": nn.functional}
    exec(TABLE["setup"], names)
    return names


def bare(node):
    return None if node is None else node.name().removeprefix("torch::autograd::")


def seen(t):
    fn = t.grad_fn
    behind = None if fn is None else [[bare(node), nr] for node, nr in fn.next_functions]
    return [bare(fn), behind, t.requires_grad, t.is_leaf, t._is_view()]


@pytest.mark.parametrize("row", TABLE["cases"], ids=[row[0] for row in TABLE["cases"]])
@pytest.mark.filterwarnings("ignore")
def test_graph_is_pytorchs(row, names):
    expression, *want = row
    assert seen(eval(expression, names)) == want


def test_nodes_show_themselves_as_pytorchs():
    x = jtorch.ones(2, requires_grad=True)
    y = (x * 2).relu()
    assert repr(y.grad_fn).startswith("<ReluBackward0 object at 0x")
    assert y.grad_fn is y.grad_fn
    leaf = y.grad_fn.next_functions[0][0].next_functions[0][0]
    assert repr(leaf).startswith("<AccumulateGrad object at 0x")
    assert leaf.variable is x
    assert leaf.name() == "torch::autograd::AccumulateGrad"
    assert leaf.next_functions == ()
    assert isinstance(leaf, jtorch.autograd.graph.Node)
    y.grad_fn.metadata["note"] = 1
    assert y.grad_fn.metadata == {"note": 1}


def test_nn_linear_is_addmm_over_a_transposed_weight():
    m = nn.Linear(3, 2)
    fn = m(jtorch.ones(1, 3)).grad_fn
    (bias, _), (none, _), (turned, _) = fn.next_functions
    assert bias.variable is m.bias
    assert none is None
    assert turned.name() == "TBackward0"
    assert turned.next_functions[0][0].variable is m.weight


def test_what_a_node_saved():
    x = jtorch.tensor([1.0, 2.0], requires_grad=True)
    y = x * jtorch.tensor([3.0, 4.0])
    assert y.grad_fn._saved_self is not None
    assert y.grad_fn._saved_other.tolist() == [3.0, 4.0]
    y.sum().backward()
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        y.grad_fn._saved_self


def test_a_node_that_jtorch_does_not_have_refuses_hooks_by_name():
    turned = nn.Linear(3, 2)(jtorch.ones(1, 3)).grad_fn.next_functions[2][0]
    for ask in (
        lambda: turned.register_hook(print),
        lambda: turned.register_prehook(print),
        lambda: turned._saved_self,
    ):
        with pytest.raises(NotImplementedError, match="TBackward0"):
            ask()


def test_the_node_of_a_function_takes_hooks():
    class Double(jtorch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, grad):
            return grad * 2

    x = jtorch.ones(2, requires_grad=True)
    y = Double.apply(x)
    seen = []
    y.grad_fn.register_prehook(lambda grads: seen.append(grads[0].tolist()))
    y.grad_fn.register_hook(lambda inputs, outputs: (inputs[0] * 10,))
    y.sum().backward()
    assert seen == [[1.0, 1.0]]
    assert x.grad.tolist() == [20.0, 20.0]
