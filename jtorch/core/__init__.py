"""The implementation, one folder a layer, lowest first: facts, streams, engine, grad, tensor, op, ops, methods."""
