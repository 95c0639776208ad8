"""How a DataLoader makes its batches. `iterate` runs one pass; `worker` fetches; the rest are the workers' processes.

`worker_pool` holds the workers of a loader, and `server` the process that they are forked from. `messages` and `byvalue` send data
and code to them. `collate` and `worker` have PyTorch's file names.
"""

from jtorch.utils.data._utils import collate, worker

__all__ = ["collate", "worker"]
