"""`torch.utils.serialization.config`: how files are read and written.

>>> torch.utils.serialization.config.save.storage_alignment
64
"""

from jtorch.serialization.switches import LoadSwitches as load
from jtorch.serialization.switches import SaveSwitches as save

__all__ = ["load", "save"]
