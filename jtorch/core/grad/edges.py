"""Edges of the gradient graph: where the gradient of a line's input goes.

An edge is a node (its first output), an `Output` (another of its outputs), a `Leaf` (where gradients are collected) or None.
"""

from __future__ import annotations


class Output:
    """An output of a node other than its first, as an edge."""

    __slots__ = ("node", "nr")

    def __init__(self, node, nr):
        self.node = node
        self.nr = nr


def edge_of(node, nr):
    """The edge for output `nr` of a node."""
    return node if nr == 0 else Output(node, nr)


def source(edge):
    """(node or leaf, output number) of an edge."""
    return (edge.node, edge.nr) if edge.__class__ is Output else (edge, 0)


class Leaf:
    """Where the gradient of one leaf tensor is collected. This class drops it; the subclass of the tensor folder, which holds the
    tensor weakly, does not."""

    __slots__ = ("__weakref__",)

    def collect(self, grad, carrier):
        """Add a gradient to what the tensor has."""

    def hooked(self, grad, carrier):
        """The gradient after the tensor's hooks."""
        return grad

    def plain(self):
        """The tensor, if collecting only sets its `.grad`; None if it has a gradient already, or hooks."""
        return None

    def watched(self):
        """Whether hooks must see the gradient as soon as it is complete."""
        return False
