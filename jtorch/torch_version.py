"""`torch.__version__`: a string that compares as a version, with strings, tuples and `packaging`'s versions."""

from jtorch import version

__all__ = ["TorchVersion"]


class TorchVersion(str):
    """A version as a string. `<`, `<=`, `==`, `>=` and `>` compare by the rules of versions.

    A string that is not a version compares as a string.

    Example:
        >>> torch.__version__ >= "2.4", torch.__version__ >= (2, 4), str(torch.__version__) >= "2.4"
        (True, True, False)
    """

    __slots__ = ()
    __hash__ = str.__hash__

    def __lt__(self, other):
        return _compare_versions(self, other, "__lt__")

    def __le__(self, other):
        return _compare_versions(self, other, "__le__")

    def __eq__(self, other):
        return _compare_versions(self, other, "__eq__")

    def __ge__(self, other):
        return _compare_versions(self, other, "__ge__")

    def __gt__(self, other):
        return _compare_versions(self, other, "__gt__")


def _compare_versions(mine, other, method):
    # Few programs compare versions, and to import packaging takes longer than the comparison.
    from packaging.version import InvalidVersion, Version

    try:
        if isinstance(other, Version):
            theirs = other
        elif isinstance(other, str):
            theirs = Version(str(other))
        elif hasattr(other, "__iter__"):
            theirs = Version(".".join(str(part) for part in other))
        else:
            raise InvalidVersion(other)
        return getattr(Version(str(mine)), method)(theirs)
    except InvalidVersion:
        return getattr(str, method)(mine, other)


__version__ = TorchVersion(version.__version__)
