"""The functions that plain pickles name. Their path stays, wherever the functions move to.

Pickles that were made before this file named other paths: those stay, too. `torch.save` writes PyTorch's names instead.
"""

import sys
import types

from jtorch.core.facts import dtype_named, format_named, rebuild_result
from jtorch.core.methods import rebuild_sparse
from jtorch.core.ops.make.generator import restored_generator
from jtorch.core.tensor import rebuild_tensor

__all__ = [
    "dtype_named",
    "format_named",
    "rebuild_result",
    "rebuild_sparse",
    "rebuild_tensor",
    "restored_generator",
]

_OLDER = {
    "jtorch.convert": {"_rebuild": rebuild_tensor},
    "jtorch.dtypes": {"_by_name": dtype_named},
    "jtorch.formats": {"_of": format_named},
    "jtorch.ops.random": {"_restored": restored_generator},
    "jtorch.returntypes": {"_rebuild": rebuild_result},
}
for _path, _names in _OLDER.items():  # for pickle, which imports by path; no attributes of jtorch
    sys.modules[_path] = types.ModuleType(_path, "A path in old pickles: see `jtorch._utils`.")
    vars(sys.modules[_path]).update(_names)
