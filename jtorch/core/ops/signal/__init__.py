"""Signals: the Fourier transforms of `torch.fft`, the short-time Fourier transform, and windows.

Nothing here is a layer, and nothing has weights.
"""
