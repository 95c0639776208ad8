"""`torch.__future__`: how `Module.to` and its like replace parameters. jtorch keeps the parameter and replaces its value.

So what an optimizer or a hook holds stays right either way, and the switches are remembered without effect.
"""

from __future__ import annotations

__all__ = [
    "get_overwrite_module_params_on_conversion",
    "get_swap_module_params_on_conversion",
    "set_overwrite_module_params_on_conversion",
    "set_swap_module_params_on_conversion",
]

_switches = {"overwrite": False, "swap": False}


def set_overwrite_module_params_on_conversion(value: bool) -> None:
    """Accepted without effect."""
    _switches["overwrite"] = value


def get_overwrite_module_params_on_conversion() -> bool:
    """What the setter was given."""
    return _switches["overwrite"]


def set_swap_module_params_on_conversion(value: bool) -> None:
    """Accepted without effect."""
    _switches["swap"] = value


def get_swap_module_params_on_conversion() -> bool:
    """What the setter was given."""
    return _switches["swap"]
