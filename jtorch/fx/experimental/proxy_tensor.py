"""Tracing down to PyTorch's own operations: not done here."""

from __future__ import annotations

__all__ = ["get_proxy_mode", "make_fx"]


def get_proxy_mode() -> None:
    """None: no tracing of PyTorch's operations is under way."""


def make_fx(f, *args, **kwargs):
    """Refused: `torch.fx.symbolic_trace` gives the graph of a module, `jax.make_jaxpr` that of a function."""
    raise NotImplementedError(
        "make_fx traces down to PyTorch's own operations. Use torch.fx.symbolic_trace, or jax.make_jaxpr of a function."
    )
