"""Arguments for reductions, running totals, sorting and counting."""

import numpy as np

from samples import NANS, TIES, ZEROS, A, B, C, H, I, M, N, P, V, X, each

SORTED = np.array([-1.5, 0.0, 0.5, 1.0], "float32")

SAMPLES = {
    **each("sum mean", (X,), (X, 0), (X, (0, 1)), (X, -1, True), (N,), (H(3, 4), 1), (C(2, 2),), (X, 2), (X, (0, 0))),
    "nansum": [(X,), (NANS, 1), (N,)],
    "nanmean": [(X,), (NANS, 1)],
    "prod": [(X,), (ZEROS, 1), (ZEROS,), (N,), (X, 0, True)],
    **each("var std", (X,), (X, 1), (X, False), (X, 0, False), (X, {"dim": 1, "correction": 2}), (X * 0, 1), (N,), (C(2, 2),)),
    **each("var_mean std_mean", (X,), (X, 1, {"keepdim": True})),
    **each("amax amin", (X,), (TIES, 1), (X, 0, True), (N,), (NANS, 1, {"grad": False}), (C(2, 2),)),
    "aminmax": [(X,), (X, {"dim": 1})],
    **each("max min", (X,), (TIES,), (X, 1), (TIES, 1), (X, 0, True), (NANS, 1), (X, A(3, 4, seed=1)), (N,), (A(0, 3), 0), (A(0),), (X, 5)),
    **each("argmax argmin", (X,), (TIES, 1), (NANS, 1), (X, 0, True), (B(3, 4),), (A(0),)),
    **each("any all", (ZEROS,), (B(3, 4), 1), (N, 0, True), (N.astype("uint8"), 1)),
    "count_nonzero": [(ZEROS,), (ZEROS, 1)],
    "cumsum": [(X, 0), (X, -1), (N, 0), (B(3, 4), 1), (X, 2)],
    "cumprod": [(X, 0), (ZEROS, 1), (N, 0)],
    **each("cummax cummin", (X, 1), (TIES, 1), (NANS, 1, {"grad": False}), (N, 0)),
    "logcumsumexp": [(X, 1)],
    "logsumexp": [(X, 1), (X, (0, 1), True), (N, 0)],
    "diff": [(X,), (X, 2), (N, {"dim": 0}), (B(3, 4),), (V, {"prepend": np.zeros(1, "float32")})],
    "trapezoid": [(X,), (X, A(3, 4, seed=1)), (X, {"dx": 2.0, "dim": 0})],
    "cumulative_trapezoid": [(X,)],
    "sort": [(X,), (X, 0), (TIES, 1, True), (NANS,), (N, 0), (C(2, 2),)],
    "argsort": [(X,), (TIES, {"stable": True}), (X, 0, True)],
    "msort": [(X,)],
    "topk": [(X, 2), (X, 2, 0), (X, 2, {"largest": False}), (N[:, :1], 1), (X, 9)],
    "kthvalue": [(X, 2), (X, 1, 0, True), (X, 9)],
    "median": [(X,), (X, 1), (TIES,), (NANS, 1), (N,), (X, 0, True), (B(3, 4),)],
    "nanmedian": [(X,), (NANS, 1)],
    "mode": [(I(3, 4), 1), (TIES, 1)],
    "quantile": [(X, 0.3), (X, 0.3, 1), (X, SORTED.clip(0, 1)), (X, 0.5, 0, True, {"interpolation": "nearest"}), (X, 1.5), (N, 0.5)],
    "nanquantile": [(NANS.clip(-3, 3), 0.3, 1, {"grad": False})],
    "searchsorted": [(SORTED, X), (SORTED, X, {"right": True}), (SORTED, 0.5)],
    "bucketize": [(X, SORTED), (X, SORTED, {"right": True})],
    "unique": [(N,), (N, {"return_inverse": True, "return_counts": True}), (N, {"dim": 0})],
    "unique_consecutive": [(N // 3,), (N // 3, {"return_inverse": True, "return_counts": True}), (N, {"dim": 0})],
    "bincount": [(np.array([1, 1, 3]),), (np.array([1, 1, 3]), P(3), 6, {"grad": False}), (np.array([-1]),), (X,)],
    "histc": [(X, 5, {"grad": False}), (X, 4, -1, 1, {"grad": False}), (M,)],
}
