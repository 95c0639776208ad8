"""`torch.linalg`: decompositions, solutions and norms."""

from jtorch.core.ops.matrix.linalg import *  # noqa: F403
