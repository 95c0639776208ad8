"""`torch.distributed.elastic.multiprocessing`: the processes of one host, and their errors."""

from jtorch.distributed.elastic.multiprocessing import errors
from jtorch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure, record
