"""PyTorch's TypeErrors."""
