"""What `torch.cuda.amp` and `torch.cpu.amp` share: they are the older names of `torch.amp`."""

import warnings


def warn_deprecated(module, old, new):
    """PyTorch's warning at a call of an older name, shown at the user's line."""
    text = f"`torch.{module}.{old}(args...)` is deprecated. Please use `torch.amp.{new}` instead."
    warnings.warn(text, FutureWarning, stacklevel=3)
