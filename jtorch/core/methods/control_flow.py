"""`torch.cond` and `torch.while_loop`: a branch and a loop that depend on values."""

from __future__ import annotations

import jax

from jtorch.core.engine import TRACED
from jtorch.core.methods.jax_functions import from_jax, to_jax
from jtorch.core.tensor import Tensor


def cond(pred, true_fn, false_fn, operands=()):
    """`true_fn(*operands)` if the predicate is true, else `false_fn(*operands)`.

    Args:
        pred: a bool, or a tensor of one element.
        operands: a tuple or list.

    Raises:
        RuntimeError: `pred` is neither.

    Differs from torch: the predicate is read, as by an `if`, and only the chosen branch is recorded, so branches may give
    different things, or views. Inside a transformation of JAX it is `jax.lax.cond`.

    >>> torch.cond(torch.tensor(True), lambda x: x + 1, lambda x: x - 1, (torch.ones(2),))
    tensor([2., 2.])
    """
    if (isinstance(pred, Tensor) and pred.numel() != 1) or not isinstance(pred, Tensor | bool | int | float):
        raise RuntimeError(f"Expected pred to be bool or single-element tensor, but got {pred}.")
    if not callable(true_fn) or not callable(false_fn):
        raise TypeError(f"{type(true_fn if callable(false_fn) else false_fn).__name__!r} object is not callable")
    if isinstance(pred, Tensor) and pred._type.place is TRACED:
        branches = to_jax(true_fn), to_jax(false_fn)
        return from_jax(lambda p, *parts: jax.lax.cond(p.reshape(()) != 0, *branches, *parts))(pred, *operands)
    return (true_fn if bool(pred) else false_fn)(*operands)


def while_loop(cond_fn, body_fn, carried_inputs):
    """Replace the carried tensors by `body_fn(*carried)` while `cond_fn(*carried)` is true.

    Args:
        cond_fn: gives a bool, or a tensor of one element.
        body_fn: gives as many tensors as there are.
        carried_inputs: a tuple.

    Raises:
        RuntimeError: the body gives another number of tensors.

    Differs from torch: the condition is read in each round. Inside a transformation of JAX it is `jax.lax.while_loop`.

    >>> torch.while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, x * 2), (torch.tensor(0), torch.ones(2)))
    (tensor(3), tensor([8., 8.]))
    """
    carried = tuple(carried_inputs)
    if any(isinstance(t, Tensor) and t._type.place is TRACED for t in carried):
        holds, body = to_jax(cond_fn), to_jax(body_fn)
        run = lambda *parts: jax.lax.while_loop(
            lambda now: holds(*now).reshape(()) != 0, lambda now: tuple(body(*now)), parts
        )
        return tuple(from_jax(run)(*carried))
    while bool(cond_fn(*carried)):
        made = body_fn(*carried)
        made = tuple(made) if isinstance(made, tuple | list) else (made,)
        if len(made) != len(carried):
            raise RuntimeError(f"while_loop: body_fn gave {len(made)} values for {len(carried)} carried inputs")
        carried = made
    return carried
