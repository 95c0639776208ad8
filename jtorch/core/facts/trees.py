"""Nested containers of tensors: `flatten_tree` lists the leaves in order, `unflatten_tree` rebuilds the container.

Containers are tuples, named tuples, lists and dictionaries; anything else is a leaf.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict


def flatten_tree(tree):
    """(leaves, shape), from which `unflatten_tree` rebuilds the tree."""
    leaves = []
    return leaves, _shape(tree, leaves)


def _shape(tree, leaves):
    if isinstance(tree, tuple | list):
        return type(tree), None, [_shape(t, leaves) for t in tree]
    if isinstance(tree, dict) and type(tree) in (dict, OrderedDict, defaultdict):
        kind = type(tree)
        make = kind if kind is not defaultdict else (lambda pairs: defaultdict(tree.default_factory, pairs))
        return make, tuple(tree), [_shape(t, leaves) for t in tree.values()]
    leaves.append(tree)
    return None


def unflatten_tree(leaves, shape):
    """Rebuild a tree from its leaves and its shape."""
    return _build(iter(leaves), shape)


def _build(leaves, shape):
    if shape is None:
        return next(leaves)
    kind, keys, children = shape
    parts = [_build(leaves, c) for c in children]
    if keys is not None:
        return kind(zip(keys, parts, strict=True))
    return kind(*parts) if hasattr(kind, "_fields") else kind(parts)


def map_tree(fn, tree):
    """The tree with every leaf replaced by `fn(leaf)`."""
    leaves, shape = flatten_tree(tree)
    return unflatten_tree([fn(leaf) for leaf in leaves], shape)


def broadcast_prefix(prefix, shape):
    """A list with one value for each leaf of `shape`; None if `prefix` does not match it.

    `prefix` is a tree of that shape, except that one value may stand for a whole branch.
    """
    out = []
    return out if _broadcast_prefix(prefix, shape, out) else None


def _broadcast_prefix(prefix, shape, out):
    if shape is None:
        out.append(prefix)
        return not isinstance(prefix, tuple | list | dict)
    _, keys, children = shape
    if not isinstance(prefix, tuple | list | dict):
        return all(_broadcast_prefix(prefix, c, out) for c in children)
    if keys is not None:
        return isinstance(prefix, dict) and all(
            k in prefix and _broadcast_prefix(prefix[k], c, out) for k, c in zip(keys, children, strict=True)
        )
    if not isinstance(prefix, tuple | list) or len(prefix) != len(children):
        return False
    return all(_broadcast_prefix(p, c, out) for p, c in zip(prefix, children, strict=True))


def same_tree(a, b) -> bool:
    """Whether two shapes are equal."""
    if a is None or b is None:
        return a is b
    return a[1] == b[1] and len(a[2]) == len(b[2]) and all(same_tree(x, y) for x, y in zip(a[2], b[2], strict=True))
