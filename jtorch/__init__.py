"""jtorch: PyTorch's programming model on JAX. `import jtorch as torch`.

Every public name of `torch` is imported here, and nothing is defined. `python -m tests.make public_names` writes the lists that
end with `fmt: skip`.
"""

from math import e, inf, nan, pi

from numpy import newaxis

from jtorch.core import collector_paused

with collector_paused():
    from jtorch import distributions, nn, optim  # and through these nearly all of jtorch and of JAX

from jtorch.core.facts import (
    Size,
    can_cast,
    device,
    dtype,
    finfo,
    get_default_dtype,
    iinfo,
    lazy_modules,
    promote_types,
)
from jtorch.core.facts import (
    SymBool,
    SymFloat,
    SymInt,
    sym_float,
    sym_int,
    sym_ite,
    sym_max,
    sym_min,
    sym_not,
    sym_sum,
)
from jtorch.core.facts import contiguous_format as legacy_contiguous_format
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
from jtorch.core.facts import (
    bfloat16, bit, bits16, bits1x8, bits2x4, bits4x2, bits8, bool, cdouble, cfloat, chalf, complex128, complex32,
    complex64, double, float, float16, float32, float4_e2m1fn_x2, float64, float8_e4m3fn, float8_e4m3fnuz, float8_e5m2,
    float8_e5m2fnuz, float8_e8m0fnu, half, int, int1, int16, int2, int3, int32, int4, int5, int6, int64, int7, int8,
    long, qint32, qint8, quint2x4, quint4x2, quint8, short, uint1, uint16, uint2, uint3, uint32, uint4, uint5, uint6,
    uint64, uint7, uint8,
)  # fmt: skip
from jtorch.core.grad import enable_grad, inference_mode, is_inference_mode_enabled, no_grad, set_grad_enabled
from jtorch.core.grad import grad_enabled as is_grad_enabled
from jtorch.core.tensor import DisableTorchFunctionSubclass, Tensor, as_tensor, from_numpy, set_printoptions, tensor
from jtorch.core.ops.functions import (
    abs, absolute, acos, acosh, adaptive_avg_pool1d, adaptive_max_pool1d, addbmm, addcdiv, addcmul, addmv, addr,
    adjoint, affine_grid_generator, alias_copy, all, allclose, alpha_dropout, alpha_dropout_, amax, amin, aminmax,
    angle, any, arange, arccos, arccosh, arcsin, arcsinh, arctan, arctan2, arctanh, argmax, argmin, argsort, argwhere,
    as_strided, as_strided_copy, as_strided_scatter, asin, asinh, atan, atan2, atanh, atleast_1d, atleast_2d,
    atleast_3d, avg_pool1d, baddbmm, bartlett_window, batch_norm, bernoulli, bilinear, binary_cross_entropy_with_logits,
    bincount, binomial, bitwise_and, bitwise_left_shift, bitwise_not, bitwise_or, bitwise_right_shift, bitwise_xor,
    blackman_window, block_diag, bmm, broadcast_shapes, broadcast_tensors, broadcast_to, bucketize, cartesian_prod, cat,
    cdist, ceil, celu, celu_, chain_matmul, channel_shuffle, cholesky, cholesky_inverse, cholesky_solve, chunk, clamp,
    clamp_max, clamp_min, clip, clone, column_stack, combinations, complex, concat, concatenate, conj, conj_physical,
    constant_pad_nd, conv1d, conv2d, conv3d, conv_tbc, conv_transpose1d, conv_transpose2d, conv_transpose3d, copysign,
    corrcoef, cos, cosh, cosine_embedding_loss, cosine_similarity, count_nonzero, cov, cross, ctc_loss, cummax, cummin,
    cumprod, cumsum, cumulative_trapezoid, deg2rad, det, detach_copy, diag, diag_embed, diagflat, diagonal,
    diagonal_copy, diagonal_scatter, diff, digamma, dist, div, divide, dot, dropout, dropout_, dsplit, dstack, einsum,
    embedding, embedding_bag, embedding_renorm_, empty, empty_like, empty_permuted, empty_strided, eq, equal, erf, erfc,
    erfinv, exp, exp2, expand_copy, expm1, eye, feature_alpha_dropout, feature_alpha_dropout_, feature_dropout,
    feature_dropout_, fill, fix, flatten, flip, fliplr, flipud, float_power, floor, floor_divide, fmax, fmin, fmod,
    frac, frexp, frobenius_norm, full, full_like, gather, gcd, ge, geqrf, ger, get_rng_state, gradient, greater,
    greater_equal, grid_sampler, grid_sampler_2d, grid_sampler_3d, group_norm, gru, gru_cell, gt, hamming_window,
    hann_window, hardshrink, hash_tensor, heaviside, hinge_embedding_loss, histc, histogram, histogramdd, hsplit,
    hstack, hypot, i0, igamma, igammac, imag, index_add, index_copy, index_fill, index_put, index_reduce, index_select,
    initial_seed, inner, instance_norm, inverse, is_nonzero, isclose, isfinite, isin, isinf, isnan, isneginf, isposinf,
    isreal, istft, kaiser_window, kl_div, kron, kthvalue, layer_norm, lcm, ldexp, le, lerp, less, less_equal, lgamma,
    linspace, lobpcg, log, log10, log1p, log2, log_softmax, logaddexp, logaddexp2, logcumsumexp, logdet, logical_and,
    logical_not, logical_or, logical_xor, logit, logspace, logsumexp, lstm, lstm_cell, lt, lu, lu_solve, lu_unpack,
    manual_seed, margin_ranking_loss, masked_fill, masked_scatter, masked_select, matrix_exp, matrix_power, max,
    max_pool1d, max_pool1d_with_indices, max_pool2d, max_pool3d, maximum, mean, median, meshgrid, min, minimum, mode,
    moveaxis, movedim, msort, mul, multinomial, multiply, mvlgamma, nan_to_num, nanmean, nanmedian, nanquantile, nansum,
    narrow, narrow_copy, native_batch_norm, native_channel_shuffle, native_dropout, native_group_norm,
    native_layer_norm, ne, neg, negative, nextafter, nonzero, nonzero_static, norm, norm_except_dim, normal, not_equal,
    nuclear_norm, ones, ones_like, orgqr, ormqr, outer, pairwise_distance, pca_lowrank, pdist, permute, permute_copy,
    pinverse, pixel_shuffle, pixel_unshuffle, poisson, poisson_nll_loss, polar, polygamma, positive, pow, prelu, prod,
    put, qr, quantile, rad2deg, rand, rand_like, randint, randint_like, randn, randn_like, randperm, range, ravel, real,
    reciprocal, relu, relu_, remainder, renorm, repeat_interleave, reshape, rms_norm, rnn_relu, rnn_relu_cell, rnn_tanh,
    rnn_tanh_cell, roll, rot90, round, row_stack, rrelu, rrelu_, rsqrt, rsub, scalar_tensor, scatter, scatter_add,
    scatter_reduce, searchsorted, seed, segment_reduce, select, select_copy, select_scatter, selu, selu_, set_rng_state,
    sgn, sigmoid, sign, signbit, sin, sinc, sinh, slice_copy, slice_scatter, slogdet, softmax, sort, split, split_copy,
    split_with_sizes, split_with_sizes_copy, sqrt, square, squeeze, squeeze_copy, stack, std, std_mean, stft, sub,
    subtract, sum, svd, svd_lowrank, swapaxes, swapdims, t, t_copy, take, take_along_dim, tan, tanh, tensor_split,
    tensordot, threshold, threshold_, tile, topk, trace, transpose, transpose_copy, trapezoid, trapz, triangular_solve,
    tril, tril_indices, triplet_margin_loss, triu, triu_indices, true_divide, trunc, unbind, unbind_copy, unflatten,
    unfold_copy, unique, unique_consecutive, unravel_index, unsafe_chunk, unsafe_split, unsafe_split_with_sizes,
    unsqueeze, unsqueeze_copy, vander, var, var_mean, vdot, view_as_complex, view_as_complex_copy, view_as_real,
    view_as_real_copy, view_copy, vsplit, vstack, where, xlogy, zeros, zeros_like,
)  # fmt: skip
from jtorch.core.ops.make.generator import Generator, default_generator, set_streams
from jtorch.core.methods import (
    FOREACH,
    _assert,
    _assert_async,
    _check,
    _check_index,
    _check_not_implemented,
    _check_tensor_all,
    _check_tensor_all_with,
    _check_type,
    _check_value,
    _check_with,
)
from jtorch.core.methods import (
    TypedStorage,
    UntypedStorage,
    asarray,
    cond,
    from_dlpack,
    from_file,
    frombuffer,
    is_storage,
    is_tensor,
    result_type,
    to_dlpack,
    while_loop,
)
from jtorch.core.methods import (
    sparse_bsc_tensor,
    sparse_bsr_tensor,
    sparse_compressed_tensor,
    sparse_coo_tensor,
    sparse_csc_tensor,
    sparse_csr_tensor,
    spmm,
)
from jtorch.core.methods import (
    AcceleratorError,
    Event,
    OutOfMemoryError,
    Stream,
    are_deterministic_algorithms_enabled,
    get_default_device,
    get_deterministic_debug_mode,
    get_device_module,
    get_float32_matmul_precision,
    get_num_interop_threads,
    get_num_threads,
    is_deterministic_algorithms_warn_only_enabled,
    set_default_device,
    set_default_dtype,
    set_default_tensor_type,
    set_deterministic_debug_mode,
    set_float32_matmul_precision,
    set_flush_denormal,
    set_num_interop_threads,
    set_num_threads,
    typename,
    is_warn_always_enabled,
    set_warn_always,
    use_deterministic_algorithms,
)
from jtorch.core.methods import (
    BFloat16Storage, BFloat16Tensor, BoolStorage, BoolTensor, ByteStorage, ByteTensor, CharStorage, CharTensor,
    ComplexDoubleStorage, ComplexFloatStorage, DoubleStorage, DoubleTensor, FloatStorage, FloatTensor, HalfStorage,
    HalfTensor, IntStorage, IntTensor, LongStorage, LongTensor, ShortStorage, ShortTensor, abs_, acos_, acosh_, add,
    addmm, addmv_, arccos_, arccosh_, arcsin_, arcsinh_, arctan_, arctanh_, as_strided_, asin_, asinh_, atan_, atanh_,
    ceil_, clamp_, clamp_max_, clamp_min_, clip_, conj_physical_, cos_, cosh_, deg2rad_, detach, detach_, erf_, erfc_,
    exp2_, exp_, expm1_, fill_, fix_, floor_, frac_, gcd_, get_device, i0_, index_put_, is_complex, is_conj,
    is_distributed, is_floating_point, is_inference, is_neg, is_same_size, is_signed, lcm_, ldexp_, log10_, log1p_,
    log2_, log_, logit_, matmul, mm, mv, nan_to_num_, neg_, negative_, numel, rad2deg_, reciprocal_, resize_as_,
    resolve_conj, resolve_neg, round_, rsqrt_, sigmoid_, sin_, sinc_, sinh_, slice_inverse, sqrt_, square_, tan_, tanh_,
    trunc_, xlogy_, zero_,
)  # fmt: skip
from jtorch import (
    _C,
    _utils,
    accelerator,
    amp,
    autograd,
    backends,
    compiler,
    cpu,
    cuda,
    distributions,
    fft,
    func,
    jit,
    library,
    linalg,
    nn,
)
from jtorch import (
    optim,
    overrides,
    random,
    return_types,
    signal,
    sparse,
    special,
    storage,
    testing,
    utils,
    version,
)
from jtorch._C import (
    DisableTorchFunction,
    Tag,
    has_lapack,
    has_mkl,
    has_openmp,
    has_spectral,
    is_anomaly_check_nan_enabled,
    is_anomaly_enabled,
    set_anomaly_enabled,
)
from jtorch.amp import GradScaler
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
from jtorch.compiler import compile, eager
from jtorch.func import vmap
from jtorch.futures import Future
from jtorch.jit import ScriptFunction, ScriptModule, fork, wait
from jtorch.serialization import load, save
from jtorch.torch_version import __version__

vars().update(FOREACH)  # _foreach_add and its like: 91 names
del FOREACH, collector_paused

# What PyTorch's own `import torch` brings and few programs use, and `vision`: imported when it is asked for.
__getattr__, __dir__ = lazy_modules(
    __name__,
    "__config__ __future__ _dynamo _inductor _jit_internal _subclasses _tensor_str ao distributed export functional "
    "fx hub masked mps mtia multiprocessing onnx profiler quantization quasirandom types vision xpu",
    {"PyTorchFileReader": "jtorch.serialization:Reader", "ops": "jtorch._ops:ops"},
    unlisted="flax",
)
