"""What PyTorch's gradient graph has where jtorch has one node: a table, read by `jtorch.core.tensor.graph_view`.

    op: {node's name: "Name(inputs...)"}

`Name(...)` is a node (`Backward0` is understood), an input is written as the op's parameter (the n-th of a list as
`tensors0`), `-` is a place that wants no gradient, `Name#1` a node's second output. `name:nm` holds for inputs of n and m
dimensions, N for three or more; `name[const=value]` where a constant of the op has this value; `name#1` is what stands
behind the second output. A `*` after an argument repeats it for each time of a sequence.
"""

from __future__ import annotations

_SOFT = "LogSoftmax(input)"
_KL = "Sub(Xlogy(target, target), Mul(target, input))"


def _reduced(inner):
    """The structures of a loss that is averaged, added up or left as it is."""
    own = inner.partition("(")[0]
    own = own if own[-1].isdigit() else own + "Backward0"
    return {"MeanBackward0": f"Mean({inner})", "SumBackward0": f"Sum({inner})", own: inner}


_COSINE = (
    "Div(SumBackward1(Mul(input1, input2)), Sqrt(Mul(AddBackward1(SumBackward1(Mul(input1, input1))),"
    " AddBackward1(SumBackward1(Mul(input2, input2))))))"
)
_GATES = "input, h, w_ih, w_hh, b_ih, b_hh"
_BY_INPUT, _BY_STATE = "Addmm(b_ih, input, T(w_ih))", "Addmm(b_hh, h, T(w_hh))"
_PLAIN_INPUT, _PLAIN_STATE = "Mm(input, T(w_ih))", "Mm(h, T(w_hh))"

_SORTED = "Gather(View(Sort(Transpose(Unsqueeze(input)))))"
_QUANTILE = f"SqueezeBackward4(LerpBackward1({_SORTED}, {_SORTED}, -))"
_FLAT = "Gather(View(Sort(View(input))))"
_FLAT_QUANTILE = f"SqueezeBackward4(LerpBackward1({_FLAT}, {_FLAT}, -))"
_GAUSSIAN = "Mul(Add(Log(ClampMin(var)), Div(Pow(Sub(input, target)), var)), -)"
_POISSON, _RATES = "Sub(Exp(input), Mul(target, input))", "Sub(input, Mul(target, Log(AddBackward1(input))))"
_STIRLING = "MaskedFill(Add(Sub(Mul(target, Log(target)), target), MulBackward1(Log(MulBackward1(target)))))"


def _memory(gate):
    """The c of an LSTM."""
    return f"Add(Mul(Sigmoid({gate}), c), Mul(Sigmoid({gate}), Tanh({gate})))"


def _gated(by_input, by_state):
    """The h of a GRU."""
    z, n = f"Sigmoid(Add({by_input}, {by_state}))", f"Tanh(Add({by_input}, Mul({by_state}, Sigmoid({by_input}))))"
    return f"Add(Mul(Sub(h, {n}), {z}), {n})"


_CELLS = {
    "2" * n + "1" * biases: (by_input, by_state)
    for n in (3, 4, 5)
    for biases, by_input, by_state in ((2, _BY_INPUT, _BY_STATE), (0, _PLAIN_INPUT, _PLAIN_STATE))
}
_RECURRENT = {
    "_lstm_layer": {
        "MkldnnRnnLayerBackward0": "MkldnnRnnLayer(input, w_ih, w_hh, b_ih, b_hh, h, c)",
        "StackBackward0": f"Stack(Mm(Mul(Sigmoid({_GATES}), Tanh({_memory(_GATES)})), T(w_hr))*)",
        "StackBackward0#1": f"Mm(Mul(Sigmoid({_GATES}), Tanh({_memory(_GATES)})), T(w_hr))",
        "StackBackward0#2": _memory(_GATES),
    },
    "_gru_layer": {
        "StackBackward0": f"Stack({_gated(_GATES, _GATES)}*)",
        "StackBackward0#1": _gated(_GATES, _GATES),
    },
    "_rnn_layer": {
        f"StackBackward0{output}[act={act}]": text
        for act in ("tanh", "relu")
        for inner in [f"{act.capitalize()}(Add({_BY_STATE}, Unbind({_BY_INPUT})))"]
        for output, text in (("", f"Stack({inner}*)"), ("#1", inner))
    },
    "_lstm_memory": {
        f"AddBackward0{output}:{dims}": text
        for dims, (a, b) in _CELLS.items()
        for output, text in (
            ("", _memory(f"UnsafeSplit(Add({a}, {b}))")),
            ("#1", f"Sigmoid(UnsafeSplit(Add({a}, {b})))"),
        )
    },
    "_gru_cell": {
        f"AddBackward0:{dims}": _gated(f"UnsafeSplit({a})", f"UnsafeSplit({b})") for dims, (a, b) in _CELLS.items()
    },
    "_rnn_cell": {
        f"{name}Backward0:{dims}": f"{name}(Add({b}, {a}))"
        for name in ("Tanh", "Relu")
        for dims, (a, b) in _CELLS.items()
    },
}

STRUCTURES: dict[str, dict[str, str]] = _RECURRENT | {
    "linear": {
        "AddmmBackward0": "Addmm(bias, input, T(weight))",
        "MmBackward0": "Mm(input, T(weight))",
        "UnsafeViewBackward0": "UnsafeView(Mm(View(input), T(weight)))",
        "ViewBackward0": "View(Addmm(bias, View(input), T(weight)))",
        "SqueezeBackward4": "SqueezeBackward4(Mm(Unsqueeze(input), T(weight)))",
    },
    "matmul": {
        "UnsafeViewBackward0:NN": "UnsafeView(Bmm(View(Expand(input)), View(Expand(other))))",
        "UnsafeViewBackward0:N2": "UnsafeView(Mm(View(input), other))",
        "UnsafeViewBackward0:N1": "UnsafeView(Mv(View(input), other))",
        "UnsafeViewBackward0:1N": "UnsafeView(Mv(UnsafeView(Clone(Transpose(other))), input))",
        "CloneBackward0:2N": "Clone(Transpose(UnsafeView(Mm(UnsafeView(Clone(Transpose(other))), T(input)))))",
        "SqueezeBackward4": "SqueezeBackward4(Mm(Unsqueeze(input), other))",
    },
    "outer": {"MulBackward0": "Mul(View(input), vec2)"},
    "inner": {
        "ViewBackward0:11": "View(Dot(Permute(input), Permute(other)))",
        "ViewBackward0": "View(Mm(View(Permute(input)), ReshapeAlias(Permute(other))))",
    },
    "kron": {"UnsafeViewBackward0": "UnsafeView(Mul(UnsafeView(input), UnsafeView(other)))"},
    "tensordot": {"ViewBackward0": "View(Mm(View(Permute(a)), View(Permute(b))))"},
    "einsum": {
        "ViewBackward0": "View(Permute(View(Bmm(View(Permute(Permute(operands0))), View(Permute(Permute(operands1)))))))",
        "MulBackward0": "Mul(Permute(operands0), Permute(operands1))",
    },
    "multi_dot": {
        "ViewBackward0:22": "View(Mm(tensors0, tensors1))",
        "ViewBackward0:222": "View(Mm(Mm(tensors0, tensors1), tensors2))",
    },
    "matrix_power": {
        "MmBackward0": "Mm(Mm(A, A), A)",
        "MmBackward0[n=2]": "Mm(A, A)",
        "MmBackward0[n=4]": "Mm(Mm(A, A), Mm(A, A))",
    },
    "quantile": {"SqueezeBackward4": _QUANTILE, "SqueezeBackward4[dim=None]": _FLAT_QUANTILE},
    "nanquantile": {"SqueezeBackward4": _QUANTILE, "SqueezeBackward4[dim=None]": _FLAT_QUANTILE},
    "logdet": {"WhereBackward0": "Where(-, LinalgSlogdet#1(input))"},
    "linalg_matrix_norm": {
        "SumBackward1": "SumBackward1(LinalgSvd#1(Permute(A)))",
        "AmaxBackward0": "Amax(LinalgVectorNorm(A))",
        "AminBackward0": "Amin(LinalgVectorNorm(A))",
        "AmaxBackward0[ord=2]": "Amax(LinalgSvd#1(Permute(A)))",
        "AminBackward0[ord=-2]": "Amin(LinalgSvd#1(Permute(A)))",
    },
    "linalg_cond": {"SqueezeBackward1": "SqueezeBackward1(Div(Slice(LinalgSvd#1(A)), Slice(LinalgSvd#1(A))))"},
    "vander": {"CatBackward0": "Cat(-, Cumprod(Expand(Unsqueeze(x))))"},
    "vecdot": {"SumBackward1": "SumBackward1(Mul(x, y))"},
    "ndtr": {"MulBackward1": "MulBackward1(AddBackward1(Erf(MulBackward1(input))))"},
    **{name: {"SqueezeBackward1": "SqueezeBackward1(Convolution(Unsqueeze(input), weight, bias))"}
       for name in ("conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d")},
    "trapezoid": {
        "MulBackward1": "MulBackward1(Sub(SumBackward1(y), MulBackward1(Add(Select(y), Select(y)))))",
        "DivBackward1": "DivBackward1(SumBackward1(Mul(Add(Slice(y), Slice(y)), Sub(Slice(x), Slice(x)))))",
    },
    "cumulative_trapezoid": {"CumsumBackward0": "Cumsum(MulBackward1(Add(Slice(y), Slice(y))))"},
    "diff": {"SubBackward0": "Sub(Slice(input), Slice(input))"},
    "cov": {
        "SqueezeBackward0": "Squeeze(Div(Mm(Sub(input, Unsqueeze(Div(SumBackward1(input), -))),"
        " T(Sub(input, Unsqueeze(Div(SumBackward1(input), -))))), -))"
    },
    "corrcoef": {"ClampBackward1": "ClampBackward1(Div(Div(Squeeze(Div(Mm(input, T(input)), -)), View(Sqrt(input))),"
                                   " View(Sqrt(input))))"},
    "softsign": {"DivBackward0": "Div(input, Add(Abs(input), -))"},
    "tanhshrink": {"SubBackward0": "Sub(input, Tanh(input))"},
    "prelu": {"PreluKernelBackward0": "PreluKernel(input, View(weight))"},
    "_masked_scale": {"MulBackward0": "Mul(input, -)"},
    "bilinear": {
        "AddBackward0": "Add(View(Trilinear(View(input1), weight, View(input2))), bias)",
        "ViewBackward0": "View(Trilinear(View(input1), weight, View(input2)))",
    },
    "_l1_loss": _reduced("Abs(Sub(input, target))"),
    "_kl_div": _reduced(_KL)
    | {"DivBackward0": f"Div(Sum({_KL}), -)"}
    | {f"{k}[log_target=True]": v for k, v in _reduced("Mul(Exp(target), Sub(target, input))").items()},
    "_gaussian_nll_loss": _reduced(_GAUSSIAN)
    | {f"{k}[full=True]": v for k, v in _reduced(f"Add({_GAUSSIAN}, -)").items()},
    "_hinge_embedding_loss": _reduced("Add(Where(ClampMin(Sub(-, input)), -), Where(input, -))"),
    "_margin_ranking_loss": _reduced("ClampMin(AddBackward1(Mul(-, Sub(input1, input2))))"),
    "_multilabel_soft_margin_loss": _reduced(
        "Div(SumBackward1(Neg(Add(Mul(-, LogSigmoid(input)), Mul(-, LogSigmoid(Neg(input)))))), -)"
    ),
    "_poisson_nll_loss": _reduced(_POISSON)
    | {f"{k}[log_input=False]": v for k, v in _reduced(_RATES).items()}
    | {f"{k}[full=True]": v for k, v in _reduced(f"Add({_POISSON}, {_STIRLING})").items()}
    | {f"{k}[full=True][log_input=False]": v for k, v in _reduced(f"Add({_RATES}, {_STIRLING})").items()},
    "_cosine_embedding_loss": _reduced(f"Add(Where(Sub(-, {_COSINE}), -), Where(ClampMin(SubBackward1({_COSINE})), -))"),
    "_triplet_margin_loss": _reduced(
        "ClampMin(Sub(AddBackward1(NormBackward1(AddBackward1(Sub(anchor, positive)))),"
        " NormBackward1(AddBackward1(Sub(anchor, negative)))))"
    ),
    "_ctc_loss": _reduced("CtcLoss(log_probs)") | {"MeanBackward0": "Mean(Div(CtcLoss(log_probs), -))"},
    "_multi_margin_loss": {"MultiMarginLossBackward0": "MultiMarginLoss(input)"},
    "cosine_similarity": {
        "SumBackward1": "SumBackward1(Mul(Div(x1, Clone(LinalgVectorNorm(x1))), Div(x2, Clone(LinalgVectorNorm(x2)))))"
    },
    "pairwise_distance": {"NormBackward1": "NormBackward1(AddBackward1(Sub(x1, x2)))"},
    "_embedding_bag": {"EmbeddingBagBackward0": "EmbeddingBag(weight, scales)"},
    "_attention": {
        "ScaledDotProductFlashAttentionForCpuBackward0": "ScaledDotProductFlashAttentionForCpu(query, key, value)",
        "UnsafeViewBackward0": "UnsafeView(Bmm(View(Expand(SafeSoftmax(UnsafeView(Bmm(View(Expand(MulBackward1(query))),"
        " ReshapeAlias(Expand(MulBackward1(Transpose(key))))))))), View(Expand(value))))",
    },
    "_nll_loss": {
        "NllLossBackward0": "NllLoss(input)",
        "NllLoss2DBackward0": "NllLoss2D(input)",
        "NllLoss2DBackward0:N2": "NllLoss2D(View(input))",
    },
    "_cross_entropy": {
        "NllLossBackward0": f"NllLoss({_SOFT})",
        "NllLoss2DBackward0": f"NllLoss2D({_SOFT})",
        "NllLoss2DBackward0:N2": f"NllLoss2D(View({_SOFT}))",
        "AddBackward0": f"Add(MulBackward1(NllLoss({_SOFT})),"
        f" MulBackward1(Div(Sum(MaskedFill(Neg(SumBackward1({_SOFT})))), -)))",
    },
    "_soft_cross_entropy": {
        "DivBackward1": f"DivBackward1(Neg(Sum(Mul({_SOFT}, target))))",
        "NegBackward0": f"Neg(SumBackward1(Mul({_SOFT}, target)))",
        "NegBackward0[reduction=sum]": f"Neg(Sum(Mul({_SOFT}, target)))",
    },
    "_sparse_addmm": {"MmBackward0": "Mm(mat1, mat2)", "MvBackward0": "Mv(mat1, mat2)"},
    "_edge_pad": {"CopySlices": "CopySlices(CopySlices(-, Slice(Slice(input))), Slice(input))"},
}  # fmt: skip

# Inputs that PyTorch never differentiates by: they take no place.
SLOTLESS = {"index", "indices", "condition", "mask", "lengths", "boundaries", "running_mean", "running_var", "drawn",
            "noise"}  # fmt: skip
# Python numbers take the place of the tensor that could stand there.
NUMBERED = {"add", "sub", "mul", "div", "true_divide", "where"}
# Inputs of single ops that take no place.
NEVER = {
    ("_binary_cross_entropy", "weight"), ("_bce_with_logits", "weight"), ("_bce_with_logits", "pos_weight"),
    ("_soft_margin_loss", "target"), ("_multilabel_margin_loss", "target"), ("_fractional", "samples"),
    ("linalg_lu_solve", "pivots"), ("masked_select", "at"),
}  # fmt: skip
# Composite results that are views of something PyTorch computed on the way.
VIEWS = {"ViewBackward0", "SqueezeBackward0", "SqueezeBackward1", "PermuteBackward0", "TransposeBackward0"}
