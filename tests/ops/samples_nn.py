"""Rows for functions of layers: activations, dense layers, distances, pixel shuffles, resizing, losses."""

import numpy as np

from tests.ops.samples import A, B, H, I, P, X, Y, each

LOGITS = A(5, 4)
CLASSES = np.array([0, 3, 1, 1, 2])
LABELS = np.array([[0, 2, -1, 1], [1, -1, 0, 0], [3, 2, 1, 0], [-1, 0, 1, 2], [2, -1, -1, -1]])
SIGNS = np.where(B(3, 4), 1.0, -1.0).astype("float32")
SIGN = np.array([1.0, -1.0, 1.0], "float32")
LOGS = np.log(np.random.RandomState(0).dirichlet(np.ones(5), (6, 3)).astype("float32"))
IMAGE = A(2, 3, 4, 5)
SIGNAL = A(2, 3, 7)
VOLUME = A(1, 2, 3, 4, 2)
EDGE = np.array([[-3.0, -0.5, 0.0, 0.5], [3.0, 6.0, 1.0, -1.0], [np.nan, 20.5, -20.5, 7.0]], "float32")
INFINITE = np.array([[np.inf, -np.inf, 0.0, 1.0]] * 3, "float32")
QUERY, KEY, VALUE = A(2, 2, 3, 4), A(2, 2, 5, 4, seed=1), A(2, 2, 5, 4, seed=2)
GRID = A(2, 3, 3, 2, low=-1.3, high=1.3)
F = "nn.functional."


def reductions(*args, **kwargs):
    """A row for each reduction."""
    return [(*args, {**kwargs, "reduction": r}) for r in ("mean", "sum", "none")]


SAMPLES = {
    **each(
        " ".join(
            F + n
            for n in "relu relu6 elu selu celu gelu silu mish hardtanh hardsigmoid hardswish hardshrink logsigmoid"
            " leaky_relu softplus softshrink softsign tanhshrink".split()
        ),
        (X,),
        (EDGE,),
        (A(2, 3, 4),),
        (A(3, 4, dtype="float64"),),
    ),
    "ops.aten.native_dropout_backward": [(X, B(3, 4), 2.0), (A(3, 4, dtype="float64"), B(3, 4), 1.25)],
    F + "bilinear": [(A(5, 3), A(5, 2), A(4, 3, 2), A(4)), (A(3), A(2), A(4, 3, 2)), (A(5, 3), A(4, 2), A(4, 3, 2))],
    "lstm_cell": [
        (A(2, 3), (A(2, 4), A(2, 4, seed=1)), A(16, 3), A(16, 4), A(16), A(16, seed=1)),
        (A(2, 3), (A(2, 4), A(2, 4, seed=1)), A(16, 3), A(16, 4)),
    ],
    "gru_cell": [
        (A(2, 3), A(2, 4), A(12, 3), A(12, 4), A(12), A(12, seed=1)),
        (A(2, 3), A(2, 4), A(12, 3), A(12, 4)),
    ],
    **each(
        "rnn_tanh_cell rnn_relu_cell",
        (A(2, 3), A(2, 4), A(4, 3), A(4, 4), A(4), A(4, seed=1)),
        (A(2, 3), A(2, 4), A(4, 3), A(4, 4)),
        (A(2, 3), A(2, 5), A(4, 3), A(4, 4)),
    ),
    F + "linear": [
        (X, A(2, 4), A(2)),
        (X, A(2, 4)),
        (A(2, 3, 4), A(2, 4), A(2)),
        (A(4), A(2, 4)),
        (A(4), A(4)),
        (X, A(2, 5), A(2)),
        (X, A(2, 4).astype("float64")),
    ],
    F + "prelu": [(X, P(1)), (X, P(4)), (IMAGE, P(3)), (X, P(3))],
    F + "threshold": [(X, 0.5, 0.0), (EDGE, -1.0, 20.0)],
    F + "glu": [(X,), (X, 1), (A(3, 3),)],
    F + "softmin": [(X, 1), (X, 0)],
    F + "conv_tbc": [(A(5, 2, 3), A(2, 3, 4), A(4)), (A(5, 2, 3), A(2, 3, 4), A(4), 1)],
    F + "cosine_similarity": [(X, Y), (X, Y, 0), (X, A(4)), (np.zeros((2, 3), "float32"), A(2, 3)), (X, A(3, 5))],
    F + "pairwise_distance": [(X, Y), (X, Y, 1.0), (X, Y, 3.0, 1e-3, True), (X, A(4)), (X, X, {"grad": False})],
    F + "pdist": [(X,), (X, 1.0), (X, float("inf")), (A(4),), (X, -1.0)],
    F + "normalize": [(X,), (X, 1.0, 0), (np.zeros((2, 3), "float32"), {"grad": False})],
    F + "one_hot": [(CLASSES,), (CLASSES, 6), (CLASSES, 2), (np.array([-1, 0]),), (X,), (I(0, 3), 4)],
    F + "unfold": [
        (IMAGE, 2),
        (IMAGE, (2, 3), 1, (1, 2), 2),
        (IMAGE, 2, 2),
        (IMAGE[0], 2),
        (IMAGE, 7),
        (IMAGE, 0),
        (IMAGE, 2, 1, -1),
        (A(4, 5), 2),
    ],
    F + "fold": [
        (A(2, 12, 12), (4, 5), 2),
        (A(2, 12, 9), (4, 5), 2, 1, 1, 2),
        (A(12, 12), (4, 5), 2),
        (A(2, 12, 9), (3, 3), 2),
        (A(2, 7, 4), (3, 3), 2),
    ],
    F + "pixel_shuffle": [(A(2, 8, 3, 2), 2), (A(4, 3, 2), 2), (A(3, 3, 2), 2), (A(4, 2), 2), (A(4, 3, 2), 0)],
    F + "pixel_unshuffle": [(A(2, 2, 4, 6), 2), (A(2, 3, 4), 2), (A(2, 4, 3), 2), (A(4, 2), 2)],
    F + "channel_shuffle": [(A(2, 6, 2, 2), 3), (A(2, 6, 2, 2), 4), (A(2, 6), 2)],
    F + "interpolate": [
        (SIGNAL, 5),
        (SIGNAL, None, 1.5),
        (IMAGE, None, 2.0),
        (IMAGE, (6, 3)),
        (IMAGE, None, (0.5, 1.7)),
        (VOLUME, 4),
        (IMAGE, 7, None, "nearest-exact"),
        (IMAGE, None, 0.6, "nearest-exact"),
        (SIGNAL, 9, None, "linear"),
        (SIGNAL, 4, None, "linear", True),
        (IMAGE, (6, 3), None, "bilinear"),
        (IMAGE, (6, 3), None, "bilinear", True),
        (IMAGE, None, 1.7, "bilinear"),
        (IMAGE, None, 1.7, "bilinear", None, True),
        (IMAGE, (2, 3), None, "bilinear", None, None, True),
        (IMAGE, (6, 3), None, "bicubic"),
        (IMAGE, (6, 3), None, "bicubic", True),
        (IMAGE, None, 0.7, "bicubic"),
        (IMAGE, (2, 9), None, "bicubic", False, None, True),
        (IMAGE, (2, 9), None, "lanczos", False, None, True),
        (VOLUME, (2, 5, 3), None, "trilinear"),
        (VOLUME, (2, 5, 3), None, "trilinear", True),
        (SIGNAL, 3, None, "area"),
        (IMAGE, 2, None, "area"),
        (VOLUME, 2, None, "area"),
        (H(1, 2, 4, 4), 6, None, "bilinear"),
        (IMAGE, 4),
        (IMAGE,),
        (IMAGE, 3, 2.0),
        (IMAGE, (1, 2, 3)),
        (IMAGE, 0),
        (IMAGE, 3, None, "linear"),
        (IMAGE, 3, None, "cubic"),
        (IMAGE, 3, None, "nearest", True),
        (X, 3),
        (SIGNAL, 0),
        (SIGNAL, 3, None, "linear", None, None, True),
        (IMAGE, None, (1.0,)),
        (IMAGE, 3, None, "bilinear", None, True),
    ],
    F + "grid_sample": [
        *[
            (IMAGE, GRID, m, p, a)
            for m in ("bilinear", "nearest", "bicubic")
            for p in ("zeros", "border", "reflection")
            for a in (True, False)
        ],
        (VOLUME, A(1, 2, 3, 2, 3, low=-1.2, high=1.2), "bilinear", "zeros", False),
        (VOLUME, A(1, 2, 3, 2, 3, low=-1.2, high=1.2), "nearest", "border", True),
        (IMAGE, GRID, "linear", "zeros", False),
        (IMAGE, GRID, "bilinear", "same", False),
        (IMAGE, GRID[:1]),
        (IMAGE, A(2, 3, 3, 3)),
        (IMAGE, A(2, 3, 3)),
        (IMAGE, GRID.astype("float64")),
        (VOLUME, A(1, 2, 3, 2, 3), "bicubic"),
    ],
    F + "affine_grid": [
        (A(2, 2, 3), (2, 3, 4, 5), True),
        (A(2, 2, 3), (2, 3, 4, 5), False),
        (A(2, 3, 4), (2, 1, 2, 3, 4), False),
        (A(2, 2, 3), (2, 3, 1, 5), True),
        (A(2, 3, 4), (2, 3, 4, 5), False),
        (A(2, 2, 3), (2, 3, 4), False),
        (I(2, 2, 3), (2, 3, 4, 5), False),
    ],
    F + "scaled_dot_product_attention": [
        (QUERY, KEY, VALUE),
        (QUERY, KEY, VALUE, A(3, 5)),
        (QUERY, KEY, VALUE, np.arange(15).reshape(3, 5) % 4 > 0),
        (QUERY, KEY, VALUE, None, 0.0, True),
        (QUERY[0], KEY[0], VALUE[0]),
        (QUERY[0, 0], KEY[0, 0], VALUE[0, 0]),
        (QUERY, KEY, VALUE, {"scale": 0.3}),
        (QUERY, KEY[:, :1], VALUE[:, :1], {"enable_gqa": True}),
        (QUERY, KEY, VALUE, np.arange(15).reshape(3, 5) > 4),
        (QUERY, KEY.astype("float64"), VALUE),
        (A(4), A(4), A(4)),
        (QUERY, KEY, VALUE, I(3, 5)),
    ],
    F + "embedding_bag": [
        (np.array([[0, 2], [1, 1]]), A(4, 3)),
        (np.array([0, 2, 1, 1, 3]), A(4, 3), np.array([0, 2, 2])),
        *[
            (np.array([0, 2, 1, 1, 3]), A(4, 3), np.array([0, 3]), {"mode": m, "padding_idx": p})
            for m in ("sum", "mean", "max")
            for p in (None, 1)
        ],
        (np.array([[0, 2], [1, 1]]), A(4, 3), {"mode": "sum", "per_sample_weights": A(2, 2)}),
        (np.array([0, 2, 1]), A(4, 3), np.array([0, 1, 3]), {"include_last_offset": True}),
        (np.array([0, 2, 1]), A(4, 3), np.array([1, 2])),
        (np.array([0, 2, 1]), A(4, 3)),
        (np.array([[0, 9]]), A(4, 3)),
        (np.array([[0, 2]]), A(4, 3), np.array([0])),
        (np.array([0]), A(4, 3), np.array([3])),
        (np.array([[0, 2]]), A(4, 3), {"mode": "least"}),
    ],
    F + "max_unpool2d": [
        (A(1, 2, 2, 2), np.array([[[[0, 3], [9, 14]], [[5, 6], [8, 11]]]]), 2),
        (A(2, 2), np.array([[0, 3], [9, 14]]), 2),
        (A(1, 2, 2), np.array([[[0, 3], [9, 14]]]), 2, 2, 0, (5, 5)),
        (A(1, 2, 2), np.array([[[0, 3], [9, 99]]]), 2),
        (A(1, 2, 2), A(1, 2, 2), 2),
        (A(1, 2, 2), np.array([[[0, 3], [9, 14]]]), 2, 2, 0, (9, 5)),
        (A(1, 2, 2), np.array([[[0, 3]]]), 2),
    ],
    F + "hinge_embedding_loss": [*reductions(X, SIGNS), (X, SIGNS, 0.3)],
    F + "margin_ranking_loss": [*reductions(A(3), A(3, seed=1), SIGN, margin=0.5), (X, A(3), SIGN)],
    F + "cosine_embedding_loss": [
        *reductions(X, Y, SIGN, margin=0.1),
        (A(4), A(4, seed=1), np.float32(1)[...]),
        (X, Y, SIGNS),
        (A(4), A(4), SIGN),
    ],
    F + "triplet_margin_loss": [
        *reductions(X, Y, A(3, 4, seed=2)),
        (X, Y, A(3, 4, seed=2), 0.3, 1, 1e-3, True),
        (X, Y, A(4)),
        (X, Y, Y, -1.0),
    ],
    F + "triplet_margin_with_distance_loss": [*reductions(X, Y, A(3, 4, seed=2), swap=True), (X, Y, A(4))],
    F + "multi_margin_loss": [
        *reductions(LOGITS, CLASSES),
        (LOGITS, CLASSES, 2, 0.5, P(4)),
        (A(4), np.array(1)),
        (LOGITS, CLASSES[:2]),
        (LOGITS, CLASSES + 2),
        (LOGITS, CLASSES, 3),
    ],
    F + "multilabel_margin_loss": [
        *reductions(LOGITS, LABELS),
        (A(4), LABELS[0]),
        (LOGITS, CLASSES),
        (LOGITS, LABELS + 1),
    ],
    F + "multilabel_soft_margin_loss": [
        *reductions(X, (SIGNS > 0).astype("float32")),
        (X, (SIGNS > 0).astype("float32"), P(4)),
    ],
    F + "soft_margin_loss": [*reductions(X, SIGNS), (I(3, 4), SIGNS)],
    F + "poisson_nll_loss": [
        *reductions(X, P(3, 4, high=4.0), full=True),
        (P(3, 4), P(3, 4), False),
        (X, Y, {"reduction": "x"}),
    ],
    F + "gaussian_nll_loss": [
        *reductions(X, Y, P(3, 4)),
        (X, Y, P(3), True),
        (X, Y, P(3, 1)),
        (X, Y, 0.5),
        (X, Y, X),
        (X, Y, P(5)),
    ],
    F + "ctc_loss": [
        *reductions(LOGS, np.array([[1, 2], [3, 3], [4, 0]]), np.array([6, 5, 4]), np.array([2, 2, 1])),
        (LOGS, np.array([1, 2, 3, 3, 4]), np.array([6, 5, 4]), np.array([2, 2, 1])),
        (LOGS[:, 0], np.array([1, 2]), np.array(6), np.array(2)),
        (LOGS[:2], np.array([[1, 1], [3, 2], [4, 1]]), np.array([2, 2, 2]), np.array([2, 2, 1]), 0, "sum", True),
        (LOGS, np.array([[1, 2], [3, 3], [4, 0]]), np.array([9, 5, 4]), np.array([2, 2, 1])),
        (LOGS, np.array([[1, 2], [3, 3], [4, 0]]), np.array([6, 5, 4]), np.array([2, 3, 1])),
        (LOGS, np.array([[1, 2], [3, 3], [4, 0]]), np.array([6, 5]), np.array([2, 3, 1])),
        (LOGS, np.array([[1, 2], [3, 3], [4, 0]]), np.array([6, 5, 4]), np.array([2, 2, 1]), 7),
    ],
    F + "cross_entropy": [
        (LOGITS, P(5, 4).astype("float64"), P(4), {"label_smoothing": 0.1}),
        (A(2, 4, 2, 2), P(2, 4, 2, 2), P(4)),
        (X, X, P(3)),
        (I(5, 4), CLASSES),
        (X, I(3, 4)),
        (LOGITS, CLASSES, {"label_smoothing": 2.0}),
        (LOGITS, CLASSES, {"reduction": "x"}),
        *reductions(LOGITS, CLASSES),
        *reductions(LOGITS, CLASSES, label_smoothing=0.1, weight=P(4)),
    ],
    F + "nll_loss": [
        (A(2, 4, 3), I(2, 3) % 4, P(4)),
        (A(2, 4, 2, 3), I(2, 2, 3) % 4, {"ignore_index": 1}),
        (A(4), np.array(1)),
        *[(LOGITS, CLASSES, w) for w in (P(3), P(4).astype("float64"), P(4, 1))],
        (A(2, 4, 3), I(2, 3) % 4, P(3)),
        (A(4), np.array([1, 2])),
        (A(2, 3, 2, 2), np.zeros((2, 2), "int64")),
        (I(5, 4), CLASSES),
        (LOGITS, CLASSES + 1),
        (A(2, 3, 2, 2), np.zeros((2, 2, 3), "int64")),
        (LOGITS, CLASSES.astype("int32")),
        (A(2, 3, 2), np.zeros((2, 3), "int64")),
    ],
    F + "mse_loss": [
        *reductions(EDGE, X),
        (X, Y, {"weight": P(3, 4)}),
        (X, Y, {"weight": P(4)}),
        (I(3, 4), I(3, 4)),
        (X, A(4)),
    ],
    F + "l1_loss": [*reductions(EDGE, X), (X, Y, {"weight": P(3, 4)}), (I(3, 4), I(3, 4)), (X, Y.astype("float64"))],
    F + "smooth_l1_loss": [
        *reductions(X, Y, beta=0.7),
        (INFINITE, X),
        (X, X, {"beta": 0.0}),
        (X, Y, {"beta": -1.0}),
        (I(3), I(3)),
    ],
    F + "huber_loss": [
        *reductions(X, Y, delta=0.7),
        *reductions(X, Y, weight=P(3, 4)),
        (INFINITE, X),
        (I(3), I(3)),
        (X, Y, {"delta": 0.0}),
    ],
    F + "binary_cross_entropy": [
        *reductions(P(3, 4, high=0.9), P(3, 4, seed=1, high=0.9)),
        (np.float32([0, 1, 0.5]), np.float32([0, 1, 1])),
        *[(P(3, 4, high=0.9), P(3, 4, high=0.9), {"weight": w}) for w in (P(4), P(3), P(2, 3, 4))],
        (P(3, high=0.9), 3 * P(3)),
        (X, P(3, 4, high=0.9)),
        (P(3, 4, high=0.9), P(4, high=0.9)),
        (I(3), I(3)),
        (np.float32([0.5, np.nan]), np.float32([1, 0])),
    ],
    F + "binary_cross_entropy_with_logits": [
        *reductions(EDGE, P(3, 4, high=0.9)),
        (X, P(3, 4, high=0.9), P(4), {"pos_weight": P(4)}),
        (X, P(3, 4).astype("float64")),
        (X, I(3, 4)),
        (I(3, 4), X),
        (X, A(4)),
    ],
    F + "kl_div": [
        *[
            (X, P(3, 4), {"reduction": r, "log_target": log})
            for r in ("mean", "sum", "none", "batchmean")
            for log in (False, True)
        ],
        (INFINITE, P(3, 4)),
        (X, A(5)),
        (X, I(3, 4)),
        (X, Y, {"reduction": "x"}),
    ],
}
