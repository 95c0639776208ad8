"""The dropout family."""

from __future__ import annotations

from jtorch.core.ops.arithmetic import activations as activation
from jtorch.nn.modules.module import Module


class _Dropout(Module):
    __constants__ = ["p", "inplace"]

    def __init__(self, p=0.5, inplace=False):
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p = p
        self.inplace = inplace

    def extra_repr(self):
        return f"p={self.p}, inplace={self.inplace}"


def _made(name, function, text):
    def forward(self, input):
        return function(input, self.p, self.training, self.inplace)

    doc = f"{text} See :func:`{function.__name__}`."
    return type(name, (_Dropout,), {"forward": forward, "__doc__": doc, "__module__": __name__})


Dropout = _made("Dropout", activation.dropout, "In training, each element is 0 with probability p.")
Dropout1d = _made("Dropout1d", activation.dropout1d, "In training, each channel of (N, C, L) is 0 with probability p.")
Dropout2d = _made(
    "Dropout2d", activation.dropout2d, "In training, each channel of (N, C, H, W) is 0 with probability p."
)
Dropout3d = _made(
    "Dropout3d", activation.dropout3d, "In training, each channel of (N, C, D, H, W) is 0 with probability p."
)
AlphaDropout = _made("AlphaDropout", activation.alpha_dropout, "Dropout that keeps mean and deviation after SELU.")
FeatureAlphaDropout = _made("FeatureAlphaDropout", activation.feature_alpha_dropout, "Alpha dropout of whole channels.")
