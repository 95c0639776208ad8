"""`torch.signal.windows`: window functions."""

from jtorch.core.ops.signal.window_shapes import (
    bartlett, blackman, cosine, exponential, gaussian, general_cosine, general_hamming, hamming, hann, kaiser, nuttall,
)  # fmt: skip
