"""Whether mixed precision on a GPU is possible here."""

from jtorch.core.facts import KINDS


def amp_definitely_not_available():
    """Whether there is no GPU."""
    return not KINDS["cuda"].available()
