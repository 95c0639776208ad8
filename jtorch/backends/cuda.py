"""`torch.backends.cuda`: the precision of matrix products, and names of attention kernels that XLA chooses itself."""

import contextlib

from jtorch.core.methods import get_float32_matmul_precision, set_float32_matmul_precision
from jtorch.cuda import is_available as _gpu


class _Matmul:
    """`allow_tf32`: compute float32 matrix products of an accelerator in TF32."""

    allow_fp16_reduced_precision_reduction = True
    allow_bf16_reduced_precision_reduction = True

    @property
    def allow_tf32(self):
        return get_float32_matmul_precision() != "highest"

    @allow_tf32.setter
    def allow_tf32(self, on):
        set_float32_matmul_precision("high" if on else "highest")


matmul = _Matmul()


def is_built() -> bool:
    """Whether there is a GPU."""
    return _gpu()


def flash_sdp_enabled() -> bool:
    """True: XLA chooses the attention kernel."""
    return True


math_sdp_enabled = mem_efficient_sdp_enabled = cudnn_sdp_enabled = flash_sdp_enabled


def enable_flash_sdp(enabled: bool) -> None:
    """Accepted: XLA chooses the attention kernel."""


enable_math_sdp = enable_mem_efficient_sdp = enable_cudnn_sdp = enable_flash_sdp


@contextlib.contextmanager
def sdp_kernel(enable_flash=True, enable_math=True, enable_mem_efficient=True, enable_cudnn=True):
    """Accepted: XLA chooses the attention kernel."""
    yield
