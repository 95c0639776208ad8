"""Optax: any optax transformation as an optimizer."""

from __future__ import annotations

import jax
import optax

from jtorch.core import engine
from jtorch.core.engine import Call, Value, local, number, shapes_of
from jtorch.core.tensor import Tensor, wrap, write_all
from jtorch.optim._functional.prepared_step import lr_value
from jtorch.optim._functional.setting_checks import check_lr
from jtorch.optim._functional.shared_memory import sharing
from jtorch.optim.optimizer import Optimizer, closure_loss


class Optax(Optimizer):
    """p += lr * update, with the updates of an optax transformation.

    Each group has a state of its own, kept with its first parameter as {"optax": [tensors]}. The transformation gets
    the parameters as a list. If they were given with names (`model.named_parameters()`), it gets them as
    {name: array}, so that masks and labels can go by name.

    Args:
        params: the parameters to optimize.
        tx: an optax transformation with its learning rate: `optax.lion(1e-4)`. A group may have its own.
        lr: multiplies the updates, so that PyTorch's schedulers work on a transformation without a learning rate.

    A transformation that takes `value` gets the closure's loss, or the argument of `step(value=loss)`.

    >>> import optax
    >>> p = torch.ones(2, requires_grad=True)
    >>> optimizer = torch.optim.Optax([p], optax.sgd(0.5))
    >>> p.sum().backward(); optimizer.step(); p
    tensor([0.5000, 0.5000], requires_grad=True)
    """

    skips_found_inf = True  # where found_inf is not zero, a step changes nothing: see jtorch.amp.GradScaler

    def __init__(self, params, tx, lr=1.0):
        check_lr(lr)
        super().__init__(params, dict(lr=lr, tx=tx))

    def step(self, closure=None, *, value=None):
        """Update the parameters from their gradients. Returns the closure's loss, or None."""
        loss = closure_loss(closure)
        grad, local.grad = local.grad, False
        try:
            for group in self.param_groups:
                self._update(group, loss if value is None else value, self.__dict__.get("found_inf"))
        finally:
            local.grad = grad
        return loss

    def _update(self, group, value, skip=None):
        params = [p for p in group["params"] if p._grad is not None]
        if not params:
            return
        names = None
        if "param_names" in group:
            names = tuple(
                [n for p, n in zip(group["params"], group["param_names"], strict=True) if p._grad is not None]
            )
        call = _update_call(group["tx"], names, tuple([p._type for p in params]), skip is not None, value is not None)
        held = self.state[group["params"][0]]
        if "optax" not in held:
            if sharing([[p] for p in params]):
                raise NotImplementedError("optim.Optax: parameters that share memory")
            held["optax"] = call.begin([p._value for p in params])
        if len(held["optax"]) != len(call.blank):
            raise RuntimeError("the parameters that have gradients are not those that the state was made for")
        extra = [skip] if skip is not None else []
        extra += [value] if value is not None else []
        moved = [*params, *held["optax"]]
        values = [t._value if isinstance(t, Tensor) else number(float(t)) for t in extra]
        values += [lr_value(group["lr"])]
        values += [p._value for p in params] + [p.grad._value for p in params] + [t._value for t in held["optax"]]
        _, out = engine.record(call, values)
        write_all(moved, [out] if out.__class__ is Value else out)


_calls: dict = {}


def _update_call(tx, names, types, skipping, valued):
    key = (tx, names, types, skipping, valued)
    try:
        found = _calls.get(key)
    except TypeError:  # it cannot be hashed, so it is not optax's tuple of functions
        raise TypeError(f"optim.Optax: tx must be an optax transformation, not {type(tx).__name__}") from None
    if found is None:
        if not hasattr(tx, "init") or not hasattr(tx, "update"):
            raise TypeError(f"optim.Optax: tx must be an optax transformation, not {type(tx).__name__}")
        found = _calls[key] = OptaxUpdate(*key)
    return found


class OptaxUpdate(Call):
    """The update of one group: [skip], [value], learning rate, parameters, gradients, state -> parameters, state."""

    __slots__ = ("blank", "names", "size", "skipping", "tree", "tx", "types", "valued")

    def __init__(self, tx, names, types, skipping, valued):
        super().__init__(None, None, "Optax.step")
        self.tx, self.names, self.types, self.size = optax.with_extra_args_support(tx), names, types, len(types)
        self.skipping, self.valued = skipping, valued
        with jax.enable_x64(True):
            blank = shapes_of(self.tx.init, self.tree_of([t.aval for t in types]))
        self.blank, self.tree = jax.tree_util.tree_flatten(blank)

    def tree_of(self, arrays):
        return list(arrays) if self.names is None else dict(zip(self.names, arrays, strict=True))

    def leaves_of(self, tree):
        return list(tree) if self.names is None else [tree[n] for n in self.names]

    def begin(self, params):
        """The state before the first step, as tensors."""
        if not self.blank:
            return []
        begin = Call(
            lambda *arrays: tuple(jax.tree_util.tree_leaves(self.tx.init(self.tree_of(arrays)))), name="Optax.init"
        )
        _, out = engine.record(begin, params)
        return [wrap(v) for v in out]

    def _infer(self, types):
        first = 1 + self.skipping + self.valued
        return False, (*types[first : first + self.size], *types[first + 2 * self.size :])

    def bind(self, types):
        def step(*arrays):
            rest = iter(arrays)
            skip = next(rest) if self.skipping else None
            extra = {"value": next(rest)} if self.valued else {}
            rate = next(rest).reshape(())
            params, grads = [[next(rest) for _ in range(self.size)] for _ in range(2)]
            held = list(rest)
            state = jax.tree_util.tree_unflatten(self.tree, held)
            updates, state = self.tx.update(self.tree_of(grads), state, self.tree_of(params), **extra)
            new = [
                (p + (rate * u).astype(p.dtype)).astype(p.dtype)
                for p, u in zip(params, self.leaves_of(updates), strict=True)
            ]
            new += [n.astype(h.dtype) for n, h in zip(jax.tree_util.tree_leaves(state), held, strict=True)]
            if skip is None:
                return new
            return [jax.numpy.where(skip != 0, a, b) for a, b in zip([*params, *held], new, strict=True)]

        return step
