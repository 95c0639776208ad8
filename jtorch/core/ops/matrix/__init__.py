"""Ops of linear algebra: products, einsum, norms, distances and decompositions.

The namespace `torch.linalg` is here, too; layers are not.
"""
