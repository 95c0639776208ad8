"""`torch.backends.mkldnn`: XLA's own CPU kernels are used."""

enabled = True


def is_available() -> bool:
    """True, as in PyTorch's builds."""
    return True
