"""PyTorch's planners. jtorch has one plan, in `_plan`, and takes no other."""

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
