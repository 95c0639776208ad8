"""PyTorch's errors for an optimizer's settings that are out of their ranges."""

from __future__ import annotations

from jtorch.core.tensor import Tensor


def check_lr(lr, message="Invalid learning rate: {}", allow_zero=True):
    """Raise PyTorch's errors for a bad learning rate."""
    if isinstance(lr, Tensor):
        if lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        return
    if not (0.0 <= lr if allow_zero else 0.0 < lr):
        raise ValueError(message.format(lr))


def check_betas(betas):
    """Raise PyTorch's error for a beta that is not in [0, 1)."""
    for i, beta in enumerate(betas):
        if not 0.0 <= beta < 1.0:
            raise ValueError(f"Invalid beta parameter at index {i}: {beta}")


def check_settings(lr=0.0, betas=(), **nonnegative):
    """Raise PyTorch's errors for settings that are out of their ranges: lr, then eps and betas, then the others."""
    check_lr(lr)
    eps = nonnegative.pop("eps", 0.0)
    if not 0.0 <= eps:
        raise ValueError(f"Invalid epsilon value: {eps}")
    check_betas(betas)
    for name, value in nonnegative.items():
        if not 0.0 <= value:
            raise ValueError(f"Invalid {name} value: {value}")
