"""`torch.library.opcheck`: whether a custom op does what its declaration says."""

from __future__ import annotations

import inspect

from jtorch._library.custom_ops import definition_of
from jtorch.core.grad import enable_grad
from jtorch.core.methods import assert_close, eager
from jtorch.core.tensor import Tensor

_TESTS = ("test_schema", "test_autograd_registration", "test_faketensor", "test_aot_dispatch_static",
          "test_aot_dispatch_dynamic")  # fmt: skip
_DEFAULT = tuple(name for name in _TESTS if name != "test_aot_dispatch_static")


class OpCheckError(Exception):
    """A custom op does not do what its declaration says."""


def opcheck(op, args, kwargs=None, *, test_utils=_DEFAULT, raise_exception=True, atol=None, rtol=None) -> dict:
    """Test a custom op with arguments: it writes only to what it has declared, returns no argument or view of one, has a
    gradient if an argument requires one, and gives the same when it is recorded and when it is computed line by line.

    Args:
        op: what `custom_op` returned, or the op of `torch.ops`.
        test_utils: the names of the tests, or one.
        raise_exception: False: the result holds the errors.
        atol, rtol: how far the results and gradients of the two ways may be apart.

    Returns:
        test -> "SUCCESS" or the exception.

    Raises:
        OpCheckError: a test fails.

    >>> @torch.library.custom_op("mine::triple", mutates_args=())
    ... def triple(x: torch.Tensor) -> torch.Tensor:
    ...     return 3 * x
    >>> torch.library.opcheck(triple, (torch.ones(2),), test_utils="test_schema")
    {'test_schema': 'SUCCESS'}
    """
    names = (test_utils,) if isinstance(test_utils, str) else tuple(test_utils)
    if not set(names) <= set(_TESTS):
        raise ValueError(
            f"opcheck(op, ..., test_utils={names}), expected test_utils to be subset of {_TESTS} but it was not"
        )
    definition, told = definition_of(op), {}
    for name in names:
        check = (
            _check_declared
            if name == "test_schema"
            else _check_gradient
            if name == "test_autograd_registration"
            else _check_both_ways
        )
        tolerance = (
            {} if check is not _check_both_ways or atol is None or rtol is None else {"atol": atol, "rtol": rtol}
        )
        try:
            check(definition, args, kwargs or {}, **tolerance)
            told[name] = "SUCCESS"
        except Exception as error:
            if raise_exception:
                raise OpCheckError(
                    f"opcheck(op, ...): {name} failed with {error} (scroll up for stack trace)"
                ) from error
            told[name] = error
    return told


def _check_declared(definition, args, kwargs):
    args, kwargs = _fresh(args), _fresh(kwargs)
    named = inspect.signature(definition._fn).bind(*args, **kwargs).arguments
    before = _fresh(named)
    result = definition(*args, **kwargs)
    given = {}
    for name, value in named.items():
        for tensor, old in zip(_tensors(value), _tensors(before[name]), strict=True):
            given[id(tensor._storage)] = name
            if name not in definition.mutates and not _alike_or_nan(tensor, old):
                raise RuntimeError(f"Argument {name} is not defined as mutable but was mutated")
    for number, tensor in enumerate(_tensors(result), 1):
        if (name := given.get(id(tensor._storage))) is not None:
            raise RuntimeError(
                f"{definition._qualname}: result {number} of this custom operator must not also be an input to it, and may not "
                f"be a view of one: it is the memory of {name}. Please return a clone"
            )


def _check_gradient(definition, args, kwargs):
    if definition._backward is None or not any(t.requires_grad for t in _tensors((args, kwargs))):
        return
    args, kwargs = _fresh(args), _fresh(kwargs)
    if not any(t.requires_grad for t in _tensors(definition(*args, **kwargs))):
        raise RuntimeError(f"{definition._qualname}: no result requires grad, although an argument does")


def _check_both_ways(definition, args, kwargs, **tolerance):
    """The results and gradients are the same recorded and computed line by line."""
    recorded = _outcome(definition, args, kwargs)
    with eager():
        computed = _outcome(definition, args, kwargs)
    assert_close(recorded, computed, equal_nan=True, **tolerance)


def _outcome(definition, args, kwargs):
    args, kwargs = _fresh(args), _fresh(kwargs)
    with enable_grad():
        results = [*_tensors(definition(*args, **kwargs))]
        inputs = [t for t in _tensors((args, kwargs)) if t.requires_grad]
        wanted = [t for t in results if t.requires_grad]
        if inputs and wanted:
            sum(t.abs().sum() for t in wanted).backward()
    made = [*results, *(t for t in _tensors((args, kwargs)) if not t.requires_grad), *(t.grad for t in inputs)]
    return [t.detach() for t in made if t is not None]


def _fresh(tree):
    if isinstance(tree, Tensor):
        return tree.detach().clone().requires_grad_(tree.requires_grad)
    if isinstance(tree, dict):
        return {key: _fresh(value) for key, value in tree.items()}
    return type(tree)(map(_fresh, tree)) if type(tree) in (tuple, list) else tree


def _tensors(tree):
    if isinstance(tree, Tensor):
        yield tree
    elif isinstance(tree, dict | tuple | list):
        for part in tree.values() if isinstance(tree, dict) else tree:
            yield from _tensors(part)


def _alike_or_nan(a, b):
    return bool(((a == b) | ((a != a) & (b != b))).all())
