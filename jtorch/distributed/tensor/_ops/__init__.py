"""The rules by which ops compute DTensors from local tensors, by the names of the ops."""

from jtorch.distributed.tensor._ops import gradient_norms, pointwise, products, random, shapes, views
