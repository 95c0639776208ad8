"""`torch.ao.nn.intrinsic`: layers that quantization has fused, by name."""

from jtorch.core.facts import absent

_ABSENT = absent(
    "torch.ao.nn.intrinsic",
    "",
    "jtorch fuses no layers for quantization; XLA fuses what it compiles",
    classes="""
    BNReLU2d BNReLU3d ConvBn1d ConvBn2d ConvBn3d ConvBnReLU1d ConvBnReLU2d ConvBnReLU3d ConvReLU1d ConvReLU2d ConvReLU3d
    LinearBn1d LinearReLU
    """,
)
vars().update(_ABSENT)

__all__ = [*_ABSENT]
