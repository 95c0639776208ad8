"""Signals: the Fourier transforms of `torch.fft`, the short-time Fourier transform, and windows."""
