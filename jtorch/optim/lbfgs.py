"""LBFGS: the quasi-Newton method, with an optional line search.

Plain Python over one flat tensor, because each step depends on computed numbers: an iteration reads them twice, after
the closure and after the choice of a direction. Past steps are rows of matrices that grow by doubling, so that a growing
history does not compile a program at each step.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from jtorch.core.engine import local
from jtorch.core.grad import enable_grad
from jtorch.core.op import Array, Number, op
from jtorch.core.ops.gather.joining import cat, stack
from jtorch.core.ops.make.create import zeros
from jtorch.core.ops.views.reinterpret import view_as_real
from jtorch.optim._functional import check_lr, strong_wolfe
from jtorch.optim.optimizer import Optimizer

_LEAST = 1e-10  # the least curvature of a step that is remembered


class LBFGS(Optimizer):
    """p += t * d, with d = -H * grad and H the inverse Hessian estimated from the last steps.

    Args:
        params: the parameters to optimize, in one group.
        lr: the step length t, or the first one that the line search tries, >= 0.
        max_iter: the largest number of iterations in a call of `step`.
        max_eval: the largest number of calls of the closure in a call of `step`; default: max_iter * 5 // 4.
        tolerance_grad: stop when no gradient is larger.
        tolerance_change: stop when the loss and the parameters change by less.
        history_size: the number of past steps that are remembered.
        line_search_fn: "strong_wolfe", or None for a fixed t.

    Raises:
        ValueError: lr < 0, or more than one group.

    >>> w = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.LBFGS([w])
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = (w**2).sum()
    ...     loss.backward()
    ...     return loss
    >>> loss = optimizer.step(closure)
    >>> abs(w.item()) < 1e-4
    True
    """

    def __init__(
        self,
        params,
        lr=1,
        max_iter=20,
        max_eval=None,
        tolerance_grad=1e-7,
        tolerance_change=1e-9,
        history_size=100,
        line_search_fn=None,
    ):
        check_lr(lr)
        super().__init__(
            params,
            dict(
                lr=lr,
                max_iter=max_iter,
                max_eval=max_iter * 5 // 4 if max_eval is None else max_eval,
                tolerance_grad=tolerance_grad,
                tolerance_change=tolerance_change,
                history_size=history_size,
                line_search_fn=line_search_fn,
            ),
        )
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    def step(self, closure):
        """Do up to max_iter iterations. `closure` computes the loss and its gradients, and returns the loss."""
        grad, local.grad = local.grad, False
        try:
            descent = _Descent(self, closure)
            try:
                return descent.run()
            finally:
                self._history = descent.history
        finally:
            local.grad = grad

    def __getstate__(self):
        return {k: v for k, v in super().__getstate__().items() if k != "_history"}


class _History:
    """The last changes of the gradient, the steps that caused them, and 1 / (change · step). The newest is the last row.

    Unused rows are zeros, which have no effect.
    """

    def __init__(self, state, gradient, most):
        self.most = most
        self.used = len(state["old_dirs"])
        rows = [([gradient * 0] * (not state[name]) + state[name]) for name in ("old_dirs", "old_stps")]
        self.changes, self.steps = [stack(row) for row in rows]
        self.ro = stack([gradient.sum() * 0] * (not state["ro"]) + state["ro"])
        self.store(state)

    def add(self, change, step, curvature):
        """Remember a step, unless the curvature along it is not positive."""
        room = len(self.ro)
        if self.used == room and room < self.most:
            more = min(max(room, 7), self.most - room)
            self.changes, self.steps, self.ro = [
                cat([zeros((more, *t.shape[1:]), dtype=t.dtype, device=t.device), t])
                for t in (self.changes, self.steps, self.ro)
            ]
        self.used += self.used < self.most
        self.changes, self.steps, self.ro = [
            _append_row(rows, new, curvature)
            for rows, new in ((self.changes, change), (self.steps, step), (self.ro, 1.0 / curvature))
        ]

    def direction(self, gradient, scale):
        """-H * gradient, by the two-loop recursion of L-BFGS."""
        return _two_loops(gradient, self.changes, self.steps, self.ro, scale)

    def store(self, state):
        """Store the rows in the state as lists, as PyTorch has them."""
        self.used = int((self.ro != 0).sum())
        for name, rows in (("old_dirs", self.changes), ("old_stps", self.steps), ("ro", self.ro)):
            state[name] = [rows[i] for i in range(len(rows) - self.used, len(rows))]
        self.stored = state["ro"]


class _Descent:
    """One call of `step`: the parameters as one flat vector, and the loss and gradient at the current point."""

    def __init__(self, optimizer, closure):
        group = optimizer.param_groups[0]
        self.group = group
        self.params = group["params"]
        self.rate = float(group["lr"])
        self.closure = closure
        self.state = optimizer.state[self.params[0]]
        self.state.setdefault("func_evals", 0)
        self.state.setdefault("n_iter", 0)
        self.evaluations = 0
        history = optimizer.__dict__.get("_history")
        self.history = history if history is not None and history.stored is self.state.get("ro") else None

    def run(self):
        """Iterate until a limit is reached. Returns the loss of the first evaluation."""
        group, state = self.group, self.state
        first = self.evaluate()
        if self.largest <= group["tolerance_grad"]:
            return first
        try:
            self.descend()
        finally:
            if self.history is not None:
                self.history.store(state)
        return first

    def descend(self):
        """Iterate until a limit is reached."""
        group, state = self.group, self.state
        for i in range(group["max_iter"]):
            state["n_iter"] += 1
            self.choose_direction()
            before = state["prev_loss"] = self.loss
            slope, reach, total = self.gradient.dot(state["d"]), state["d"].abs().max(), self.gradient.abs().sum()
            slope, self.reach = slope.item(), reach.item()
            state["t"] = self.rate * (min(1.0, 1.0 / total.item()) if state["n_iter"] == 1 else 1.0)
            if slope > -group["tolerance_change"]:
                break
            self.move(state["t"], slope, last=i + 1 == group["max_iter"])
            if self.finished(before):
                break

    def finished(self, before):
        """Whether a limit is reached after a step from a point with the loss `before`."""
        group, state = self.group, self.state
        return (
            self.evaluations >= group["max_eval"]
            or self.largest <= group["tolerance_grad"]
            or self.reach * state["t"] <= group["tolerance_change"]
            or abs(self.loss - before) < group["tolerance_change"]
        )

    def evaluate(self):
        """Call the closure at the current parameters. Sets the loss, the gradient and its largest element."""
        with enable_grad():
            loss = self.closure()
        self.evaluations += 1
        self.state["func_evals"] += 1
        self.gradient = _flatten_all(
            [zeros(p.shape, dtype=p.dtype, device=p.device) if p.grad is None else p.grad for p in self.params]
        )
        largest = self.gradient.abs().max()
        self.loss = float(loss)
        self.largest = largest.item()
        return loss

    def choose_direction(self):
        """Choose the next direction, and add the last step to the history."""
        state, gradient = self.state, self.gradient
        if state["n_iter"] == 1:
            self.history = None
            state.update(d=-gradient, t=None, old_dirs=[], old_stps=[], ro=[], H_diag=1)
        else:
            if self.history is None:
                self.history = _History(state, gradient, self.group["history_size"])
            change = gradient - state["prev_flat_grad"]
            step = state["d"] * state["t"]
            curvature = change.dot(step)
            self.history.add(change, step, curvature)
            state["H_diag"] = _inverse_curvature(curvature, change.dot(change), state["H_diag"])
            state["d"] = self.history.direction(gradient, state["H_diag"])
        state["prev_flat_grad"] = gradient

    def move(self, start, slope, last):
        """Move along the direction, and evaluate there unless this is the last iteration."""
        search, d = self.group["line_search_fn"], self.state["d"]
        if search is None:
            self.add(start)
            if not last:
                self.evaluate()
            return
        if search != "strong_wolfe":
            raise RuntimeError("only 'strong_wolfe' is supported")
        here = [p.clone() for p in self.params]
        most = self.group["max_eval"] - self.evaluations

        def at(t):
            self.add(t)
            self.evaluate()
            for p, old in zip(self.params, here, strict=True):
                p.copy_(old)
            return self.loss, self.gradient, self.gradient.dot(d).item()

        point = strong_wolfe(at, start, (self.loss, self.gradient, slope), self.reach, most=most)
        self.state["t"] = point.t
        self.loss, self.gradient = point.loss, point.gradient
        self.largest = self.gradient.abs().max().item()
        self.add(point.t)

    def add(self, t):
        """p += t * d for each parameter."""
        start = 0
        for p in self.params:
            seen = view_as_real(p) if p.is_complex() else p
            seen.add_(self.state["d"].narrow(0, start, seen.numel()).view(seen.shape), alpha=t)
            start += seen.numel()


def _flatten_all(tensors):
    return cat([(view_as_real(t) if t.is_complex() else t).reshape(-1) for t in tensors])


@op
def _append_row(rows: Array, new: Array, curvature: Array) -> Array:
    return jnp.where(curvature > _LEAST, jnp.concatenate([rows[1:], new[None]]), rows)


@op
def _inverse_curvature(curvature: Array, square: Array, before: Array | Number) -> Array:
    return jnp.where(curvature > _LEAST, curvature / square, before).astype(square.dtype)


@op
def _two_loops(gradient: Array, changes: Array, steps: Array, ro: Array, scale: Array) -> Array:
    history = changes, steps, ro

    def back(q, row):
        change, step, r = row
        a = jnp.dot(step, q) * r
        return q - a * change, a

    def forth(d, row):
        (change, step, r), a = row
        return d + (a - jnp.dot(change, d) * r) * step, None

    q, a = jax.lax.scan(back, -gradient, history, reverse=True)
    return jax.lax.scan(forth, q * scale, (history, a))[0]
