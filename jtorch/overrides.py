"""`torch.overrides`: for functions and classes of the user's own that take part in `__torch_function__`."""

from jtorch.core.methods import handle_torch_function, has_torch_function, is_tensor_like
from jtorch.core.tensor import TorchFunctionMode

__all__ = ["TorchFunctionMode", "handle_torch_function", "has_torch_function", "is_tensor_like"]
