"""The gradient graph and the walk through it."""
