"""Ops that pick, place or join elements: indexing, scatter, masks, cat and stack.

Nothing here computes with the elements it moves, but for what is added where several meet.
"""
