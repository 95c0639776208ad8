"""Cutting a model into stages by its graph, which jtorch does not have."""

from __future__ import annotations

from enum import Enum

__all__ = ["SplitPoint", "pipe_split", "pipeline"]

_INSTEAD = "make a PipelineStage of each process's own part of the model"


class SplitPoint(Enum):
    """Where `pipeline` would cut a model: before or after a module."""

    BEGINNING = 1
    END = 2


def pipeline(module, mb_args, mb_kwargs=None, split_spec=None, split_policy=None):
    """Raises NotImplementedError: jtorch has no graph of a module to cut."""
    raise NotImplementedError(f"torch.distributed.pipelining.pipeline: {_INSTEAD}")


def pipe_split():
    """Raises NotImplementedError, as `pipeline` does."""
    raise NotImplementedError(f"torch.distributed.pipelining.pipe_split: {_INSTEAD}")
