"""In-place ops in the gradient graph: the op itself may save the old value of the tensor that it overwrites, other ops may not."""

import pytest

import jtorch as torch
import jtorch.nn.functional as F

UNARY = """abs acos asin atan ceil clamp cos cosh digamma erf erfc exp exp2 expm1 floor lgamma log log10 log1p log2 neg
    reciprocal round rsqrt sigmoid sin sinc sinh sqrt square tan tanh trunc""".split()
ACTIVATIONS = "celu elu hardsigmoid hardswish hardtanh leaky_relu mish relu relu6 selu silu".split()


def gradients(change, *, part=slice(None)):
    """The gradients of x and w after `change(y, w)` wrote to y, a part of 0.9·x."""
    x = torch.tensor([0.2, -0.4, 0.9, 0.6], requires_grad=True)
    w = torch.tensor([1.5, 0.5, -2.0, 3.0], requires_grad=True)
    y = x * 0.9
    change(y[part], w[part]).sum().backward()
    return [None if t.grad is None else t.grad.tolist() for t in (x, w)]


@pytest.mark.parametrize("name", UNARY)
def test_a_method_in_place_has_the_gradient_of_the_method(name):
    given = (-0.3, 0.3) if name == "clamp" else ()
    expected = gradients(lambda y, w: getattr(y.abs(), name)(*given))
    assert gradients(lambda y, w: getattr(y.abs_(), name + "_")(*given)) == expected


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation_in_place_has_the_gradient_of_the_activation(name):
    function = getattr(F, name)
    assert gradients(lambda y, w: function(y, inplace=True)) == gradients(lambda y, w: function(y))


CHAINS = {
    "a chain": (lambda y, w: y.sin_().cos_().mul_(w), lambda y, w: y.sin().cos().mul(w)),
    "other operands": (lambda y, w: y.addcmul_(w, w).lerp_(w, w), lambda y, w: y.addcmul(w, w).lerp(w, w)),
    "an exponent": (lambda y, w: y.abs_().pow_(w), lambda y, w: y.abs().pow(w)),
}


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize("part", [slice(None), slice(1, 3)], ids=["whole", "a view"])
def test_a_chain_of_ops_in_place(name, part):
    inplace, plain = CHAINS[name]
    assert gradients(inplace, part=part) == gradients(plain, part=part)


REFUSED = {
    "itself as the other operand": lambda y, w: y.mul_(y),
    "a product of itself": lambda y, w: y.addcmul_(y, w),
    "saved by another op": lambda y, w: (y.sin(), y.sin_())[0],
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_another_place_saved_is_still_watched(name):
    with pytest.raises(RuntimeError, match="has been modified by an inplace operation: .* is at version 1; expected"):
        gradients(REFUSED[name])


def test_a_tensor_that_was_copied_from_may_be_used_while_the_copy_moves_on():
    """As a DQN's target network: writing to the copy does not count as a write to the source."""
    source, copy = (torch.nn.Linear(3, 2) for _ in range(2))
    for _ in range(2):
        copy.load_state_dict(source.state_dict())
        loss = source(torch.ones(1, 3)).pow(2).sum()
        copy.load_state_dict({name: 0.5 * p for name, p in source.state_dict().items()})
        loss.backward()
    assert source.weight._version == 1
