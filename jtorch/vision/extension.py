"""`torchvision.extension`: whether torchvision's compiled operators are there. Here they are JAX's, so always."""


def _has_ops():
    """True."""
    return True


def _assert_has_ops():
    """Does nothing: the operators are there."""
