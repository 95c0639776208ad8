"""`torch.masked.maskedtensor`: a tensor with a mask."""

from jtorch.masked.maskedtensor.core import MaskedTensor, is_masked_tensor

__all__ = ["MaskedTensor", "is_masked_tensor"]
