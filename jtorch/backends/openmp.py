"""`torch.backends.openmp`: XLA has its own threads."""


def is_available() -> bool:
    """True, as in PyTorch's builds."""
    return True
