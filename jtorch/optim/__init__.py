"""`torch.optim`: optimizers over optax, and learning-rate schedules."""

from jtorch.optim import lr_scheduler
from jtorch.optim.adam import Adam, AdamW
from jtorch.optim.optimizer import Optimizer
from jtorch.optim.rmsprop import RMSprop
from jtorch.optim.sgd import SGD

__all__ = ["SGD", "Adam", "AdamW", "Optimizer", "RMSprop", "lr_scheduler"]
