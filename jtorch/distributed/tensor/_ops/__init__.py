"""The rules by which ops compute DTensors from local tensors, by the names of the ops."""

from jtorch.distributed.tensor._ops import gradients, pointwise, products, random, shapes, views
