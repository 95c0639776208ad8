"""The tensor: memory, views, history, text."""
