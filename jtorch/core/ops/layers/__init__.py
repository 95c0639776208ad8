"""Ops of layers that have weights: linear, embedding, normalization, recurrent layers, attention.

Weights and running statistics are arguments; modules are in `jtorch.nn`.
"""
