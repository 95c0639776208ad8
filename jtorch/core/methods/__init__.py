"""Methods and functions that are no ops."""
