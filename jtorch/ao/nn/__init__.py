"""`torch.ao.nn`: layers of quantized models, by name."""

from jtorch.core.facts import lazy_modules

__getattr__, __dir__ = lazy_modules(__name__, "intrinsic quantized")
