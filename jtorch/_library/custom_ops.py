"""`torch.library.custom_op`: a Python function as an op of `torch.ops`, with a gradient that its author writes.

The function runs as it stands. So shapes are known without `register_fake`, and an op needs no kernel for a device.
"""

from __future__ import annotations

from jtorch.autograd.function import Function
from jtorch.core.tensor import Tensor

CUSTOM: dict[str, CustomOpDef] = {}  # by "namespace::name"
_watcher = None


def watch_custom_ops(watcher) -> None:
    """Let `watcher(name, function, args, kwargs)` run every custom op; None: stop."""
    global _watcher
    _watcher = watcher


class CustomOpDef:
    """A function that was declared as an op; call it as before. `custom_op` makes one."""

    def __init__(self, name, fn, mutates):
        if "::" not in name:
            raise ValueError(f"Unable to parse {name!r}: an op is named 'namespace::name'")
        self._qualname, self._fn = name, fn
        self.mutates = (mutates,) if isinstance(mutates, str) else tuple(mutates)  # the arguments that it writes to
        self._backward = self._setup_context = None
        self.__name__, self.__doc__ = name.partition("::")[2], fn.__doc__
        CUSTOM[name] = self

    def register_fake(self, fn, /):
        """Accepted: shapes come from the function itself."""
        return fn

    def register_kernel(self, device_types, fn=None, /):
        """Accepted: the function itself runs on every device."""
        return fn if fn is not None else lambda fn: fn

    def register_vmap(self, func=None):
        """Accepted: `vmap` follows the function line by line."""
        return func if func is not None else lambda func: func

    def register_autograd(self, backward, /, *, setup_context=None) -> None:
        """The gradient: `backward(ctx, *grads)` gives one for each argument; `setup_context(ctx, inputs, output)` keeps values."""
        self._backward, self._setup_context = backward, setup_context

    def __call__(self, *args, **kwargs):
        return self._run(*args, **kwargs) if _watcher is None else _watcher(self._qualname, self._run, args, kwargs)

    def _run(self, *args, **kwargs):
        if not any(isinstance(a, Tensor) and a.requires_grad for a in (*args, *kwargs.values())):
            return self._fn(*args, **kwargs)
        return self._function().apply(*args, **kwargs)

    def _function(self):
        definition = self

        class CustomOp(Function):
            forward = staticmethod(definition._fn)

            @staticmethod
            def setup_context(ctx, inputs, output):
                if definition._setup_context is not None:
                    definition._setup_context(ctx, inputs, output)

            @staticmethod
            def backward(ctx, *grads):
                if definition._backward is None:
                    shown = definition._qualname.replace("::", ".")
                    raise RuntimeError(
                        f"Trying to backward through {shown}.default but no autograd formula was registered. "
                        "Please use register_autograd to add one."
                    )
                return definition._backward(ctx, *grads)

        return CustomOp

    def __repr__(self):
        return f"<CustomOpDef({self._qualname})>"


def custom_op(name, fn=None, /, *, mutates_args=(), device_types=None, schema=None, tags=None):
    """Declare a function as the op `torch.ops.namespace.name`.

    Args:
        name: "namespace::name".
        mutates_args: the arguments that it writes to; `opcheck` tests it.
        device_types, schema, tags: accepted without effect.

    >>> @torch.library.custom_op("mine::double", mutates_args=())
    ... def double(x: torch.Tensor) -> torch.Tensor:
    ...     return 2 * x
    >>> double.register_autograd(lambda ctx, grad: 2 * grad)
    >>> torch.ops.mine.double(torch.ones(2))
    tensor([2., 2.])
    """
    return CustomOpDef(name, fn, mutates_args) if fn is not None else lambda fn: CustomOpDef(name, fn, mutates_args)


def definition_of(op) -> CustomOpDef:
    """What `custom_op` declared, for it, its name, or its op of `torch.ops`."""
    held = {} if isinstance(op, str) else vars(op)  # every other attribute of an op of `torch.ops` is one of its forms
    held = vars(held["_overloadpacket"]) if "_overloadpacket" in held else held
    name = op if isinstance(op, str) else held.get("_qualname") or held["_qualified_op_name"]
    if name not in CUSTOM:
        raise RuntimeError(f"operator {name} does not exist")
    return CUSTOM[name]


def register_fake(op, func=None, /, *, lib=None, _stacklevel=1, allow_override=False):
    """Accepted: shapes come from the function of `custom_op` itself."""
    return func if func is not None else lambda func: func


def register_kernel(op, device_types, func=None, /, *, lib=None):
    """Accepted: the function of `custom_op` itself runs on every device."""
    return func if func is not None else lambda func: func


def register_autograd(op, backward, /, *, setup_context=None, lib=None) -> None:
    """The gradient of an op that `custom_op` declared."""
    definition_of(op).register_autograd(backward, setup_context=setup_context)


def register_vmap(op, func=None, /, *, lib=None):
    """Accepted: `vmap` follows the function line by line."""
    return func if func is not None else lambda func: func
