"""Facts: PyTorch's names and rules. Knows no arrays."""
