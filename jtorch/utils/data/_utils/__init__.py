"""How a DataLoader makes its batches. `iterate` runs one pass; `worker` fetches; the rest are the workers' processes.

`crew` is the workers of one pass, `server` the process that they are forked from, `parcel` and `byvalue` what is sent
there. `collate` and `worker` are where PyTorch has them.
"""

from jtorch.utils.data._utils import collate, worker

__all__ = ["collate", "worker"]
