"""Losses, with their reductions.

Each checks its arguments as PyTorch does; modules are in `jtorch.nn`.
"""
