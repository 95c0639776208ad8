"""step_lists: one step of an optimizer's arithmetic on lists of tensors, in place, for the functions such as `torch.optim.adam.adam`."""

from __future__ import annotations

from jtorch.core import engine
from jtorch.core.engine import local
from jtorch.core.ops.functions import where
from jtorch.core.tensor import Tensor, write_all
from jtorch.optim._functional import update
from jtorch.optim._functional.prepared_step import lr_value, record_differentiable


def step_lists(cls, params, grads, states, lr, grad_scale=None, found_inf=None, fused=False, first=None, **settings):
    """Update the parameters and their states.

    Each parameter is a call of its own, which reads what the one before it wrote: a list may hold a parameter twice.

    Args:
        cls: the optimizer, a TransformOptimizer.
        states: PyTorch's name of each state -> the tensors, one for each parameter. Names that `cls` has no state for are
            left as they are.
        grad_scale, found_inf: as `GradScaler` gives them to a fused optimizer: the gradients are divided by the first; where
            the second is not zero, nothing changes.
        first: for each parameter whether this is its first step, where the first step differs.
        settings: those that `cls.transformation` takes.

    Raises:
        RuntimeError: a step count is no tensor.
        AssertionError: `grad_scale` or `found_inf` without `fused`, as in PyTorch.
    """
    for name in cls.scalars:
        if not all(isinstance(t, Tensor) for t in states.get(name, ())):
            argument = {"step": "state_steps", "mu_product": "mu_products"}.get(name, name + "s")
            raise RuntimeError(f"API has changed, `{argument}` argument must contain a list of singleton tensors")
    if (grad_scale is not None or found_inf is not None) and not fused:
        raise AssertionError("Expected grad_scale and found_inf to be None")
    constants = tuple([(name, settings[name]) for name in cls.settings])
    for i, (p, grad) in enumerate(zip(params, grads, strict=True)):
        if p._memory is not p:
            raise NotImplementedError(f"{cls.__name__}: of a {type(p).__name__}, of which each process has a part")
        if grad.is_sparse:
            grad = grad.to_dense()
        if grad_scale is not None:
            # A fused optimizer leaves the gradients divided, where it does not skip the step.
            grad.div_(grad_scale if found_inf is None else where(found_inf != 0, 1.0, grad_scale))
        names = update.in_order(cls, update.state_layout(cls, constants, p._type))
        held = [states[name][i] for name in names]
        held = [t.reshape(1) if name in cls.scalars else t for name, t in zip(names, held, strict=True)]
        chosen = (*constants, ("first", True)) if first is not None and first[i] else constants
        _record_one(cls, chosen, lr, p, grad, held, found_inf)


def _record_one(cls, settings, lr, p, grad, states, skip):
    call = update.call_of(cls, ((settings, 0, 1),), skip is not None)
    values = [] if skip is None else [skip._value]
    values += [lr_value(lr), p._value, grad._value, *[t._value for t in states]]
    if local.grad:
        record_differentiable(call, values, [lr], [p], [grad], states)
        return
    _, out = engine.record(call, values)
    write_all([p, *states], [out] if not states else out)
