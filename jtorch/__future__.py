"""`torch.__future__`: how `Module.to` and its like, and `load_state_dict`, put new content into parameters."""

from __future__ import annotations

__all__ = [
    "get_overwrite_module_params_on_conversion",
    "get_swap_module_params_on_conversion",
    "set_overwrite_module_params_on_conversion",
    "set_swap_module_params_on_conversion",
]

_switches = {"overwrite": False, "swap": False}


def set_overwrite_module_params_on_conversion(value: bool) -> None:
    """Whether `Module.to` and its like make new parameters, instead of giving the old ones new memory.

    >>> torch.__future__.set_overwrite_module_params_on_conversion(True)
    >>> layer = torch.nn.Linear(1, 1)
    >>> before = layer.weight
    >>> layer.double().weight is before, before.dtype
    (False, torch.float32)
    >>> torch.__future__.set_overwrite_module_params_on_conversion(False)
    """
    _switches["overwrite"] = value


def get_overwrite_module_params_on_conversion() -> bool:
    """Whether `Module.to` and its like make new parameters."""
    return _switches["overwrite"]


def set_swap_module_params_on_conversion(value: bool) -> None:
    """Whether `Module.to` and its like, and `load_state_dict`, exchange the content of a parameter with that of a new one.

    `torch.utils.swap_tensors` does it; what `load_state_dict` puts in is what `Tensor.module_load` gives.
    """
    _switches["swap"] = value


def get_swap_module_params_on_conversion() -> bool:
    """Whether `Module.to` and its like, and `load_state_dict`, exchange the content of parameters."""
    return _switches["swap"]
