"""`torch._C._nn`: how the arguments of `Module.to` are read. Libraries that override `to` call it."""

from __future__ import annotations

from jtorch.nn.modules.module_moving import parse_to

__all__ = ["_parse_to"]


def _parse_to(*args, **kwargs):
    return parse_to(args, kwargs)
