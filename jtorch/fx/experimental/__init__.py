"""`torch.fx.experimental`: what libraries ask of PyTorch's compiler. Sizes are numbers here, and nothing is being traced."""

from jtorch.fx.experimental import proxy_tensor, symbolic_shapes

__all__ = ["proxy_tensor", "symbolic_shapes"]
