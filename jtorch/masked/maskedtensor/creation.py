"""Makes tensors with a mask."""

from __future__ import annotations

from jtorch.masked.maskedtensor.core import MaskedTensor

__all__ = ["as_masked_tensor", "masked_tensor"]


def masked_tensor(data, mask, requires_grad=False) -> MaskedTensor:
    """A MaskedTensor with a copy of the data, without its history.

    >>> torch.masked.masked_tensor(torch.tensor([1., 2.]), torch.tensor([True, False])).sum()
    MaskedTensor(  1.0000, True)
    """
    return MaskedTensor(data, mask, requires_grad)


def as_masked_tensor(data, mask) -> MaskedTensor:
    """A MaskedTensor with the history of the data: gradients go to it."""
    return MaskedTensor.with_history(data, mask)
