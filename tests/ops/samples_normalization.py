"""Rows for normalisation. Running statistics are keywords: keywords require no grad."""

from tests.ops.samples import A, H, I, P

X, ROWS, SIGNAL = A(3, 4, 5, 2), A(6, 4), A(2, 4, 3)
FAR = A(64, 3) * 0.3 + 2  # a spread smaller than the mean
W, BIAS = A(4, seed=1), A(4, seed=2)
R = {"running_mean": A(4, seed=3), "running_var": P(4, seed=4)}
TRAIN = {"running_mean": None, "running_var": None, "training": True}


def parameters(weight=W, bias=BIAS):
    return {"weight": weight, "bias": bias}


SAMPLES = {
    "nn.functional.batch_norm": [
        (X, R),
        (X, R | parameters()),
        (X, TRAIN),
        (X, R | parameters() | {"training": True}),
        (X, None, None, W, BIAS, True),
        (ROWS, None, None, W, BIAS, True),
        (FAR, TRAIN),
        (ROWS, R | {"eps": 0.1}),
        (ROWS.astype("float64"), TRAIN),
        (H(6, 4), TRAIN),
        (H(6, 4), R | parameters()),
        (ROWS[:0], R | {"grad": False}),
        (X, TRAIN | {"training": False}),
        (X, R | {"running_var": None}),
        (X, R | {"running_var": None, "training": True}),
        (X, R | {"running_mean": A(3)}),
        (X, R | parameters(A(3))),
        (X, R | parameters(bias=A(3))),
        (ROWS[:1], TRAIN),
        (ROWS[0], R),
        (ROWS, R | {"eps": -1}),
        (I(6, 4), R),
        (ROWS.astype("float64"), R),
        (ROWS, R | parameters(W.astype("float64"), None)),
        (ROWS, A(4), P(4), W, BIAS, True),
    ],
    "nn.functional.layer_norm": [
        (A(3, 4, 5, 2, seed=7), (5, 2)),
        (X, (5, 2), A(5, 2), A(5, 2, seed=1)),
        (ROWS, [4], W),
        (ROWS, (4,), None, BIAS, 0.1),
        (H(6, 4), (4,)),
        (FAR, (3,), {"grad": False}),
        (H(6, 4), (4,), W, BIAS, {"grad": False}),  # PyTorch rounds the weight's gradient to half
        (ROWS[:0], (4,)),
        (ROWS, (3,)),
        (ROWS, ()),
        (ROWS, 4),
        (ROWS, (1, 6, 4)),
        (ROWS, (4,), A(3)),
        (ROWS, (4,), W, A(3)),
        (I(6, 4), (4,)),
        (ROWS, (4,), W.astype("float64")),
        (ROWS.astype("float64"), (4,), W),
    ],
    "nn.functional.group_norm": [
        (X, 2),
        (X, 4, W, BIAS),
        (ROWS, 1, W),
        (SIGNAL, 2, W, BIAS, 0.1),
        (H(2, 4, 3), 2),
        (X[:0], 2),
        (ROWS, 3),
        (ROWS, -2),
        (ROWS, 0),
        (ROWS, 2, A(3)),
        (ROWS, 2, W, A(3)),
        (ROWS[:1], 4),
        (ROWS[0], 2),
        (I(6, 4), 2),
    ],
    "nn.functional.instance_norm": [
        (X,),
        (X, None, None, W, BIAS),
        (X, R),
        (X, R | {"use_input_stats": False}),
        (SIGNAL, {"eps": 0.1}),
        (X, {"use_input_stats": False}),
        (ROWS,),
        (X, {"running_mean": A(3), "running_var": P(4)}),
        (I(2, 4, 3),),
    ],
    "nn.functional.rms_norm": [
        (ROWS, (4,)),
        (X, (5, 2), A(5, 2)),
        (ROWS, [4], W, 0.1),
        (ROWS.astype("float64"), (4,)),
        (ROWS, (3,)),
        (ROWS, ()),
        (ROWS, 4),
        (ROWS, (4,), A(3)),
        (I(6, 4), (4,)),
    ],
    "nn.functional.local_response_norm": [
        (X, 2),
        (SIGNAL, 3),
        (X, 3, 0.1, 0.5, 2.0),
        (X[:0], 2),
        (ROWS, 2),
        (SIGNAL, 0),
    ],
}
