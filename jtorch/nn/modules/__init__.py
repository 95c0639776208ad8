"""`torch.nn.modules`: PyTorch's long paths to what stands in `jtorch.nn`, where programs import from them."""

from jtorch.nn.modules import container, module
