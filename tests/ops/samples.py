"""Arguments for every op: name -> rows. A row holds positional arguments, then possibly a dict of
keywords; "grad": False means that no input requires grad.

Arrays stand for tensors; the helpers make small ones with distinct values, always the same. Each distinct
shape and dtype costs a compile, so rows share them. Other families have files of their own,
`samples_<family>.py`, which `oprows` collects.
"""

import numpy as np


def A(*shape, seed=0, low=-2.0, high=2.0, dtype="float32"):
    """Distinct floats between low and high, none of them an integer."""
    n = int(np.prod(shape))
    values = low + (high - low) * (np.arange(n) + 0.37) / max(n, 1)
    return np.random.RandomState(seed).permutation(values).reshape(shape).astype(dtype)


def P(*shape, seed=0, high=2.0):
    """Distinct positive floats."""
    return A(*shape, seed=seed, low=0.1, high=high)


def U(*shape, seed=0):
    """Distinct floats inside (-1, 1)."""
    return A(*shape, seed=seed, low=-0.95, high=0.95)


def H(*shape, seed=0):
    """Half-precision floats."""
    return A(*shape, seed=seed, dtype="float16")


def C(*shape, seed=0):
    """Complex numbers."""
    return (A(*shape, seed=seed) + 1j * A(*shape, seed=seed + 1)).astype("complex64")


def I(*shape, seed=0, low=-4, high=5):  # noqa: E743
    """Integers, with repeats."""
    return np.random.RandomState(seed).randint(low, high, shape)


def B(*shape, seed=0):
    """Bools."""
    return np.random.RandomState(seed).rand(*shape) < 0.5


def S(n, seed=0):
    """A positive definite matrix."""
    a = A(n, n, seed=seed, low=-1, high=1)
    return a @ a.T + np.eye(n, dtype="float32")


X, Y, V = A(3, 4), A(3, 4, seed=1), A(4, seed=2)
TIES = np.array([[1, 2, 2, 0], [3, 3, 3, 3], [-1, 0, 0, -1]], "float32")
NANS = np.array([[1, np.nan, 2, 0], [np.inf, 3, -np.inf, 3], [-1, 0, np.nan, np.nan]], "float32")
ZEROS = np.array([[1, 0, 2, 0.5], [0.25, 3, 0.5, 3], [-1, 0, 0, 2]], "float32")
N, M = I(3, 4), I(3, 4, seed=1, low=1)


def each(names, *rows):
    """The same rows for several ops."""
    return {name: list(rows) for name in names.split()}


SAMPLES = {
    **each(
        "add sub rsub",
        (X, Y),
        (X, 2.5),
        (X, V, {"alpha": 3}),
        (N, 2),
        (B(3, 4), B(3, 4)),
        (H(3, 4), X),
        (C(2, 2), C(2, 2, seed=3)),
    ),
    **each("mul true_divide divide", (X, Y), (X, 2), (N, 2), (N, 0.5), (C(2, 2), C(2, 2, seed=3)), (ZEROS, 0.0)),
    "div": [
        (X, Y),
        (X, V),
        (N, M),
        (X, Y, {"rounding_mode": "floor"}),
        (N, M, {"rounding_mode": "trunc"}),
        (N, M, {"rounding_mode": "floor"}),
        (ZEROS, ZEROS * 0, {"rounding_mode": "floor"}),
        (N, 0, {"rounding_mode": "floor"}),
        (X, Y, {"rounding_mode": "up"}),
    ],
    **each(
        "floor_divide remainder fmod",
        (X, Y),
        (X, -0.75),
        (N, M),
        (N, -3),
        (NANS, 2.0),
        (ZEROS, TIES),
        (N, 0),
        (N, N * 0),
    ),
    "pow": [
        (X, 2),
        (X, 3),
        (X, -1),
        (P(3, 4), 0.5),
        (P(3, 4), 2.3),
        (P(3, 4), Y),
        (2.0, X),
        (N, 2),
        (N, M),
        (N, -1),
        (ZEROS, 0),
        (TIES, 2.0),
        (N, 0.5),
        (B(3, 4), B(3, 4)),
        (C(2, 2), 2),
        (ZEROS, 1),
    ],
    "float_power": [(X, 2), (P(3, 4), Y)],
    **each("neg positive", (X,), (N,), (B(3, 4),), (C(2, 2),)),
    **each("abs sgn", (X,), (ZEROS,), (N,), (C(2, 2),)),
    **each("sign signbit", (X,), (ZEROS,), (N,), (B(3, 4),)),
    **each("floor ceil trunc", (X,), (N,), (B(3, 4),), (C(2, 2),)),
    "round": [(X,), (X * 3, {"decimals": 1}), (N,), (np.array([0.5, 1.5, 2.5, -0.5], "float32"),)],
    "frac": [(X,), (N,)],
    **each("exp sin tanh", (X,), (N,), (H(3, 4),), (C(2, 2),)),
    **each("exp2 expm1 cos sinh cosh asinh atan sigmoid erf erfc square", (X,), (N,), (H(3, 4),)),
    **each("log sqrt reciprocal", (P(3, 4),), (M,), (C(2, 2),)),
    **each("log2 log10 log1p rsqrt digamma lgamma", (P(3, 4),), (M,)),
    **each("asin acos atanh erfinv", (U(3, 4),)),
    "tan": [(X,)],
    "acosh": [(P(3, 4) + 1,)],
    **each("logaddexp logaddexp2 hypot atan2", (X, Y), (X, V)),
    **each("deg2rad rad2deg", (X,), (N,), (C(2, 2),)),
    **each("addcmul addcdiv", (X, Y, P(3, 4)), (X, Y, P(3, 4), {"value": 0.5})),
    "lerp": [(X, Y, 0.3), (X, Y, U(3, 4)), (X, Y, 0.8)],
    **each("eq ne", (N, M), (X, X), (N, 2), (NANS, NANS), (C(2, 2), C(2, 2)), (B(3, 4), True)),
    **each("lt le gt ge", (X, Y), (N, 2), (NANS, 0.0), (N, 0.5), (C(2, 2), 1)),
    "isclose": [(X, X + 1e-7), (NANS, NANS, {"equal_nan": True}), (N, N), (X, N), (X, X, {"rtol": -1.0})],
    **each("allclose", (X, X), (X, Y)),
    "equal": [(X, X), (X, Y), (X, V)],
    "isin": [(N, np.array([1, 2])), (N, np.array([1, 2]), {"invert": True}), (N, 1)],
    **each("isnan isinf isfinite isposinf isneginf isreal", (NANS,), (N,), (C(2, 2),)),
    "is_nonzero": [(np.array([2.0]),), (X,)],
    "logical_not": [(ZEROS,), (N,), (B(3, 4),)],
    **each("logical_and logical_or logical_xor", (ZEROS, TIES), (N, B(3, 4))),
    "bitwise_not": [(N,), (B(3, 4),), (X,)],
    **each("bitwise_and bitwise_or bitwise_xor", (N, M), (B(3, 4), B(3, 4, seed=1)), (N, 3), (X, X)),
    **each("bitwise_left_shift bitwise_right_shift", (N, M), (N, 2), (N, 70), (N, -1), (X, 1)),
    "where": [(B(3, 4), X, Y), (B(3, 4), X, 0.0), (B(3, 4), N, X), (X, X, Y), (B(3, 4), X, A(3))],
    **each("maximum minimum fmax fmin", (X, Y), (TIES, ZEROS), (NANS, X), (N, M), (N, X), (C(2, 2), C(2, 2))),
    "clamp": [
        (X, -1, 1),
        (TIES, 0.0, 2.0),
        (X, {"min": 0}),
        (X, {"max": 0.5}),
        (X, U(3, 4), P(3, 4)),
        (N, 0, 2),
        (NANS, 0.0, 1.0),
        (X, 1.0, -1.0),
        (X,),
        (N, 0.5),
        (C(2, 2), 0),
    ],
    **each("clamp_min clamp_max", (X, 0.5), (X, U(3, 4)), (TIES, 2.0)),
    "logit": [(P(3, 4) / 3,), (P(3, 4) / 2.2, {"eps": 0.2})],
    "polygamma": [(1, P(3, 4)), (0, P(3, 4))],
    "mvlgamma": [(P(3, 4) + 3, 2)],
    "igamma": [(P(3, 4), P(3, 4, seed=1), {"grad": False})],
    "igammac": [(P(3, 4), P(3, 4, seed=1), {"grad": False})],
    **each("i0 special.i0e special.i1 special.i1e special.ndtr special.log_ndtr", (X,)),
    "special.ndtri": [(P(3, 4) / 3,)],
    "special.entr": [(P(3, 4),)],
    "special.zeta": [(P(3, 4) + 1, P(3, 4), {"grad": False})],
    "xlogy": [(X, P(3, 4)), (ZEROS, P(3, 4)), (X, 2.0), (2.0, P(3, 4))],
    "special.xlog1py": [(X, P(3, 4)), (ZEROS, P(3, 4))],
    "sinc": [(X,)],
    "copysign": [(X, Y), (X, -2.0)],
    "nextafter": [(X, Y, {"grad": False})],
    "frexp": [(X,)],
    "ldexp": [(X, M)],
    "heaviside": [(ZEROS, P(3, 4), {"grad": False})],
    "nan_to_num": [(NANS,), (NANS, 1.0, 2.0, -2.0), (N,)],
    **each("gcd lcm", (N, M), (X, Y)),
    "angle": [(X,), (C(2, 2),), (N,)],
    "conj_physical": [(X,), (C(2, 2),)],
    "complex": [(X, Y), (X, A(3, 4, dtype="float64"))],
    "polar": [(P(3, 4), X)],
}
