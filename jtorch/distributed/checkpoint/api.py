"""The exception of `torch.distributed.checkpoint`."""

from __future__ import annotations

import traceback

__all__ = ["CheckpointException"]


class CheckpointException(BaseException):
    """A checkpoint could not be written or read. `failures` has {rank: (exception, its traceback)}."""

    def __init__(self, msg: str, failures: dict):
        super().__init__(msg, failures)
        self._failures = failures

    @property
    def failures(self) -> dict:
        return self._failures

    def __str__(self):
        text = f"CheckpointException ranks:{self._failures.keys()}\n"
        for rank, (error, trace) in self._failures.items():
            text += f"Traceback (most recent call last): (RANK {rank})\n"
            text += "".join(traceback.format_list(trace)) if trace is not None else ""
            text += "".join(traceback.format_exception_only(type(error), value=error))
        return text
