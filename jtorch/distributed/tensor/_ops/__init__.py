"""What ops do with DTensors, by the names of the ops."""

from jtorch.distributed.tensor._ops import gradients, pointwise, products, random, shapes, views
