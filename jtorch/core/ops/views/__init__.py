"""Views and copies: another shape, dtype or part of the same memory.

Nothing here reads the elements, except to copy them.
"""
