"""What PyTorch's `torch._C._distributed_c10d` has: stores, process groups, and what runs the collectives."""
