"""The inside of the house, floor upon floor: facts, streams, engine, grad, tensor, op, ops, methods."""
