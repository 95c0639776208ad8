"""Losses as modules: each calls the function of `torch.nn.functional` with the settings given to its constructor.

A new loss is an op in `jtorch/core/ops/losses`, a class here and its name in `__all__`. Losses with a margin are in
loss_margin.py.
"""

from __future__ import annotations

import math
import warnings

from jtorch.core.ops.losses import basic, likelihood, probabilities
from jtorch.core.ops.losses.fused import linear_cross_entropy
from jtorch.nn.modules.linear import Linear
from jtorch.nn.modules.loss_base import _Loss, _WeightedLoss
from jtorch.nn.modules.loss_margin import (
    CosineEmbeddingLoss,
    HingeEmbeddingLoss,
    MarginRankingLoss,
    MultiLabelMarginLoss,
    MultiLabelSoftMarginLoss,
    MultiMarginLoss,
    SoftMarginLoss,
    TripletMarginLoss,
    TripletMarginWithDistanceLoss,
)

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CTCLoss",
    "CosineEmbeddingLoss",
    "CrossEntropyLoss",
    "GaussianNLLLoss",
    "HingeEmbeddingLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "LinearCrossEntropyLoss",
    "MSELoss",
    "MarginRankingLoss",
    "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss",
    "MultiMarginLoss",
    "NLLLoss",
    "NLLLoss2d",
    "PoissonNLLLoss",
    "SmoothL1Loss",
    "SoftMarginLoss",
    "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
]


class L1Loss(_Loss):
    """|input - target|, reduced. See :func:`l1_loss`.

    Args:
        size_average, reduce: deprecated, use reduction.
        reduction: "mean", "sum", or "none": one loss for each element.

    Shape:
        input and target of the same shape → (), or that shape with reduction="none"

    >>> torch.nn.L1Loss()(torch.tensor([1., -2.]), torch.zeros(2))
    tensor(1.5000)
    """

    __constants__ = ["reduction"]

    def forward(self, input, target):
        return basic.l1_loss(input, target, reduction=self.reduction)


class MSELoss(_Loss):
    """(input - target)², reduced. See :func:`mse_loss`.

    Args:
        size_average, reduce: deprecated, use reduction.
        reduction: "mean", "sum", or "none": one loss for each element.

    Shape:
        input and target of the same shape → (), or that shape with reduction="none"

    >>> torch.nn.MSELoss()(torch.tensor([1., 2.]), torch.zeros(2))
    tensor(2.5000)
    """

    __constants__ = ["reduction"]

    def forward(self, input, target):
        return basic.mse_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(_Loss):
    """d² / (2 beta) where |d| < beta, else |d| - beta / 2, with d = input - target, reduced. See :func:`smooth_l1_loss`.

    Args:
        size_average, reduce: deprecated, use reduction.
        reduction: "mean", "sum", or "none": one loss for each element.
        beta: where the square ends; 0 gives `L1Loss`.

    Shape:
        input and target of the same shape → (), or that shape with reduction="none"

    >>> torch.nn.SmoothL1Loss(reduction="none")(torch.tensor([0.5, 3.]), torch.zeros(2))
    tensor([0.1250, 2.5000])
    """

    __constants__ = ["reduction"]

    def __init__(self, size_average=None, reduce=None, reduction="mean", beta=1.0):
        super().__init__(size_average, reduce, reduction)
        self.beta = beta

    def forward(self, input, target):
        return basic.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(_Loss):
    """d² / 2 where |d| <= delta, else delta * (|d| - delta / 2), with d = input - target, reduced. See :func:`huber_loss`.

    Args:
        reduction: "mean", "sum", or "none": one loss for each element.
        delta: where the square ends; positive.

    Shape:
        input and target of the same shape → (), or that shape with reduction="none"

    >>> torch.nn.HuberLoss(reduction="none")(torch.tensor([0.5, 3.]), torch.zeros(2))
    tensor([0.1250, 2.5000])
    """

    __constants__ = ["reduction", "delta"]

    def __init__(self, reduction="mean", delta=1.0):
        if not isinstance(delta, float | int):
            raise TypeError(f"delta must be a float or int, got: {type(delta)}")
        super().__init__(reduction=reduction)
        self.delta = delta

    def forward(self, input, target):
        return basic.huber_loss(input, target, reduction=self.reduction, delta=self.delta)


class NLLLoss(_WeightedLoss):
    """-input[n, target[n]], reduced, for log-probabilities. See :func:`nll_loss`.

    Args:
        weight: one weight for each class, (C); the mean divides by the sum of the targets' weights.
        ignore_index: targets equal to this number are ignored.
        size_average, reduce: deprecated, use reduction.
        reduction: "mean", "sum", or "none": one loss for each sample.

    Shape:
        input (N, C) or (N, C, d1, ...), target (N) or (N, d1, ...) of int64 → (), or the target's shape with
        reduction="none"; also without the N

    Raises:
        IndexError: a class number out of range.

    >>> torch.nn.NLLLoss()(torch.log(torch.tensor([[0.25, 0.75]])), torch.tensor([0]))
    tensor(1.3863)
    """

    __constants__ = ["ignore_index", "reduction"]

    def __init__(self, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean"):
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index

    def forward(self, input, target):
        return basic.nll_loss(
            input, target, weight=self.weight, ignore_index=self.ignore_index, reduction=self.reduction
        )


class NLLLoss2d(NLLLoss):
    """`NLLLoss` under its old name. It warns.

    Args:
        weight, size_average, ignore_index, reduce, reduction: as for `NLLLoss`.

    >>> import warnings
    >>> with warnings.catch_warnings(action="ignore"):
    ...     loss = torch.nn.NLLLoss2d()
    >>> loss(torch.zeros(1, 2, 1, 1), torch.tensor([[[0]]]))
    tensor(0.)
    """

    def __init__(self, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean"):
        warnings.warn(
            "`NLLLoss2d` has been deprecated. Please use `NLLLoss` instead as a drop-in replacement and see"
            " https://pytorch.org/docs/main/nn.html#torch.nn.NLLLoss for more details.",
            FutureWarning,
            stacklevel=2,
        )
        super().__init__(weight, size_average, ignore_index, reduce, reduction)


class CrossEntropyLoss(_WeightedLoss):
    """-log(softmax(input)) at the target, reduced. See :func:`cross_entropy`.

    Args:
        weight: one weight for each class, (C); with class numbers, the mean divides by the sum of the targets' weights.
        ignore_index: class numbers equal to this are ignored.
        size_average, reduce: deprecated, use reduction.
        reduction: "mean", "sum", or "none": one loss for each sample.
        label_smoothing: share of the target that is spread evenly over all classes, in [0, 1].

    Shape:
        input (N, C) or (N, C, d1, ...), target (N) or (N, d1, ...) of int64 with class numbers, or the input's shape
        with class probabilities → (), or the input's shape without C with reduction="none"; also without the N

    Raises:
        IndexError: a class number out of range.

    >>> torch.nn.CrossEntropyLoss()(torch.zeros(2, 4), torch.tensor([0, 3]))
    tensor(1.3863)
    """

    __constants__ = ["ignore_index", "reduction", "label_smoothing"]

    def __init__(
        self, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean", label_smoothing=0.0
    ):
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input, target):
        return basic.cross_entropy(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class BCELoss(_WeightedLoss):
    """-(y log(x) + (1 - y) log(1 - x)), reduced: the loss of probabilities of two classes. See :func:`binary_cross_entropy`.

    Args:
        weight: a factor for each element, which broadcasts to the target's shape.
        size_average, reduce: deprecated, use reduction.
        reduction: "mean", "sum", or "none": one loss for each element.

    Shape:
        input and target of the same shape → (), or that shape with reduction="none"

    Raises:
        ValueError: target has another size.
        RuntimeError: an input outside [0, 1].

    >>> torch.nn.BCELoss()(torch.tensor([0.5]), torch.tensor([1.]))
    tensor(0.6931)
    """

    __constants__ = ["reduction"]

    def forward(self, input, target):
        return probabilities.binary_cross_entropy(input, target, weight=self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(_Loss):
    """`BCELoss` of sigmoid(input), without overflow. See :func:`binary_cross_entropy_with_logits`.

    Args:
        weight: a factor for each element, which broadcasts to the target's shape.
        size_average, reduce: deprecated, use reduction.
        reduction: "mean", "sum", or "none": one loss for each element.
        pos_weight: a factor for the loss of positive targets, which broadcasts to the target's shape.

    Shape:
        input and target of the same shape → (), or that shape with reduction="none"

    Raises:
        ValueError: target has another size.

    >>> torch.nn.BCEWithLogitsLoss()(torch.zeros(3), torch.ones(3))
    tensor(0.6931)
    """

    def __init__(self, weight=None, size_average=None, reduce=None, reduction="mean", pos_weight=None):
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input, target):
        return probabilities.binary_cross_entropy_with_logits(
            input, target, self.weight, pos_weight=self.pos_weight, reduction=self.reduction
        )


class KLDivLoss(_Loss):
    """target * (log(target) - input), reduced: the divergence of log-probabilities from a target. See :func:`kl_div`.

    Args:
        size_average, reduce: deprecated, use reduction.
        reduction: "batchmean" divides the sum by the batch size, as the definition does; "mean" divides it by the
            number of elements; "sum"; "none".
        log_target: whether the target holds log-probabilities.

    Shape:
        input and target of the same shape → (), or that shape with reduction="none"

    >>> loss = torch.nn.KLDivLoss(reduction="batchmean")
    >>> loss(torch.log(torch.tensor([[0.5, 0.5]])), torch.tensor([[1., 0.]]))
    tensor(0.6931)
    """

    __constants__ = ["reduction"]

    def __init__(self, size_average=None, reduce=None, reduction="mean", log_target=False):
        super().__init__(size_average, reduce, reduction)
        self.log_target = log_target

    def forward(self, input, target):
        return probabilities.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)


class PoissonNLLLoss(_Loss):
    """exp(input) - target * input, reduced: minus the log-likelihood of counts. See :func:`poisson_nll_loss`.

    Args:
        log_input: whether the input is the log of the rate. False: the loss is input - target * log(input + eps).
        full: add Stirling's approximation of log(target!).
        size_average, reduce: deprecated, use reduction.
        eps: keeps the logarithm finite with log_input=False.
        reduction: "mean", "sum", or "none": one loss for each element.

    Shape:
        input and target of the same shape → (), or that shape with reduction="none"

    >>> torch.nn.PoissonNLLLoss()(torch.tensor([0.]), torch.tensor([2.]))
    tensor(1.)
    """

    __constants__ = ["log_input", "full", "eps", "reduction"]

    def __init__(self, log_input=True, full=False, size_average=None, eps=1e-8, reduce=None, reduction="mean"):
        super().__init__(size_average, reduce, reduction)
        self.log_input = log_input
        self.full = full
        self.eps = eps

    def forward(self, log_input, target):
        return likelihood.poisson_nll_loss(
            log_input, target, log_input=self.log_input, full=self.full, eps=self.eps, reduction=self.reduction
        )


class GaussianNLLLoss(_Loss):
    """(log(var) + (input - target)² / var) / 2, reduced: minus the log-likelihood. See :func:`gaussian_nll_loss`.

    Args:
        full: add log(2π) / 2.
        eps: smaller variances count as this.
        reduction: "mean", "sum", or "none": one loss for each element.

    Shape:
        input and target of the same shape, var of that shape or with a last dimension that is 1 or missing → (), or
        that shape with reduction="none"

    Raises:
        ValueError: a negative variance.

    >>> torch.nn.GaussianNLLLoss()(torch.tensor([1.]), torch.tensor([3.]), torch.tensor([1.]))
    tensor(2.)
    """

    __constants__ = ["full", "eps", "reduction"]

    def __init__(self, *, full=False, eps=1e-6, reduction="mean"):
        super().__init__(None, None, reduction)
        self.full = full
        self.eps = eps

    def forward(self, input, target, var):
        return likelihood.gaussian_nll_loss(input, target, var, self.full, self.eps, self.reduction)


class CTCLoss(_Loss):
    """Minus the log of the probability of all alignments of the targets with the input. See :func:`ctc_loss`.

    Args:
        blank: the class that stands for no label.
        reduction: "mean" divides each loss by its target's length first; "sum", or "none": one loss for each sample.
        zero_infinity: a sample that cannot be aligned counts as 0.

    Shape:
        log_probs (T, N, C), targets (N, S) or (sum of target_lengths), input_lengths (N), target_lengths (N) → (), or
        (N) with reduction="none"; also without the N

    >>> log_probs = torch.log_softmax(torch.zeros(5, 1, 3), 2)
    >>> torch.nn.CTCLoss()(log_probs, torch.tensor([[1, 2]]), torch.tensor([5]), torch.tensor([2]))
    tensor(0.9689)
    """

    __constants__ = ["blank", "reduction"]

    def __init__(self, blank=0, reduction="mean", zero_infinity=False):
        super().__init__(reduction=reduction)
        self.blank = blank
        self.zero_infinity = zero_infinity

    def forward(self, log_probs, targets, input_lengths, target_lengths):
        return likelihood.ctc_loss(
            log_probs, targets, input_lengths, target_lengths, self.blank, self.reduction, self.zero_infinity
        )


class LinearCrossEntropyLoss(_WeightedLoss):
    """A `Linear` and the cross entropy of its scores. See :func:`linear_cross_entropy`.

    Args:
        in_features: size of the last dimension of the input.
        num_classes: number of classes.
        out_features: the further dimensions of the target, where each place has its own layer.
        bias: whether the layer has one.
        device, dtype: of the layer; None: the defaults.
        reduction: "mean", "sum", or "none": one loss for each sample.
        weight: one weight for each class, (num_classes).
        ignore_index: class numbers equal to this are ignored; None: no number is.
        label_smoothing: share of the target that is spread evenly over all classes, in [0, 1].
        options: a `LinearCrossEntropyOptions`, accepted without effect.

    Shape:
        input (N, in_features), target (N, *out_features) of int64 → (), or the target's shape with reduction="none"

    Raises:
        RuntimeError: a weight of another shape, or label_smoothing outside [0, 1].

    >>> loss = torch.nn.LinearCrossEntropyLoss(8, 4)
    >>> loss(torch.zeros(2, 8), torch.tensor([0, 3])).detach()
    tensor(1.3863)
    """

    __constants__ = ["num_classes", "out_features", "reduction", "ignore_index", "label_smoothing"]

    def __init__(
        self,
        in_features,
        num_classes,
        *,
        out_features=(),
        bias=False,
        device=None,
        dtype=None,
        reduction="mean",
        weight=None,
        ignore_index=None,
        label_smoothing=0.0,
        options=None,
    ):
        if weight is not None and tuple(weight.shape) != (num_classes,):
            raise RuntimeError(f"expected weight shape to be {(num_classes,)}, got {tuple(weight.shape)}")
        if label_smoothing < 0 or label_smoothing > 1.0:
            raise RuntimeError(f"expected label_smoothing to be in range [0, 1], got {label_smoothing}")
        super().__init__(weight, None, None, reduction)
        self.num_classes = num_classes
        self.out_features = out_features
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing
        rows = math.prod(out_features, start=num_classes)
        self.linear = Linear(in_features, rows, bias=bias, device=device, dtype=dtype)
        self.options = options

    def reset_parameters(self):
        self.linear.reset_parameters()

    def forward(self, input, target):
        shape = (self.num_classes, *self.out_features)
        bias = self.linear.bias
        return linear_cross_entropy(
            input,
            self.linear.weight.view(*shape, self.linear.in_features),
            target,
            linear_bias=None if bias is None else bias.view(shape),
            weight=self.weight,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            options=self.options,
        )

    def extra_repr(self):
        return (
            f"in_features={self.linear.in_features}, num_classes={self.num_classes}, out_features={self.out_features},"
            f" bias={self.linear.bias is not None}, reduction={self.reduction}, ignore_index={self.ignore_index},"
            f" label_smoothing={self.label_smoothing}, options={self.options}"
        )
