"""Lines recorded, programs compiled."""
