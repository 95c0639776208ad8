"""Elementwise ops: arithmetic, elementary and special functions, comparisons, activations, and the operators of Tensor.

Nothing here reduces or moves elements.
"""
