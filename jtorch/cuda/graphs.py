"""CUDA graphs, which repeat a recorded piece of work. jtorch compiles what repeats without being asked, so there are none."""

from __future__ import annotations

from jtorch.cuda._utils import is_available

__all__ = ["CUDAGraph", "graph", "graph_pool_handle", "is_current_stream_capturing", "make_graphed_callables"]


class CUDAGraph:
    """A recorded piece of a GPU's work. Making one raises RuntimeError: what repeats is compiled without it."""

    def __init__(self, keep_graph=False):
        if is_available():
            raise RuntimeError(
                "jtorch records and compiles what repeats by itself: run the code without torch.cuda.CUDAGraph"
            )
        raise RuntimeError("Tried to instantiate dummy base class CUDAGraph")


class graph:
    """A `with` block that is recorded into a CUDAGraph. There are none."""

    def __init__(self, cuda_graph, pool=None, stream=None, capture_error_mode="global", **options):
        self.cuda_graph = cuda_graph

    def __enter__(self):
        CUDAGraph()

    def __exit__(self, *exc):
        return False


def graph_pool_handle():
    """Raises RuntimeError: there are no CUDA graphs."""
    CUDAGraph()


def is_current_stream_capturing() -> bool:
    """False: there are no CUDA graphs."""
    return False


def make_graphed_callables(callables, sample_args, num_warmup_iters=3, allow_unused_input=False, pool=None):
    """The functions or modules themselves: what repeats is compiled without CUDA graphs."""
    return callables
