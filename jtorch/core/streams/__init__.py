"""PyTorch's CPU random numbers, on NumPy."""
