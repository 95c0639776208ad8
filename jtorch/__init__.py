"""jtorch: PyTorch's programming model on JAX. `import jtorch as torch`.

The street door: public names, and nothing is defined here.
"""

from __future__ import annotations

import math as _math

from jtorch.core.facts import dtypes as _dtypes
from jtorch.core.tensor import graph_view as _graph_view
from jtorch.core.op import explain_methods as _explain_methods
from jtorch.core.op import explained as _explained
from jtorch.core.tensor import as_tensor, from_numpy, tensor
from jtorch.core.facts import device
from jtorch.core.facts import can_cast, dtype, get_default_dtype, promote_types
from jtorch.core.facts import (
    channels_last,
    channels_last_3d,
    contiguous_format,
    layout,
    memory_format,
    preserve_format,
    sparse_coo,
    sparse_csr,
    strided,
)
from jtorch.core.grad import enable_grad, inference_mode, is_inference_mode_enabled, no_grad, set_grad_enabled
from jtorch.core.grad import grad_enabled as is_grad_enabled
from jtorch.core.facts import Size
from jtorch.core.facts import finfo, iinfo
from jtorch.core.ops.arithmetic import activations as _activation
from jtorch.core.ops import publish as _publish
from jtorch.core.tensor import set_printoptions
from jtorch.core.tensor import Tensor

globals().update({d.name: d for d in _dtypes.ALL} | _dtypes.ALIASES)
e, pi, inf, nan, newaxis = _math.e, _math.pi, _math.inf, _math.nan, None

_publish(
    globals(),
    "make.create", "arithmetic.elementwise", "arithmetic.elementary", "arithmetic.special",
    "arithmetic.compare", "reduce.reductions", "reduce.sort", "views.copies", "views.slices",
    "views.reinterpret", "views.shape", "views.split", "gather.join", "gather.index", "gather.scatter",
    "gather.masked", "views.diagonal", "matrix.products", "matrix.einsum", "matrix.norms", "matrix.decompose",
    "make.random", "reduce.segments", "arithmetic.operators",
)  # fmt: skip

from jtorch import accelerator, autograd, backends, compiler, cpu, cuda, distributions, func, jit, nn, optim
from jtorch.core.ops.signal import fft
from jtorch.core.ops.matrix import linalg
from jtorch import random, return_types, special, storage, testing, utils
from jtorch import _C, amp, overrides, version
from jtorch.amp.autocast_mode import (
    autocast,
    autocast_decrement_nesting,
    autocast_increment_nesting,
    clear_autocast_cache,
    get_autocast_cpu_dtype,
    get_autocast_dtype,
    get_autocast_gpu_dtype,
    is_autocast_cache_enabled,
    is_autocast_cpu_enabled,
    is_autocast_enabled,
    set_autocast_cache_enabled,
    set_autocast_cpu_dtype,
    set_autocast_cpu_enabled,
    set_autocast_dtype,
    set_autocast_enabled,
    set_autocast_gpu_dtype,
)
from jtorch.core.methods import _assert, _check, _check_index, _check_type, _check_value
from jtorch.compiler import compile, eager
from jtorch.func import vmap
from jtorch.core.methods import is_complex, is_floating_point, is_signed, is_tensor
from jtorch.core.methods import (
    are_deterministic_algorithms_enabled,
    get_default_device,
    get_float32_matmul_precision,
    get_num_interop_threads,
    get_num_threads,
    set_default_device,
    set_default_dtype,
    set_default_tensor_type,
    set_float32_matmul_precision,
    set_flush_denormal,
    set_num_interop_threads,
    set_num_threads,
    use_deterministic_algorithms,
)
from jtorch.core.methods import types as _types
from jtorch.core.methods import functions as _functions
from jtorch.core.methods import result_type
from jtorch.core.ops.make.random import default_generator
from jtorch.serialization import load, save
from jtorch.core.methods import asarray, from_dlpack, frombuffer, to_dlpack
from jtorch import sparse
from jtorch.sparse import (
    sparse_bsc_tensor,
    sparse_bsr_tensor,
    sparse_compressed_tensor,
    sparse_coo_tensor,
    sparse_csc_tensor,
    sparse_csr_tensor,
)
from jtorch.core.methods import UntypedStorage, is_storage
from jtorch.version import __version__

globals().update(_functions())
globals().update(sparse.dispatchers())
globals().update(_types())
vars(cuda).update(_types("cuda"))

# Functions of nn.functional that PyTorch has under torch, too.
for _name in """adaptive_avg_pool1d adaptive_max_pool1d alpha_dropout avg_pool1d batch_norm bilinear
    binary_cross_entropy_with_logits celu celu_ channel_shuffle conv1d conv2d conv3d conv_transpose1d conv_transpose2d
    conv_transpose3d cosine_embedding_loss cosine_similarity ctc_loss dropout embedding embedding_bag
    feature_alpha_dropout group_norm hardshrink hinge_embedding_loss instance_norm kl_div layer_norm log_softmax
    margin_ranking_loss max_pool1d max_pool2d max_pool3d pairwise_distance pdist pixel_shuffle pixel_unshuffle
    poisson_nll_loss prelu relu relu_ rms_norm rrelu rrelu_ selu selu_ softmax threshold threshold_
    triplet_margin_loss""".split():
    # Here activations have no `inplace`, and softmaxes need their dim.
    _made = getattr(_activation, _name, None) or getattr(nn.functional, _name)
    globals()[_name] = _explained(_made, _name, "functions", __name__)

_explain_methods(Tensor, but="jtorch.core.tensor.tensor")
