"""`torch.ao`: quantization, by name. jtorch computes in floating point."""

from jtorch.core.facts import lazy_modules

__getattr__, __dir__ = lazy_modules(__name__, "nn quantization")
