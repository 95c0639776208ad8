"""What the optimizers' arithmetic is made of: optax transformations, and one recorded call for a whole step."""
