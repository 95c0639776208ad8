"""`torch.utils.checkpoint`: keep fewer tensors for backward, and compute them again.

A hook on saved tensors drops what a line inside the function saves. When backward first needs it, the function runs
again. A barrier before the second run keeps XLA from merging it with the first.
"""

from __future__ import annotations

import contextlib
import warnings

import jax

from jtorch.amp.autocast_mode import autocast, autocast_settings
from jtorch.autograd import Function, backward
from jtorch.autograd.graph import saved_tensors_hooks
from jtorch.core import engine
from jtorch.core.engine import Call
from jtorch.core.grad import enable_grad, no_grad
from jtorch.core.ops.make.generator import put_back, states
from jtorch.core.tensor import Tensor, wrap

__all__ = ["CheckpointError", "checkpoint", "checkpoint_sequential", "noop_context_fn", "set_checkpoint_early_stop"]

_WARNING = (
    "torch.utils.checkpoint: the use_reentrant parameter should be passed explicitly. "
    "Starting in PyTorch 2.9, calling {} without use_reentrant will raise an exception. "
    "use_reentrant=False is recommended, but if you need to preserve the current default behavior, you can pass use_reentrant=True. "
    "Refer to docs for more details on the differences between the two variants."
)


class CheckpointError(RuntimeError):
    """The second run saved different tensors than the first."""


class _Stop(Exception):
    """Ends the second run when everything needed is computed."""


def noop_context_fn():
    """Two contexts that do nothing."""
    return contextlib.nullcontext(), contextlib.nullcontext()


_early_stop = None


class set_checkpoint_early_stop:
    """Choose whether a second run ends as soon as everything needed is computed."""

    def __init__(self, enable):
        self.enable = enable

    def __enter__(self):
        global _early_stop
        self.before, _early_stop = _early_stop, self.enable

    def __exit__(self, *exc):
        global _early_stop
        _early_stop = self.before


_BARRIER = Call(lambda *xs: list(jax.lax.optimization_barrier(xs)), name="barrier", saves=())


def _again(args):
    """The arguments for a second run: the tensors without history, behind a barrier.

    Where some require a gradient, the others are passed on as they are.
    """
    tensors = [a for a in args if isinstance(a, Tensor)]
    tensors = [a for a in tensors if a.requires_grad] or tensors
    if not tensors:
        return list(args)
    _, values = engine.record(_BARRIER, [t._value for t in tensors])
    made = iter(values)
    behind = {id(a) for a in tensors}
    return [wrap(next(made)).requires_grad_(a.requires_grad) if id(a) in behind else a for a in args]


@contextlib.contextmanager
def _rng(kept):
    if kept is None:
        yield
        return
    now = states()
    put_back(kept)
    try:
        yield
    finally:
        put_back(now)


def checkpoint(
    function,
    *args,
    use_reentrant=None,
    context_fn=noop_context_fn,
    determinism_check="default",
    debug=False,
    early_stop=True,
    **kwargs,
):
    """Call `function(*args, **kwargs)` and keep only the arguments. Backward computes the saved tensors again.

    Args:
        use_reentrant: False: gradients work as without a checkpoint. True: PyTorch's older form, which runs one
            backward pass inside another. It works only with `backward()`, and one of `args` must require grad.
        context_fn: returns two contexts, for the first run and for the second.
        determinism_check: "default": the second run must save tensors of the same shapes and dtypes; "none": no check.
        preserve_rng_state: the second run draws the same random numbers (default True).

    >>> x = torch.ones(2, requires_grad=True)
    >>> torch.utils.checkpoint.checkpoint(torch.exp, x, use_reentrant=False).sum().backward()
    >>> x.grad
    tensor([2.7183, 2.7183])
    """
    if use_reentrant is None:
        warnings.warn(_WARNING.format("checkpoint"), stacklevel=2)
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if use_reentrant:
        if kwargs:
            raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
        if context_fn is not noop_context_fn or debug is not False:
            raise ValueError("Passing `context_fn` or `debug` is only supported when use_reentrant=False.")
        return _Reentrant.apply(function, preserve, *args)
    if determinism_check not in ("default", "none"):
        raise ValueError(f"determinism_check should be one of ['default', 'none'], but got {determinism_check}")
    stop = early_stop if _early_stop is None else _early_stop
    frame = _Frame(function, args, kwargs, states() if preserve else None, context_fn(), determinism_check, stop)
    with frame.contexts[0], saved_tensors_hooks(frame.pack, frame.unpack):
        result = function(*args, **kwargs)
    frame.completed = True
    return result


class _Frame:
    """One checkpointed call: the number of tensors that the first run saved, and those that the second run saved."""

    def __init__(self, function, args, kwargs, rng, contexts, check, early_stop):
        self.function, self.args, self.kwargs = function, args, kwargs
        self.rng = rng
        self.contexts = contexts
        self.check = check
        self.early_stop = early_stop
        self.completed = False
        self.autocast = autocast_settings()
        self.saved = []  # (shape, dtype) of each tensor that the first run saved
        self.again = {}

    def pack(self, tensor):
        self.saved.append((tensor.shape, tensor.dtype))
        return len(self.saved) - 1

    def unpack(self, i):
        if i not in self.again:
            self._run()
        return self.again.pop(i)

    def _run(self):
        found = []

        def pack(tensor):
            if len(found) == len(self.saved) and not self.completed:
                self.check = "none"  # a backward pass inside the function: it came to less than the whole of it
            elif len(found) == len(self.saved):
                raise CheckpointError(
                    "torch.utils.checkpoint: trying to save more tensors during recomputation than during the original forward"
                    " pass.\nTip: To see a more detailed error message, either pass `debug=True` to"
                    " `torch.utils.checkpoint.checkpoint(...)` or wrap the code block with"
                    " `with torch.utils.checkpoint.set_checkpoint_debug_enabled(True):` to enable checkpoint-debug mode globally."
                )
            found.append(tensor)
            if self.early_stop and len(found) == len(self.saved):
                raise _Stop
            return tensor

        values = list(self.kwargs.values())
        args = _again([*self.args, *values])
        n = len(self.args)
        kwargs = dict(zip(self.kwargs, args[n:], strict=True))
        with contextlib.ExitStack() as stack:
            stack.enter_context(contextlib.suppress(_Stop))
            for device, enabled, dtype, cache in self.autocast:
                stack.enter_context(autocast(device, dtype, enabled, cache))
            for context in (_rng(self.rng), enable_grad(), self.contexts[1], saved_tensors_hooks(pack, lambda t: t)):
                stack.enter_context(context)
            self.function(*args[:n], **kwargs)
        self._compare(found)
        self.again = dict(enumerate(found))

    def _compare(self, found):
        if len(found) != len(self.saved) and self.completed:
            raise CheckpointError(
                "torch.utils.checkpoint: A different number of tensors was saved during the original forward and"
                f" recomputation.\nNumber of tensors saved during forward: {len(self.saved)}\nNumber of tensors saved during"
                f" recomputation: {len(found)}."
            )
        if self.check == "none":
            return
        wrong = [
            f"tensor at position {i}:\nsaved metadata: {{'shape': {shape}, 'dtype': {dtype}}}\nrecomputed metadata:"
            f" {{'shape': {t.shape}, 'dtype': {t.dtype}}}"
            for i, ((shape, dtype), t) in enumerate(zip(self.saved, found, strict=True))
            if (shape, dtype) != (t.shape, t.dtype)
        ]
        if wrong:
            raise CheckpointError(
                "torch.utils.checkpoint: Recomputed values for the following tensors have different metadata than during the"
                " forward pass.\n" + "\n".join(wrong) + "\n"
            )


class _Reentrant(Function):
    """The older form. It records no graph inside; backward runs the function again and then its own backward pass."""

    @staticmethod
    def forward(ctx, function, preserve, *args):
        if not any(isinstance(a, Tensor) and a.requires_grad for a in args):
            warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", stacklevel=4)
        ctx.function = function
        ctx.rng = states() if preserve else None
        ctx.spots = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        ctx.args = [None if isinstance(a, Tensor) else a for a in args]
        ctx.save_for_backward(*[args[i] for i in ctx.spots])
        with no_grad():
            return function(*args)

    @staticmethod
    def backward(ctx, *grads):
        if engine.local.running.targets is not None:
            raise RuntimeError(
                "When use_reentrant=True, torch.utils.checkpoint is incompatible with .grad() or passing an `inputs`"
                " parameter to .backward(). To resolve this error, you can either set use_reentrant=False, or call"
                " .backward() without passing the `inputs` argument."
            )
        args = list(ctx.args)
        for i, t in zip(ctx.spots, ctx.saved_tensors, strict=True):
            args[i] = t
        again = _again(args)
        with _rng(ctx.rng), enable_grad():
            outputs = ctx.function(*again)
        outputs = (outputs,) if isinstance(outputs, Tensor) else outputs
        pairs = [(o, g) for o, g in zip(outputs, grads, strict=True) if isinstance(o, Tensor) and o.requires_grad]
        if not pairs:
            raise RuntimeError("none of output has requires_grad=True, this checkpoint() is not necessary")
        backward([o for o, _ in pairs], [g for _, g in pairs])
        return None, None, *[a._gradient() if isinstance(a, Tensor) else None for a in again]


_Reentrant.__name__ = "CheckpointFunction"
_Reentrant._backward_cls.__name__ = _Reentrant._backward_cls.__qualname__ = "CheckpointFunctionBackward"


def checkpoint_sequential(functions, segments, input, use_reentrant=None, **kwargs):
    """Run modules one after another, in segments. All segments except the last run under `checkpoint`.

    Args:
        functions: a Sequential, or modules or functions in order.
        segments: number of segments.
    """
    if use_reentrant is None:
        warnings.warn(_WARNING.format("checkpoint_sequential"), stacklevel=2)
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    functions = list(functions.children()) if hasattr(functions, "children") else list(functions)
    size = len(functions) // segments

    def run(start, end):
        def forward(x):
            for f in functions[start : end + 1]:
                x = f(x)
            return x

        return forward

    end = -1
    for start in range(0, size * (segments - 1), size):
        end = start + size - 1
        input = checkpoint(run(start, end), input, use_reentrant=use_reentrant, preserve_rng_state=preserve)
    return run(end + 1, len(functions) - 1)(input)
