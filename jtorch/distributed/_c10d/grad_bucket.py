"""`GradBucket`: the gradients that a communication hook of DistributedDataParallel sees."""

from __future__ import annotations


class GradBucket:
    """Gradients of several parameters as one flat tensor."""

    __module__ = "jtorch.distributed"

    def __init__(self, index, buffer, parameters, is_last):
        self._index, self._buffer, self._parameters, self._is_last = index, buffer, parameters, is_last

    def index(self) -> int:
        return self._index

    def buffer(self):
        """The flat tensor."""
        return self._buffer

    def set_buffer(self, buffer):
        self._buffer = buffer

    def gradients(self) -> list:
        """The gradients, as views of the flat tensor."""
        made, start = [], 0
        for p in self._parameters:
            made.append(self._buffer[start : start + p.numel()].view(p.shape))
            start += p.numel()
        return made

    def parameters(self) -> list:
        return list(self._parameters)

    def is_last(self) -> bool:
        """Whether it is the last of this backward pass."""
        return self._is_last
