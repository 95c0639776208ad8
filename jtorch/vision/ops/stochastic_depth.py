"""Stochastic depth: a branch of a residual network that is left out at random in training."""

from __future__ import annotations

from jtorch import nn
from jtorch.core.ops.make.create import empty


def stochastic_depth(input, p, mode, training=True):
    """The input, or zeros with probability p. What is kept is divided by 1 - p.

    Args:
        input: (N, ...).
        p: the probability of zeros.
        mode: "batch": one draw for all; "row": one for each of the N.
        training: False: return the input unchanged.

    Raises:
        ValueError: p is not in [0, 1], or the mode is neither of the two.

    >>> from jtorch.vision.ops import stochastic_depth
    >>> _ = torch.manual_seed(0)
    >>> stochastic_depth(torch.ones(4, 1), 0.5, "row").flatten()
    tensor([0., 0., 2., 0.])
    """
    if p < 0.0 or p > 1.0:
        raise ValueError(f"drop probability has to be between 0 and 1, but got {p}")
    if mode not in ("batch", "row"):
        raise ValueError(f"mode has to be either 'batch' or 'row', but got {mode}")
    if not training or p == 0.0:
        return input
    kept = 1.0 - p
    rows = input.shape[0] if mode == "row" else 1
    noise = empty([rows] + [1] * (input.ndim - 1), dtype=input.dtype, device=input.device).bernoulli_(kept)
    if kept > 0.0:
        noise.div_(kept)
    return input * noise


class StochasticDepth(nn.Module):
    """See :func:`stochastic_depth`."""

    def __init__(self, p, mode):
        super().__init__()
        self.p = p
        self.mode = mode

    def forward(self, input):
        return stochastic_depth(input, self.p, self.mode, self.training)

    def __repr__(self):
        return f"{type(self).__name__}(p={self.p}, mode={self.mode})"
