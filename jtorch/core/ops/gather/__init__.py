"""Ops that read, write or join elements: indexing, scatter, masks, cat and stack.

Nothing here computes with the elements that it moves, except where several land in one position and are reduced.
"""
