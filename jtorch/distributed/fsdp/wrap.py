"""`torch.distributed.fsdp.wrap`: policies that say which submodules are wrapped."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from jtorch.nn.modules.activation import MultiheadAttention
from jtorch.nn.modules.container import ModuleDict, ModuleList

__all__ = [
    "CustomPolicy",
    "ModuleWrapPolicy",
    "always_wrap_policy",
    "enable_wrap",
    "lambda_auto_wrap_policy",
    "size_based_auto_wrap_policy",
    "transformer_auto_wrap_policy",
    "wrap",
]


def always_wrap_policy(*args, **kwargs) -> bool:
    """Wrap every module."""
    return True


def lambda_auto_wrap_policy(module, recurse: bool, nonwrapped_numel: int, lambda_fn: Callable) -> bool:
    """Wrap the modules for which `lambda_fn(module)` is true."""
    return True if recurse else lambda_fn(module)


def transformer_auto_wrap_policy(module, recurse: bool, nonwrapped_numel: int, transformer_layer_cls) -> bool:
    """Wrap the modules of these classes."""
    return True if recurse else isinstance(module, tuple(transformer_layer_cls))


def size_based_auto_wrap_policy(
    module,
    recurse: bool,
    nonwrapped_numel: int,
    min_num_params: int = int(1e8),
    force_leaf_modules=None,
    exclude_wrap_modules=None,
) -> bool:
    """Wrap the modules with at least `min_num_params` parameters that are not wrapped yet."""
    leaves = size_based_auto_wrap_policy.FORCE_LEAF_MODULES if force_leaf_modules is None else force_leaf_modules
    excluded = (
        size_based_auto_wrap_policy.EXCLUDE_WRAP_MODULES if exclude_wrap_modules is None else exclude_wrap_modules
    )
    large = nonwrapped_numel >= min_num_params
    return large and not isinstance(module, tuple(leaves if recurse else excluded))


size_based_auto_wrap_policy.EXCLUDE_WRAP_MODULES = {ModuleList, ModuleDict}
size_based_auto_wrap_policy.FORCE_LEAF_MODULES = {MultiheadAttention}


class ModuleWrapPolicy:
    """Wrap the modules of these classes."""

    def __init__(self, module_classes):
        self._module_classes = tuple(module_classes)

    def __call__(self, module, recurse, *args, **kwargs):
        return True if recurse else isinstance(module, self._module_classes)


class CustomPolicy:
    """Wrap the modules for which `lambda_fn(module)` is true, or is a dict: the options of the wrapper."""

    def __init__(self, lambda_fn: Callable):
        self._lambda_fn = lambda_fn

    def __call__(self, module, recurse, *args, **kwargs):
        return True if recurse else self._lambda_fn(module)


_enabled: list = []  # (class, options) of the `enable_wrap` blocks that are open


@contextlib.contextmanager
def enable_wrap(*, wrapper_cls, **wrapper_kwargs):
    """Inside the block, `wrap(module)` gives `wrapper_cls(module, **wrapper_kwargs)`."""
    _enabled.append((wrapper_cls, wrapper_kwargs))
    try:
        yield
    finally:
        _enabled.pop()


def wrap(module, **wrap_overrides):
    """The module, wrapped as the innermost open `enable_wrap` block says; outside of any, the module itself."""
    if not _enabled:
        return module
    cls, options = _enabled[-1]
    return cls(module, **{**options, **wrap_overrides})


def wrap_children(module, policy, make, ignored=()):
    """Wrap the submodules that a policy picks, innermost first. Returns how many parameters were wrapped.

    Args:
        make: function (module, **options) -> its wrapper.
        ignored: modules that stay as they are.
    """
    wrapped = 0
    for name, child in list(module.named_children()):
        if id(child) in ignored:
            continue
        total = sum(p.numel() for p in child.parameters())
        inside = 0
        if policy(child, True, total):
            inside = wrap_children(child, policy, make, ignored)
        picked = policy(child, False, total - inside)
        if picked:
            setattr(module, name, make(child, **(picked if isinstance(picked, dict) else {})))
            inside = total
        wrapped += inside
    return wrapped
