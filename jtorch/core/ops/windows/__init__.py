"""Ops that pass a window over an image: convolution, pooling, padding, folding, resizing, sampling on a grid."""
