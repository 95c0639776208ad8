"""`torch.utils.hooks`: handles of hooks, and marks for hooks that are not pickled."""

from __future__ import annotations

import warnings

from jtorch.core.facts import RemovableHandle
from jtorch.nn.modules.module_hooks import BackwardHook

__all__ = ["BackwardHook", "RemovableHandle", "unserializable_hook", "warn_if_has_hooks"]


def unserializable_hook(f):
    """Mark a hook: saving a tensor that has it warns no more that the hook is not saved.

    >>> from jtorch.utils.hooks import unserializable_hook
    >>> hook = unserializable_hook(lambda grad: grad)
    """
    f.__torch_unserializable__ = True
    return f


def warn_if_has_hooks(tensor):
    """Warn if the tensor has hooks, which a pickle would not hold."""
    for hook in getattr(tensor._history(), "hooks", {}).values():
        if not hasattr(hook, "__torch_unserializable__"):
            warnings.warn(
                f"backward hook {hook!r} on tensor will not be "
                "serialized.  If this is expected, you can "
                "decorate the function with @torch.utils.hooks.unserializable_hook "
                "to suppress this warning",
                stacklevel=2,
            )
