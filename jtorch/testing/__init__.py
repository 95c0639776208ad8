"""`torch.testing`: whether two results are close, and tensors to test with."""

from jtorch.core.methods import assert_close
from jtorch.testing._comparison import assert_allclose
from jtorch.testing._creation import make_tensor

__all__ = ["assert_allclose", "assert_close", "make_tensor"]
