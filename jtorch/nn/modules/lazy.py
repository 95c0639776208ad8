"""LazyModuleMixin: layers that take a size from their first input. Until then their parameters have no shape."""

from __future__ import annotations

import itertools

from jtorch.core.grad import no_grad
from jtorch.nn.parameter import is_lazy

__all__ = ["LazyModuleMixin"]


class LazyModuleMixin:
    """A base class to put before a layer's class: the layer takes a size from its first input.

    The first call runs `initialize_parameters(*args, **kwargs)` with the arguments of that call, then changes the
    module's class to `cls_to_become`.

    Args:
        args, kwargs: passed to the layer's constructor.

    Attributes:
        cls_to_become: the class after the first call; None: it stays.

    Raises:
        RuntimeError: initialize_parameters left a parameter without a shape.

    >>> layer = torch.nn.LazyLinear(2)  # LazyLinear(LazyModuleMixin, Linear)
    >>> layer.has_uninitialized_params(), isinstance(layer, torch.nn.modules.lazy.LazyModuleMixin)
    (True, True)
    """

    cls_to_become = None

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._load_hook = self._register_load_state_dict_pre_hook(self._lazy_load_hook)
        self._initialize_hook = self.register_forward_pre_hook(self._infer_parameters, with_kwargs=True)

    def _own_state(self):
        return itertools.chain(self._parameters.items(), self._buffers.items())

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        for name, t in self._own_state():
            if t is not None and name not in self._non_persistent_buffers_set:
                destination[prefix + name] = t if is_lazy(t) or keep_vars else t.detach()

    def _lazy_load_hook(self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs):
        for name, t in self._own_state():
            given = state_dict.get(prefix + name)
            if t is not None and given is not None and is_lazy(t) and not is_lazy(given):
                with no_grad():
                    t.materialize(given.shape)

    def initialize_parameters(self, *args, **kwargs):
        raise NotImplementedError(f"initialize_parameters is not implemented for {type(self).__name__}")

    def has_uninitialized_params(self):
        """Whether a parameter or buffer has no shape yet."""
        return any(is_lazy(t) for _, t in self._own_state())

    def _infer_parameters(self, module, args, kwargs=None):
        module.initialize_parameters(*args, **(kwargs or {}))
        if module.has_uninitialized_params():
            raise RuntimeError(f"module {type(self).__name__} has not been fully initialized")
        module._initialize_hook.remove()
        module._load_hook.remove()
        del module._initialize_hook, module._load_hook
        if module.cls_to_become is not None:
            module.__class__ = module.cls_to_become

    def _replicate_for_data_parallel(self):
        raise RuntimeError(
            "Modules with uninitialized parameters can't be used with `DataParallel`. "
            "Run a dummy forward pass to correctly initialize the modules"
        )
