"""What PyTorch's gradient graph has where jtorch has one node: a table, read by `jtorch.graph_view`.

    op: {node's name: "Name(inputs...)"}

`Name(...)` is a node (`Backward0` is understood), an input is written as the op's parameter (the n-th of a list as
`tensors0`), `-` is a place that wants no gradient. `name:nm` holds for inputs of n and m dimensions, N for three or more.
"""

from __future__ import annotations

_SOFT = "LogSoftmax(input)"
_KL = "Sub(Xlogy(target, target), Mul(target, input))"



def _reduced(inner):
    """The structures of a loss that is averaged, added up or left as it is."""
    own = inner.partition("(")[0]
    own = own if own[-1].isdigit() else own + "Backward0"
    return {"MeanBackward0": f"Mean({inner})", "SumBackward0": f"Sum({inner})", own: inner}


_COSINE = "Div(SumBackward1(Mul(input1, input2)), Sqrt(Mul(AddBackward1(SumBackward1(Mul(input1, input1))),"\
          " AddBackward1(SumBackward1(Mul(input2, input2))))))"  # fmt: skip

STRUCTURES: dict[str, dict[str, str]] = {
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
    "matrix_power": {"MmBackward0": "Mm(Mm(A, A), A)"},
    "quantile": {
        "SqueezeBackward4": "SqueezeBackward4(LerpBackward1(Gather(View(Sort(View(input)))), Gather(View(Sort(View(input)))), -))"
    },
    "logdet": {"WhereBackward0": "Where(-, LinalgSlogdet(input))"},
    "linalg_matrix_norm": {"SumBackward1": "SumBackward1(LinalgSvd(Permute(A)))"},
    "trapezoid": {"MulBackward1": "MulBackward1(Sub(SumBackward1(y), MulBackward1(Add(Select(y), Select(y)))))"},
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
    "bilinear": {"AddBackward0": "Add(View(Trilinear(View(input1), weight, View(input2))), bias)"},
    "_l1_loss": _reduced("Abs(Sub(input, target))"),
    "_kl_div": _reduced(_KL) | {"DivBackward0": f"Div(Sum({_KL}), -)"},
    "_gaussian_nll_loss": _reduced("Mul(Add(Log(ClampMin(var)), Div(Pow(Sub(input, target)), var)), -)"),
    "_hinge_embedding_loss": _reduced("Add(Where(ClampMin(Sub(-, input)), -), Where(input, -))"),
    "_margin_ranking_loss": _reduced("ClampMin(AddBackward1(Mul(-, Sub(input1, input2))))"),
    "_multilabel_soft_margin_loss": _reduced(
        "Div(SumBackward1(Neg(Add(Mul(-, LogSigmoid(input)), Mul(-, LogSigmoid(Neg(input)))))), -)"
    ),
    "_poisson_nll_loss": _reduced("Sub(Exp(input), Mul(target, input))"),
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
    "_nll_loss": {"NllLossBackward0": "NllLoss(input)", "NllLoss2DBackward0": "NllLoss2D(input)"},
    "_cross_entropy": {
        "NllLossBackward0": f"NllLoss({_SOFT})",
        "NllLoss2DBackward0": f"NllLoss2D({_SOFT})",
        "AddBackward0": f"Add(MulBackward1(NllLoss({_SOFT})),"
        f" MulBackward1(Div(Sum(MaskedFill(Neg(SumBackward1({_SOFT})))), -)))",
    },
    "_soft_cross_entropy": {"DivBackward1": f"DivBackward1(Neg(Sum(Mul({_SOFT}, target))))"},
    "_edge_pad": {"CopySlices": "CopySlices(CopySlices(-, Slice(Slice(input))), Slice(input))"},
}  # fmt: skip

# Inputs that PyTorch never differentiates by: they take no place.
SLOTLESS = {"index", "indices", "condition", "mask", "lengths", "boundaries", "running_mean", "running_var", "drawn",
            "noise"}  # fmt: skip
# Python numbers take the place of the tensor that could stand there.
NUMBERED = {"add", "sub", "mul", "div", "true_divide", "where"}
# Inputs that may be left out and then take no place.
OPTIONAL = {("_binary_cross_entropy", "weight"), ("_bce_with_logits", "weight"), ("_bce_with_logits", "pos_weight")}
# Composite results that are views of something PyTorch computed on the way.
VIEWS = {"ViewBackward0", "SqueezeBackward0", "SqueezeBackward1", "PermuteBackward0", "TransposeBackward0"}
