"""The names that libraries ask whether a tensor is one of PyTorch's compiler: none is."""

from __future__ import annotations

from jtorch.core.tensor import Tensor

__all__ = ["FakeTensor", "FakeTensorMode", "is_fake"]


class FakeTensor(Tensor):
    """A tensor of PyTorch's compiler. Nothing is one here."""


class FakeTensorMode:
    """Refused: `with torch.device("meta")` gives tensors that have a shape and no numbers."""

    def __init__(self, *args, **kwargs):
        raise NotImplementedError(
            'FakeTensorMode belongs to PyTorch\'s compiler: `with torch.device("meta")` gives tensors without numbers'
        )


def is_fake(x) -> bool:
    """False: XLA compiles what was recorded, with tensors like all others."""
    return False
