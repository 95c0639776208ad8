"""Planners: who writes and reads which part. There is one plan, and no other can be given."""

from __future__ import annotations

__all__ = ["DefaultLoadPlanner", "DefaultSavePlanner"]


class DefaultSavePlanner:
    """A plan for `save`. Making one raises NotImplementedError."""

    def __init__(self, *args, **options):
        raise NotImplementedError(
            "torch.distributed.checkpoint: planners; save and load choose who writes and reads what"
        )


class DefaultLoadPlanner(DefaultSavePlanner):
    """A plan for `load`. Making one raises NotImplementedError."""
