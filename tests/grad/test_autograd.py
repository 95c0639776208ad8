"""torch.autograd: programs whose printed text is compared with PyTorch's, and tests of what a print cannot show."""

import gc
import weakref

import jtorch


class Double(jtorch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        y = x * 2
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx, grad):
        return grad * 2


def test_a_function_leaves_no_cycle():
    """A cycle would keep promised values alive until the garbage collector runs."""
    gc.disable()
    try:
        x = jtorch.ones(2, requires_grad=True)
        y = Double.apply(x)
        node = weakref.ref(y._edge)
        y.sum().backward()
        del y
        assert node() is None
    finally:
        gc.enable()


def test_saved_tensor_of_a_function_is_the_tensor_itself():
    x = jtorch.ones(2, requires_grad=True)
    y = Double.apply(x)
    assert y.grad_fn.saved_tensors[0] is x


def test_hooks_on_saved_tensors_are_gone_after_the_block():
    from jtorch.core.grad import nodes as graph

    x = jtorch.ones(2, requires_grad=True)
    with jtorch.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t):
        inside = x * x
    outside = x * x
    assert type(inside._edge) is not graph.GradNode
    assert type(outside._edge) is graph.GradNode


def test_checkpoint_keeps_no_value_between():
    kept = []

    def block(a):
        middle = a.sin()
        kept.append(weakref.ref(middle._storage))
        return middle.exp()

    x = jtorch.ones(3, requires_grad=True)
    y = jtorch.utils.checkpoint.checkpoint(block, x, use_reentrant=False)
    assert kept[0]() is None
    y.sum().backward()
    assert x.grad is not None
