"""`torch.optim`: optimizers over optax, and learning-rate schedulers.

A new optimizer is a file and a line below. `as` says that the name is public, to readers and to type checkers.
"""

from jtorch.optim import lr_scheduler as lr_scheduler
from jtorch.optim import swa_utils as swa_utils
from jtorch.optim._adafactor import Adafactor as Adafactor
from jtorch.core.facts import lazy_modules
from jtorch.optim._functional import Optax as Optax
from jtorch.optim._muon import Muon as Muon
from jtorch.optim._stateless import swap_in_optimizer_params_and_state as swap_in_optimizer_params_and_state
from jtorch.optim.adadelta import Adadelta as Adadelta
from jtorch.optim.adagrad import Adagrad as Adagrad
from jtorch.optim.adam import Adam as Adam
from jtorch.optim.adamax import Adamax as Adamax
from jtorch.optim.adamw import AdamW as AdamW
from jtorch.optim.asgd import ASGD as ASGD
from jtorch.optim.lbfgs import LBFGS as LBFGS
from jtorch.optim.nadam import NAdam as NAdam
from jtorch.optim.optimizer import Optimizer as Optimizer
from jtorch.optim.radam import RAdam as RAdam
from jtorch.optim.rmsprop import RMSprop as RMSprop
from jtorch.optim.rprop import Rprop as Rprop
from jtorch.optim.sgd import SGD as SGD
from jtorch.optim.sparse_adam import SparseAdam as SparseAdam

__all__ = [name for name, thing in vars().items() if isinstance(thing, type)] + ["lr_scheduler", "swa_utils"]
__all__ += ["swap_in_optimizer_params_and_state"]

# `dir` shows PyTorch's names only, for programs that go over them.
__getattr__, __dir__ = lazy_modules(__name__, "", unlisted="Optax")
