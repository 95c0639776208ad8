"""A switch that libraries turn on inside `vmap`. There is nothing to switch: an index may be a tensor of one number."""

__all__ = ["TransformGetItemToIndex"]


class TransformGetItemToIndex:
    """A `with` block in which an index may be a tensor of one number; it may be anywhere."""

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return None
