"""`@op`: what one pure function becomes."""
