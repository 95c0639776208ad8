"""Warnings that come once in a process, or always after `torch.set_warn_always(True)`."""

from __future__ import annotations

from collections.abc import Hashable

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
