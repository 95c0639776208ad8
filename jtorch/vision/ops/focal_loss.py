"""The focal loss (Lin and others, 2017): a cross entropy that counts easy examples less."""

from __future__ import annotations

from jtorch.core.ops.functional import binary_cross_entropy_with_logits


def sigmoid_focal_loss(inputs, targets, alpha=0.25, gamma=2, reduction="none"):
    """The binary cross entropy times (1 - p)^gamma, where p is the predicted probability of the target.

    Args:
        inputs: logits of any shape.
        targets: 0 or 1 for each of them, floats.
        alpha: the weight of targets 1; other targets weigh 1 - alpha. -1: no weights.
        gamma: larger: easy examples count less.
        reduction: "none", "mean" or "sum".

    Raises:
        ValueError: alpha is neither in [0, 1] nor -1, or an unknown reduction.
    """
    if not (0 <= alpha <= 1) and alpha != -1:
        raise ValueError(f"Invalid alpha value: {alpha}. alpha must be in the range [0,1] or -1 for ignore.")
    p = inputs.sigmoid()
    loss = binary_cross_entropy_with_logits(inputs, targets, reduction="none")
    right = p * targets + (1 - p) * (1 - targets)
    loss = loss * (1 - right) ** gamma
    if alpha >= 0:
        loss = (alpha * targets + (1 - alpha) * (1 - targets)) * loss
    if reduction == "none":
        return loss
    if reduction == "mean":
        return loss.mean()
    if reduction == "sum":
        return loss.sum()
    raise ValueError(
        f"Invalid Value for arg 'reduction': '{reduction} \n Supported reduction modes: 'none', 'mean', 'sum'"
    )
