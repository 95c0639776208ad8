"""`torch.distributed.autograd`, which belongs to `torch.distributed.rpc`: jtorch has neither."""

__all__ = ["is_available"]


def is_available() -> bool:
    """Whether there are gradients across remote calls: False."""
    return False
