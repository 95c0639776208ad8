"""The few names of PyTorch's C extension that Python programs use: those about `__torch_function__`."""

from __future__ import annotations

from jtorch.core.tensor import DISABLED as _disabled_torch_function_impl
from jtorch.core.tensor import DisableTorchFunctionSubclass

DisableTorchFunction = DisableTorchFunctionSubclass

__all__ = ["DisableTorchFunction", "DisableTorchFunctionSubclass", "_disabled_torch_function_impl"]
