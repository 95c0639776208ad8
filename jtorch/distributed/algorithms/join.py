"""`torch.distributed.algorithms.join`: processes with different numbers of batches. jtorch does not have it."""

from __future__ import annotations

__all__ = ["Join", "JoinHook", "Joinable"]


class JoinHook:
    """What a process that has ended does for the others."""

    def main_hook(self) -> None:
        """Called for each collective of the others."""

    def post_hook(self, is_last_joiner: bool) -> None:
        """Called when all have ended."""


class Joinable:
    """The base class of what can take part in a Join."""


class Join:
    """A `with` block for different numbers of batches. Making one raises NotImplementedError."""

    def __init__(self, joinables, enable=True, throw_on_early_termination=False, **kwargs):
        raise NotImplementedError("torch.distributed.algorithms.join: give each process as many batches as the others")
