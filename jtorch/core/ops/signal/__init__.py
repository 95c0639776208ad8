"""Fourier transforms: the namespace `torch.fft` and the three transforms that it is made of."""
