"""`torch.utils.flop_counter`: counts of floating-point operations. They are not built: XLA's cost analysis has them."""

from __future__ import annotations

__all__ = ["FlopCounterMode"]


class FlopCounterMode:
    """Counts operations in a `with` block, in PyTorch. Entering one raises NotImplementedError."""

    def __init__(self, mods=None, depth=2, display=True, custom_mapping=None):
        self.depth, self.display = depth, display

    def __enter__(self):
        raise NotImplementedError(
            "torch.utils.flop_counter: count with jax.jit(torch.func.to_jax(f)).lower(...).cost_analysis()['flops']"
        )

    def __exit__(self, *exc):
        return None
