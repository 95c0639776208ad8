"""torch.utils: data loading, checkpointing and other tools."""

from jtorch.core.facts import lazy_modules
from jtorch.core.methods import swap_tensors
from jtorch.utils import checkpoint, data, deterministic, dlpack

__getattr__, __dir__ = lazy_modules(
    __name__, "_pytree benchmark cpp_extension flop_counter hooks model_zoo module_tracker serialization"
)
