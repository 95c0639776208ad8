"""`torch.distributed.rpc`: calls of functions in other processes. jtorch has none, like a PyTorch that was built without them."""

__all__ = ["is_available"]


def is_available() -> bool:
    """Whether there are remote calls: False."""
    return False
