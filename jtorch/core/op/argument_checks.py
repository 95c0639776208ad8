"""Checks of arguments that ops share: on dtypes when a line is recorded, on data as soon as it is known.

XLA has no exceptions: it would clamp a class label out of range, and return some number for an integer divided by zero.
`data_check` checks small host arrays at once; otherwise the program returns a flag beside its results. Does not know ops.
"""

from __future__ import annotations

import numpy as np

from jtorch.core import engine
from jtorch.core.engine import Call
from jtorch.core.facts import dtypes
from jtorch.core.grad import grad_enabled
from jtorch.core.tensor import Tensor

_AT_ONCE = 1 << 14  # elements; to read more here costs more than a flag, since the program reads them anyway
_calls: dict = {}
_autocast: list = []  # the function of `autocast_by`, once autocast was on


def data_check(value, bad, error, fine_below=None, **consts) -> None:
    """Raise an error if elements of `value` are bad. If they are few and on the host, or a few lines compute them from such
    elements, it comes at once; else when a value that depends on the check is read, or at the end of the next training step.

    Args:
        value: a tensor, or a Python number.
        bad: a module-level function (array, **consts) -> bool, in terms that NumPy and JAX arrays share.
        error: the exception, or a function (NumPy array, **consts) that makes it. A function keeps the tensor's data in
            memory until the check has run.
        fine_below: integers from 0 up to this are certainly not bad; comparing with it is quicker.
        **consts: arguments that `bad` and `error` are called with; they can be hashed.
    """
    if fine_below is not None and value.__class__ is Tensor:
        array = value._value.array
        if array.__class__ is np.ndarray and array.size <= _AT_ONCE and array.dtype == np.int64:
            above = array.view(np.uint64) >= fine_below  # so is a negative number
            if 1 not in above.tobytes():
                return
    data_checks([(value, error)], bad, **consts)


def data_checks(pairs, bad, **consts) -> None:
    """The same for several pairs (value, error), with one flag. The error is that of the first bad value."""
    late = []
    for value, error in pairs:
        if not isinstance(value, Tensor):
            array = np.asarray(value)
        else:
            held = value._value
            if held.type.place is engine.META or held.type.place is engine.TRACED:
                continue
            array = engine.computed_ahead(held) if held.is_promised else held.array
            if array.__class__ is not np.ndarray or array.size > _AT_ONCE:
                late.append((held, error))
                continue
        if bad(array, **consts):
            raise _exception(error, array, consts)
    if not late:
        return
    flag = engine.record(_check_call(bad, tuple(consts.items()), len(late)), [held for held, _ in late])[1]
    kept = [(held if callable(error) else None, error) for held, error in late]

    def found(flags):
        held, error = kept[-int(np.bitwise_or.reduce(flags, None)).bit_length()]
        return _exception(error, held and held.read(), consts)

    if flag.is_promised:
        engine.local.trace.check(flag, found)
    elif (flags := np.asarray(flag.array)).any():
        raise found(flags)


def _check_call(bad, consts, n):
    """The interned call that checks n arrays for bad elements. The highest bit of its result stands for the first array."""
    key = (bad, consts, n)
    call = _calls.get(key)
    if call is None:
        flag = lambda *arrays, **consts: sum(bad(a, **consts).astype(np.int32) << i for i, a in enumerate(arrays[::-1]))
        call = _calls[key] = Call(flag, dict(consts), "check")
    return call


def _exception(error, array, consts):
    return error(array, **consts) if callable(error) else error


def autocast_by(cast) -> None:
    """From now on, `cast(rule, tensors)` gives the tensors of an op with this rule as autocast converts them."""
    _autocast[:] = [cast]


def cast_first(*tensors, autocast):
    """The tensors as autocast converts them for an op with this rule, for a function that reads dtypes before it calls the op.

    An argument that is not a tensor stays as it is.
    """
    return _autocast[0](autocast, tensors) if _autocast else tensors


def needs_data(name: str, *tensors) -> None:
    """Raise PyTorch's error if a tensor has no data, for a function whose result has a size that depends on it."""
    if any(t._type.place is engine.META for t in tensors):
        raise NotImplementedError(_NO_NONZERO if name == "nonzero" else _NO_META_KERNEL.format(name))


_NO_NONZERO = (
    "The register_meta function for torch.nonzero() raises unimplemented by default, as a correct data-independent implementation"
    " does not exist. This implementation returns a fake value, assuming all elements of the tensor are non-zero. To enable this"
    " registration, please set 'torch.fx.experimental._config.meta_nonzero_assume_all_nonzero' to True."
)
_NO_META_KERNEL = (
    "aten::{}: attempted to run this operator with Meta tensors, but there was no fake impl or Meta kernel registered. You may have"
    " run into this message while using an operator with PT2 compilation APIs (torch.compile/torch.export); in order to use this"
    " operator with those APIs you'll need to add a fake impl. Please see the following for next steps: "
    " https://pytorch.org/tutorials/advanced/custom_ops_landing_page.html"
)


def letter(x) -> str:
    """The kind of numbers in an array or tensor: b(ool), i(nt), u(int16 to 64), f(loat) or c(omplex)."""
    d = _dtype_of(x)
    return "u" if d.limited and d.category == dtypes.INT else "bifc"[d.category]


def kernel(name: str, x, letters: str) -> None:
    """Raise PyTorch's error unless its CPU kernel `name` exists for the dtype of `x`, given by `letter`."""
    if letter(x) not in letters:
        raise NotImplementedError(f"\"{name}\" not implemented for '{_dtype_of(x).scalar_name}'")


def _dtype_of(x):
    return x.dtype if isinstance(x, Tensor) else dtypes.of(x.dtype)


def undifferentiable(name: str, argument: str, t) -> None:
    """Raise PyTorch's error if an optional tensor requires a gradient that its kernel does not compute."""
    if t is not None and t.requires_grad and grad_enabled():
        raise RuntimeError(
            f"The function '{name}' is not differentiable with respect to argument '{argument}'. This input cannot have requires_grad True."
        )


def is_integer(value) -> bool:
    """Whether a tensor or number belongs to the integers (or bools)."""
    if isinstance(value, Tensor):
        return value.dtype.category <= dtypes.INT
    return isinstance(value, int)
