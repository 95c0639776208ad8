"""Products of matrices and vectors. Decompositions are in `jtorch.core.ops.matrix.decompose`.

A product requires equal dtypes and shapes that fit, with PyTorch's errors, and runs as one `dot_general`.
"""

from __future__ import annotations

import jax.numpy as jnp
from jax import lax

from jtorch.core.facts import dtypes, warn_user
from jtorch.core.op import Array, Number, common_shape, data_check, function, kernel, letter, op, public
from jtorch.core.ops.rules import at_least, at_most, norm_of
from jtorch.core.tensor import wrap_dim


def _check_factor_dtypes(a, b):
    if a.dtype != b.dtype:
        names = dtypes.of(a.dtype).cname, dtypes.of(b.dtype).cname
        raise RuntimeError(f"expected m1 and m2 to have the same dtype, but got: {names[0]} != {names[1]}")


def _type_names(*arrays):
    return [dtypes.of(a.dtype).scalar_name for a in arrays]


def _check_vector_dtypes(x, mat, vec):
    if not x.dtype == mat.dtype == vec.dtype:
        names = "{}, {}, and {}".format(*_type_names(x, mat, vec))
        raise RuntimeError(f"addmv input tensors must have the same dtype, but got {names}")


_SMALL = 400  # multiplications of two matrices up to which PyTorch has loops of its own for a batch


def _check_batch_dtypes(a, b, out, name):
    """The dtypes of a batch of products, with the error of the loops that PyTorch runs for its size: none if it is empty.

    Args:
        out: an array of the result's dtype.
        name: of the loops for small matrices.
    """
    # What no branch refuses comes first: a trace with symbolic sizes cannot compare them.
    if (a.dtype == b.dtype == out.dtype and letter(a) in "ifc") or not a.size or not b.size:
        return
    if a.shape[-2] * a.shape[-1] * b.shape[-1] < _SMALL:
        kernel(name, a, "ifc")
        first = a
    elif letter(out) in "fc":
        first = out
    else:
        _check_factor_dtypes(a, b)
        return
    for other in (a, b):
        if other.dtype != first.dtype:
            raise RuntimeError("expected scalar type {} but found {}".format(*_type_names(first, other)))


_OF_VECTOR = "dot", "addmv_impl_cpu"


def _array_product(a, b):
    """a @ b for matrices or batches of them; half types are added up in float32."""
    if b.ndim > 2 and not (a.size and b.size):
        return jnp.matmul(a, b, preferred_element_type=b.dtype)
    if letter(a) not in "ifc":
        batches = b.ndim > 2 and (a.ndim == 1 or a.shape[-2] * a.shape[-1] * b.shape[-1] < _SMALL)
        kernel("bmm" if batches else "addmm_impl_cpu_" if b.ndim > 1 else _OF_VECTOR[a.ndim > 1], a, "ifc")
    return jnp.matmul(a, b, preferred_element_type=a.dtype)


def _matmul_name(types, consts):
    a, b = types[0].ndim, types[1].ndim
    if a == 1 and b == 1:
        return "DotBackward0"
    if a == 1 and b == 2:
        return "SqueezeBackward4"
    if a == 2:
        return {1: "MvBackward0", 2: "MmBackward0"}.get(b, "CloneBackward0")
    return "UnsafeViewBackward0"


def _count_rows(shape):
    n = 1
    for s in shape[:-1]:
        n *= s
    return n


def _check_matmul(a, b):
    if not a.ndim or not b.ndim:
        raise RuntimeError(f"both arguments to matmul need to be at least 1D, but they are {a.ndim}D and {b.ndim}D")
    if a.ndim == b.ndim == 1:
        _check_dot(a, b)
        return
    inner = b.shape[-2] if b.ndim > 1 else b.shape[0]
    if a.shape[-1] == inner:
        common_shape(tuple(a.shape[:-2]), tuple(b.shape[:-2]))
        if b.ndim == 1:
            _check_vector_dtypes(b, a, b)
        elif b.ndim == 2:
            _check_factor_dtypes(a, b)
        else:
            _check_batch_dtypes(a if a.ndim > 1 else a[None], b, b, "bmm")
        return
    if b.ndim == 1:
        rows = _count_rows(a.shape)
        raise RuntimeError(f"size mismatch, got input ({rows}), mat ({rows}x{a.shape[-1]}), vec ({b.shape[0]})")
    if b.ndim > 2:
        batch = common_shape(tuple(a.shape[:-2]), tuple(b.shape[:-2]))
        n = _count_rows((*batch, 1))
        rows = a.shape[-1]
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{n}, {rows}] but got: [{n}, {b.shape[-2]}]."
        )
    left = (_count_rows(a.shape), a.shape[-1]) if a.ndim > 1 else (1, a.shape[0])
    right = tuple(b.shape) if b.ndim == 2 else (b.shape[0], 1)
    raise RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({left[0]}x{left[1]} and {right[0]}x{right[1]})")


@op(
    grad_fn=_matmul_name,
    autocast="low",
    graph={
        "UnsafeViewBackward0:NN": "UnsafeView(Bmm(View(Expand(input)), View(Expand(other))))",
        "UnsafeViewBackward0:N2": "UnsafeView(Mm(View(input), other))",
        "UnsafeViewBackward0:N1": "UnsafeView(Mv(View(input), other))",
        "UnsafeViewBackward0:1N": "UnsafeView(Mv(UnsafeView(Clone(Transpose(other))), input))",
        "CloneBackward0:2N": "Clone(Transpose(UnsafeView(Mm(UnsafeView(Clone(Transpose(other))), T(input)))))",
        "SqueezeBackward4": "SqueezeBackward4(Mm(Unsqueeze(input), other))",
    },
)
def matmul(input: Array, other: Array) -> Array:
    """The matrix product; of vectors, the dot product; of more dimensions, one product for each in the batch.

    Shape:
        (*, n, m) @ (*, m, p) → (*, n, p), the batch dimensions broadcast

    Raises:
        RuntimeError: sizes or dtypes do not fit.

    >>> torch.matmul(torch.tensor([[1., 2.], [3., 4.]]), torch.tensor([1., 1.]))
    tensor([3., 7.])
    """
    _check_matmul(input, other)
    return _array_product(input, other)


def _check_matrix_operand(x, what):
    if x.ndim != 2:
        raise RuntimeError(f"{what} must be a matrix")


@op(autocast="low")
def mm(input: Array, mat2: Array) -> Array:
    """The product of two matrices."""
    _check_matrix_operand(input, "self")
    _check_matrix_operand(mat2, "mat2")
    _check_matmul(input, mat2)
    return _array_product(input, mat2)


def _check_batches(a, b, input=None):
    """Sizes and dtypes of a product of batches, which is added to `input` if there is one."""
    for x, name in ((a, "batch1"), (b, "batch2")):
        if x.ndim != 3:
            raise RuntimeError(f"{name} must be a 3D tensor")
    if input is not None and input.dtype != a.dtype:
        names = [dtypes.of(x.dtype).cname for x in (input, a, b)]
        raise RuntimeError("Input dtypes must be the same, got: input {}, batch1: {}, batch2: {}".format(*names))
    if a.shape[0] != b.shape[0] or a.shape[2] != b.shape[1]:
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{a.shape[0]},"
            f" {a.shape[2]}] but got:"
            f" [{b.shape[0]}, {b.shape[1]}]."
        )
    out, name = (b, "bmm") if input is None else (input, "baddbmm")
    _check_batch_dtypes(a, b, out, name)


@op(autocast="low")
def bmm(input: Array, mat2: Array) -> Array:
    """The products of two batches of matrices: (b, n, m) @ (b, m, p)."""
    _check_batches(input, mat2)
    return _array_product(input, mat2)


@op(autocast={"cuda": "low"})
def mv(input: Array, vec: Array) -> Array:
    """The product of a matrix and a vector."""
    if input.ndim != 2 or vec.ndim != 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got {vec.ndim}, {input.ndim}, {vec.ndim}")
    _check_matmul(input, vec)
    return _array_product(input, vec)


def _check_dot(a, b):
    if a.ndim != 1 or b.ndim != 1:
        raise RuntimeError(f"1D tensors expected, but got {a.ndim}D and {b.ndim}D tensors")
    if a.dtype != b.dtype:
        names = dtypes.of(a.dtype).scalar_name, dtypes.of(b.dtype).scalar_name
        raise RuntimeError(f"dot : expected both vectors to have same dtype, but found {names[0]} and {names[1]}")
    kernel("dot", a, "ifc")
    if a.shape != b.shape:
        n, m = a.shape[0], b.shape[0]
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor [{n}] and src [{m}] to have the same number of"
            f" elements, but"
            f" got {n} and {m} elements respectively"
        )


@op(autocast={"cuda": "widest"})
def dot(input: Array, tensor: Array) -> Array:
    """The sum of the products of two vectors' elements."""
    _check_dot(input, tensor)
    return _array_product(input, tensor)


@op(autocast={"cuda": "widest"})
def vdot(input: Array, other: Array) -> Array:
    """The dot product with the first vector conjugated."""
    _check_dot(input, other)
    return _array_product(jnp.conj(input), other)


@op(
    grad_fn="MulBackward0",
    promote=True,
    strides=lambda types, shapes, consts: [None],
    graph={"MulBackward0": "Mul(View(input), vec2)"},
)
def outer(input: Array, vec2: Array) -> Array:
    """The matrix of all products of two vectors' elements."""
    for x, name in ((input, "self"), (vec2, "vec2")):
        if x.ndim != 1:
            raise RuntimeError(f"outer: Expected 1-D argument {name}, but got {x.ndim}-D")
    return input[:, None] * vec2[None, :]


ger = function(outer, name="ger", method=True)


def _times_factor(x, factor):
    """factor * x; x itself where the factor is the Python number 1."""
    if isinstance(factor, int | float) and factor == 1:
        return x
    return jnp.asarray(factor).astype(x.dtype) * x


def check_expandable(x, shape):
    """Raise PyTorch's errors unless x can be expanded to the shape."""
    for i, (n, m) in enumerate(zip(reversed(x.shape), reversed(shape), strict=False)):
        if n not in (m, 1):
            raise RuntimeError(
                f"The expanded size of the tensor ({m}) must match the existing size ({n}) at"
                f" non-singleton dimension"
                f" {len(shape) - 1 - i}.  Target sizes: {list(shape)}.  Tensor sizes: {list(x.shape)}"
            )
    if x.ndim > len(shape):
        raise RuntimeError(
            f"expand(torch.FloatTensor{{{list(x.shape)}}}, size={list(shape)}): the number of sizes provided"
            f" ({len(shape)}) must be greater or equal to the number of dimensions in the tensor ({x.ndim})"
        )


def _added(x, beta, product, alpha):
    """beta * x + alpha * product; beta = 0 drops x, even NaN."""
    check_expandable(x, product.shape)
    scaled = _times_factor(product, alpha)
    if isinstance(beta, int) and beta == 1:
        return x + scaled
    beta = jnp.asarray(beta).astype(x.dtype)
    return jnp.where(beta == 0, scaled, beta * x + scaled)


def _check_sum_dtypes(x, mat1, mat2):
    for other, name in ((x, "self"), (mat1, "mat1")):
        if other.dtype != mat2.dtype:
            names = _type_names(other, mat2)
            raise RuntimeError("{} and mat2 must have the same dtype, but got {} and {}".format(name, *names))


@op(inplace=True, overlap="any", autocast="low")
def addmm(input: Array, mat1: Array, mat2: Array, *, beta: Number = 1, alpha: Number = 1) -> Array:
    """beta * input + alpha * (mat1 @ mat2)."""
    _check_matrix_operand(mat1, "mat1")
    _check_matrix_operand(mat2, "mat2")
    _check_sum_dtypes(input, mat1, mat2)
    _check_matmul(mat1, mat2)
    return _added(input, beta, _array_product(mat1, mat2), alpha)


@op(inplace=True, overlap="any", autocast={"cuda": "low"})
def addmv(input: Array, mat: Array, vec: Array, *, beta: Number = 1, alpha: Number = 1) -> Array:
    """beta * input + alpha * (mat @ vec)."""
    if mat.ndim != 2 or vec.ndim != 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got {input.ndim}, {mat.ndim}, {vec.ndim}")
    if mat.shape[1] == vec.shape[0]:
        _check_vector_dtypes(input, mat, vec)
    _check_matmul(mat, vec)
    return _added(input, beta, _array_product(mat, vec), alpha)


@op(inplace=True, autocast={"cuda": "low"})
def addr(input: Array, vec1: Array, vec2: Array, *, beta: Number = 1, alpha: Number = 1) -> Array:
    """beta * input + alpha * outer(vec1, vec2)."""
    return _added(input, beta, vec1[:, None] * vec2[None, :], alpha)


@op(inplace=True, overlap="any", autocast="low")
def baddbmm(input: Array, batch1: Array, batch2: Array, *, beta: Number = 1, alpha: Number = 1) -> Array:
    """beta * input + alpha * (batch1 @ batch2), for each in the batch."""
    check_expandable(input, (batch1.shape[0], batch1.shape[1], batch2.shape[-1]))
    _check_batches(batch1, batch2, input)
    return _added(input, beta, _array_product(batch1, batch2), alpha)


@op(inplace=True, overlap="any", autocast="low")
def addbmm(input: Array, batch1: Array, batch2: Array, *, beta: Number = 1, alpha: Number = 1) -> Array:
    """beta * input + alpha * the sum of batch1 @ batch2 over the batch."""
    for x, name in ((batch1, "batch1"), (batch2, "batch2")):
        if x.ndim != 3:
            raise RuntimeError(f"{name} must be a 3D tensor")
    (count, rows, inner), (other, inner2, columns) = batch1.shape, batch2.shape
    check_expandable(input, (rows, columns))
    if count != other:
        raise RuntimeError(f"batch1 and batch2 must have same number of batches, got {count} and {other}")
    if inner != inner2:
        raise RuntimeError(f"Incompatible matrix sizes for bmm ({rows}x{inner} and {inner2}x{columns})")
    _check_sum_dtypes(input, batch1, batch2)
    kernel("addmm_impl_cpu_", batch1, "ifc")
    product = lax.dot_general(batch1, batch2, (((0, 2), (0, 1)), ((), ())))
    return _added(input, beta, product, alpha)


# ---- products by index


@op(
    name="tensordot",
    grad_fn="ViewBackward0",
    autocast={"cpu": "low", "cuda": "widest"},
    graph={"ViewBackward0": "View(Mm(View(Permute(a)), View(Permute(b))))"},
)
def _tensordot(a: Array, b: Array, dims_a: tuple, dims_b: tuple) -> Array:
    for i, j in zip(dims_a, dims_b, strict=True):
        if b.shape[j] == 1:  # one of size 1 counts for all of the other
            a = jnp.sum(a, i, keepdims=True, dtype=a.dtype)
        elif a.shape[i] == 1:
            b = jnp.sum(b, j, keepdims=True, dtype=b.dtype)
        if a.shape[i] != b.shape[j]:
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {a.shape[i]} in dim {i} and"
                f" second has size"
                f" {b.shape[j]} in dim {j}"
            )
    kernel("dot" if len(dims_a) == a.ndim == b.ndim else "addmm_impl_cpu_", a, "ifc")
    return jnp.tensordot(a, b, (dims_a, dims_b), preferred_element_type=a.dtype)


def _check_equal_dtypes(a, b):
    if a.dtype != b.dtype:
        raise RuntimeError("both inputs should have same dtype")


@public(method=False)
def tensordot(a, b, dims=2, out=None):
    """The sum of products over the last `dims` dims of a and the first of b, or over two lists of dims."""
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        dims = list(range(-dims, 0)), list(range(dims))
    _check_equal_dtypes(a, b)
    left, right = ([int(i) for i in d] if hasattr(d, "__len__") else [int(d)] for d in dims)
    return _tensordot(a, b, left, right, out=out)


@op(
    grad_fn="ViewBackward0",
    autocast="low",
    graph={
        "ViewBackward0:11": "View(Dot(Permute(input), Permute(other)))",
        "ViewBackward0": "View(Mm(View(Permute(input)), ReshapeAlias(Permute(other))))",
    },
)
def inner(input: Array, other: Array) -> Array:
    """The sum of products over the last dim of both."""
    if not input.ndim or not other.ndim:
        to = dtypes.result_type_of(
            *[[dtypes.of(x.dtype) for x in (input, other) if bool(x.ndim) is d] for d in (True, False)], []
        )
        return input.astype(to.np) * other.astype(to.np)
    if input.shape[-1] != other.shape[-1]:
        raise RuntimeError(
            f"inner() the last dimension must match on both input tensors but got shapes {list(input.shape)} and {list(other.shape)}"
        )
    _check_equal_dtypes(input, other)
    kernel("dot" if input.ndim == other.ndim == 1 else "addmm_impl_cpu_", input, "ifc")
    return jnp.inner(input, other, preferred_element_type=input.dtype)


@op(
    promote=True,
    strides=lambda types, shapes, consts: [None],
    grad_fn="UnsafeViewBackward0",
    graph={"UnsafeViewBackward0": "UnsafeView(Mul(UnsafeView(input), UnsafeView(other)))"},
)
def kron(input: Array, other: Array) -> Array:
    """The Kronecker product: each element of input times all of other."""
    if input.dtype == jnp.bool_:
        return jnp.kron(input.astype(jnp.int8), other.astype(jnp.int8)).astype(bool)
    return jnp.kron(input, other)


@public(method=False)
def chain_matmul(*matrices, out=None):
    """The product of several matrices, multiplied in the order that costs least."""
    return linalg_multi_dot(list(matrices), out=out)


@op(
    name="multi_dot",
    grad_fn="ViewBackward0",
    autocast="low",
    graph={
        "ViewBackward0:22": "View(Mm(tensors0, tensors1))",
        "ViewBackward0:222": "View(Mm(Mm(tensors0, tensors1), tensors2))",
    },
    behind="chain_matmul",
)
def linalg_multi_dot(tensors: list[Array]) -> Array:
    if len(tensors) < 2:
        raise RuntimeError("multi_dot(): expected at least 2 tensors but got " + str(len(tensors)))
    return jnp.linalg.multi_dot(tensors)


@op(saves=(), autocast={"cpu": "float32"})
def trace(input: Array) -> Array:
    """The sum of a matrix's diagonal."""
    kernel("trace", input, "ifc")
    if input.ndim != 2:
        raise RuntimeError("trace: expected a matrix, but got tensor with dim " + str(input.ndim))
    return jnp.trace(input, dtype=jnp.int64 if letter(input) == "i" else input.dtype)


@op(
    grad_fn="LinalgCrossBackward0",
    promote=True,
    name="cross",
    strides=lambda types, shapes, consts: [None],
    autocast={"cuda": "widest"},
    behind="cross",
)
def linalg_cross(input: Array, other: Array, dim: int) -> Array:
    if input.ndim != other.ndim:
        raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
    a, b = jnp.broadcast_arrays(input, other)
    given, dim = dim, wrap_dim(dim, a.ndim)
    sizes = [x.shape[dim] for x in (input, other)]
    if sizes != [3, 3]:
        raise RuntimeError(f"linalg.cross: inputs dimension {given} must have length 3. Got {sizes[0]} and {sizes[1]}")
    return jnp.cross(a, b, axis=dim)


@public
def cross(input, other, dim=None, *, out=None):
    """The vector product along a dim of size 3 (by default the first such dim)."""
    if dim is None:
        warn_user(
            "Using torch.cross without specifying the dim arg is deprecated.\nPlease either pass the dim explicitly or"
            " simply use torch.linalg.cross.\nThe default value of dim will change to agree with that of linalg.cross in"
            " a future release.",
        )
        dim = next((i for i, n in enumerate(input.shape) if n == 3), None)
        if dim is None:
            raise RuntimeError("no dimension of size 3 in input")
    return linalg_cross(input, other, dim, out=out)


@op(
    promote=True,
    name="vecdot",
    grad_fn=lambda types, consts: "VdotBackward0" if types[0].ndim == types[1].ndim == 1 else "SumBackward1",
    autocast="low",
    graph={"SumBackward1": "SumBackward1(Mul(x, y))"},
    behind="linalg.vecdot",
)
def linalg_vecdot(x: Array, y: Array, dim: int) -> Array:
    return jnp.sum(jnp.conj(x) * y, axis=dim)


# ---- covariance and distances


@op(
    name="cov",
    grad_fn="SqueezeBackward0",
    autocast={"cpu": "low"},
    graph={
        "SqueezeBackward0": "Squeeze(Div(Mm(Sub(input, Unsqueeze(Div(SumBackward1(input), -))),"
        " T(Sub(input, Unsqueeze(Div(SumBackward1(input), -))))), -))"
    },
)
def _cov(input: Array, correction: int, fweights: Array | None, aweights: Array | None) -> Array:
    if input.ndim > 2:
        raise RuntimeError(
            f"cov(): expected input to have two or fewer dimensions but got an input with {input.ndim} dimensions"
        )
    if input.dtype == jnp.bool_:
        raise RuntimeError("cov(): bool dtype is not supported for input")
    x = input if letter(input) in "fc" else input.astype(dtypes.get_default_dtype().np)
    samples = jnp.atleast_2d(x).shape[1]
    _check_cov_weights("fweights", fweights, "bi", "integral", samples)
    _check_cov_weights("aweights", aweights, "f", "floating point", samples)
    return jnp.cov(jnp.atleast_2d(x), ddof=correction, fweights=fweights, aweights=aweights).astype(x.dtype)


def _check_cov_weights(name, weights, letters, kind, samples):
    if weights is None:
        return
    if weights.ndim > 1:
        raise RuntimeError(
            f"cov(): expected {name} to have one or fewer dimensions but got {name} with {weights.ndim} dimensions"
        )
    if letter(weights) not in letters:
        given = dtypes.of(weights.dtype).scalar_name
        raise RuntimeError(f"cov(): expected {name} to have {kind} dtype but got {name} with {given} dtype")
    if weights.size != samples:
        raise RuntimeError(
            f"cov(): expected {name} to have the same numel as there are observations in the input but got"
            f" {weights.size} != {samples}"
        )


def _any_below_zero(weights):
    return (weights < 0).any()


@public
def cov(input, *, correction=1, fweights=None, aweights=None):
    """The covariance matrix of variables in rows."""
    for name, weights in (("fweights", fweights), ("aweights", aweights)):
        if weights is not None and weights.ndim <= 1:
            data_check(weights, _any_below_zero, RuntimeError(f"cov(): {name} cannot be negative"))
    return _cov(input, correction, fweights, aweights)


@op(
    grad_fn="ClampBackward1",
    graph={
        "ClampBackward1": "ClampBackward1(Div(Div(Squeeze(Div(Mm(input, T(input)), -)), View(Sqrt(input))), View(Sqrt(input))))"
    },
)
def corrcoef(input: Array) -> Array:
    """The correlation matrix of variables in rows."""
    if input.dtype == jnp.bool_:
        raise RuntimeError("cov(): bool dtype is not supported for input")
    x = input if letter(input) in "fc" else input.astype(dtypes.get_default_dtype().np)
    made = jnp.corrcoef(x).astype(x.dtype)
    if letter(x) == "c":
        return lax.complex(_within_one(made.real), _within_one(made.imag))
    return _within_one(made)


def _within_one(x):
    return at_most(at_least(x, -1), 1)


@op(autocast={"cuda": "float32"})
def dist(input: Array, other: Array, p: float = 2) -> Array:
    """The p-norm of input - other."""
    common_shape(input.shape, other.shape)  # raises PyTorch's error
    gap = input - other
    return norm_of(gap, p, tuple(range(gap.ndim)), False)


@op(inplace=True, autocast={"cuda": "float32"})
def renorm(input: Array, p: float, dim: int, maxnorm: float) -> Array:
    """Each slice along a dim scaled down to a p-norm of at most maxnorm."""
    if input.ndim < 2:
        raise RuntimeError(f"renorm: input needs at least 2 dimensions, got {input.ndim} dimensions")
    dim = wrap_dim(dim, input.ndim)
    others = tuple(d for d in range(input.ndim) if d != dim)
    if p <= 0:
        raise RuntimeError("renorm: non-positive-norm not supported")
    norms = norm_of(input, p, others, True)
    factor = jnp.where(norms > maxnorm, maxnorm / (norms + 1e-7), 1)
    return input * factor
