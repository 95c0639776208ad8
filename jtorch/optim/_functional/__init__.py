"""The optimizers' arithmetic: optax transformations, and one recorded call for a whole step.

Knows `Optimizer` and arrays. Does not know any particular optimizer.
"""

from jtorch.optim._functional.setting_checks import check_betas, check_lr, check_settings
from jtorch.optim._functional.line_search import strong_wolfe
from jtorch.optim._functional.on_lists import step_lists
from jtorch.optim._functional.optax_optimizer import Optax
from jtorch.optim._functional.transform_optimizer import TransformOptimizer
from jtorch.optim._functional.transformations import descent, blend, moments, per_parameter, step_counter

__all__ = [
    "Optax",
    "TransformOptimizer",
    "blend",
    "check_betas",
    "check_lr",
    "check_settings",
    "descent",
    "moments",
    "per_parameter",
    "step_counter",
    "step_lists",
    "strong_wolfe",
]
