"""Warnings that come once in a process, or always after `torch.set_warn_always(True)`."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Hashable
from pathlib import Path

_given: set[Hashable] = set()
_always = False


def first_time(warning: Hashable) -> bool:
    """Whether a warning, named by any key, is to be given now."""
    if warning in _given and not _always:
        return False
    _given.add(warning)
    return True


def let_come_again(warning: Hashable) -> None:
    """Let a warning come again, for tests."""
    _given.discard(warning)


def warn_always(on: bool) -> None:
    global _always
    _always = on


def warns_always() -> bool:
    return _always


def warn_user(text, category=UserWarning) -> None:
    """Give a warning at the line outside of jtorch that led to it."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OWN):
        frame, level = frame.f_back, level + 1
    warnings.warn(text, category, stacklevel=level + 1)


_OWN = (str(Path(__file__).parents[2]) + os.sep, "<op ")  # wrappers of ops are made from text
