"""`torch.utils.deterministic`: whether `torch.empty` and its like are filled after `torch.use_deterministic_algorithms(True)`:
with NaN, the largest integer or True. Otherwise they are zeros here.

>>> jtorch.utils.deterministic.fill_uninitialized_memory
True
"""

import sys
import types

from jtorch.core.facts import determinism


class _Deterministic(types.ModuleType):
    @property
    def fill_uninitialized_memory(self):
        return determinism.settings["fill"]

    @fill_uninitialized_memory.setter
    def fill_uninitialized_memory(self, mode):
        determinism.settings["fill"] = bool(mode)


sys.modules[__name__].__class__ = _Deterministic
