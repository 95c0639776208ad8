"""Losses with a margin: they compare an input with a target of 1 and -1, or several inputs with each other.

Users import them from loss.py, as in PyTorch.
"""

from __future__ import annotations

from jtorch.core.ops.losses import margin
from jtorch.nn.modules.distance import PairwiseDistance
from jtorch.nn.modules.loss_base import _Loss, _WeightedLoss


class HingeEmbeddingLoss(_Loss):
    """x where the target is 1, max(0, margin - x) where it is -1, reduced. See :func:`hinge_embedding_loss`.

    Args:
        margin: distances of pairs with target -1 count below it.
        size_average, reduce: deprecated, use reduction.
        reduction: "mean", "sum", or "none": one loss for each element.

    Shape:
        input and target of the same shape → (), or that shape with reduction="none"

    >>> torch.nn.HingeEmbeddingLoss(reduction="none")(torch.tensor([0.3, 0.3]), torch.tensor([1., -1.]))
    tensor([0.3000, 0.7000])
    """

    __module__ = "jtorch.nn.modules.loss"  # where PyTorch has it: files name it
    __constants__ = ["margin", "reduction"]

    def __init__(self, margin=1.0, size_average=None, reduce=None, reduction="mean"):
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input, target):
        return margin.hinge_embedding_loss(input, target, margin=self.margin, reduction=self.reduction)


class MultiLabelMarginLoss(_Loss):
    """max(0, 1 - x[label] + x[other]), summed over all pairs and divided by C, reduced. See :func:`multilabel_margin_loss`.

    Args:
        size_average, reduce: deprecated, use reduction.
        reduction: "mean", "sum", or "none": one loss for each sample.

    Shape:
        input (N, C), target (N, C) of int64: the labels of each sample, followed by -1 → (), or (N) with
        reduction="none"; also without the N

    >>> torch.nn.MultiLabelMarginLoss()(torch.tensor([[0.1, 0.2, 0.4]]), torch.tensor([[2, -1, 0]]))
    tensor(0.5000)
    """

    __module__ = "jtorch.nn.modules.loss"  # where PyTorch has it: files name it
    __constants__ = ["reduction"]

    def forward(self, input, target):
        return margin.multilabel_margin_loss(input, target, reduction=self.reduction)


class SoftMarginLoss(_Loss):
    """log(1 + exp(-target * x)), reduced; targets are 1 and -1. See :func:`soft_margin_loss`.

    Args:
        size_average, reduce: deprecated, use reduction.
        reduction: "mean", "sum", or "none": one loss for each element.

    Shape:
        input and target of the same shape → (), or that shape with reduction="none"

    >>> torch.nn.SoftMarginLoss()(torch.tensor([0.]), torch.tensor([1.]))
    tensor(0.6931)
    """

    __module__ = "jtorch.nn.modules.loss"  # where PyTorch has it: files name it
    __constants__ = ["reduction"]

    def forward(self, input, target):
        return margin.soft_margin_loss(input, target, reduction=self.reduction)


class MultiLabelSoftMarginLoss(_WeightedLoss):
    """The mean over the classes of `BCEWithLogitsLoss`, reduced. See :func:`multilabel_soft_margin_loss`.

    Args:
        weight: one weight for each class, (C).
        size_average, reduce: deprecated, use reduction.
        reduction: "mean", "sum", or "none": one loss for each sample.

    Shape:
        input (N, C), target (N, C) of 0 and 1 → (), or (N) with reduction="none"

    >>> torch.nn.MultiLabelSoftMarginLoss()(torch.zeros(1, 3), torch.tensor([[1., 0., 1.]]))
    tensor(0.6931)
    """

    __module__ = "jtorch.nn.modules.loss"  # where PyTorch has it: files name it
    __constants__ = ["reduction"]

    def forward(self, input, target):
        return margin.multilabel_soft_margin_loss(input, target, weight=self.weight, reduction=self.reduction)


class CosineEmbeddingLoss(_Loss):
    """1 - cos(x1, x2) where the target is 1, max(0, cos - margin) where it is -1. See :func:`cosine_embedding_loss`.

    Args:
        margin: cosines of pairs with target -1 count above it.
        size_average, reduce: deprecated, use reduction.
        reduction: "mean", "sum", or "none": one loss for each sample.

    Shape:
        x1 (N, D), x2 (N, D), target (N) → (), or (N) with reduction="none"; also without the N

    >>> torch.nn.CosineEmbeddingLoss()(torch.tensor([[1., 0.]]), torch.tensor([[0., 1.]]), torch.tensor([1]))
    tensor(1.)
    """

    __module__ = "jtorch.nn.modules.loss"  # where PyTorch has it: files name it
    __constants__ = ["margin", "reduction"]

    def __init__(self, margin=0.0, size_average=None, reduce=None, reduction="mean"):
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1, input2, target):
        return margin.cosine_embedding_loss(input1, input2, target, margin=self.margin, reduction=self.reduction)


class MarginRankingLoss(_Loss):
    """max(0, -target * (x1 - x2) + margin), reduced: target 1 asks for a higher x1, -1 for a higher x2.

    See :func:`margin_ranking_loss`.

    Args:
        margin: the difference that is asked for.
        size_average, reduce: deprecated, use reduction.
        reduction: "mean", "sum", or "none": one loss for each element.

    Shape:
        three tensors of the same shape → (), or that shape with reduction="none"

    >>> torch.nn.MarginRankingLoss()(torch.tensor([1.]), torch.tensor([3.]), torch.tensor([1.]))
    tensor(2.)
    """

    __module__ = "jtorch.nn.modules.loss"  # where PyTorch has it: files name it
    __constants__ = ["margin", "reduction"]

    def __init__(self, margin=0.0, size_average=None, reduce=None, reduction="mean"):
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1, input2, target):
        return margin.margin_ranking_loss(input1, input2, target, margin=self.margin, reduction=self.reduction)


class MultiMarginLoss(_WeightedLoss):
    """max(0, margin - x[target] + x[other])^p, summed over the other classes and divided by C. See :func:`multi_margin_loss`.

    Args:
        p: 1 or 2.
        margin: how far the target's score should be above the others.
        weight: one weight for each class, (C).
        size_average, reduce: deprecated, use reduction.
        reduction: "mean", "sum", or "none": one loss for each sample.

    Shape:
        input (N, C), target (N) of int64 → (), or (N) with reduction="none"; also without the N

    Raises:
        ValueError: another p, or a weight that is not one-dimensional.

    >>> torch.nn.MultiMarginLoss()(torch.tensor([[0.1, 0.2, 0.4]]), torch.tensor([2]))
    tensor(0.5000)
    """

    __module__ = "jtorch.nn.modules.loss"  # where PyTorch has it: files name it
    __constants__ = ["p", "margin", "reduction"]

    def __init__(self, p=1, margin=1.0, weight=None, size_average=None, reduce=None, reduction="mean"):
        super().__init__(weight, size_average, reduce, reduction)
        if p not in (1, 2):
            raise ValueError("only p == 1 and p == 2 supported")
        if weight is not None and weight.dim() != 1:
            raise ValueError(f"MultiMarginLoss: expected weight to be None or 1D tensor, got {weight.dim()}D instead")
        self.p = p
        self.margin = margin

    def forward(self, input, target):
        return margin.multi_margin_loss(
            input, target, p=self.p, margin=self.margin, weight=self.weight, reduction=self.reduction
        )


class TripletMarginLoss(_Loss):
    """max(0, ‖anchor - positive‖ - ‖anchor - negative‖ + margin), reduced. See :func:`triplet_margin_loss`.

    Args:
        margin: how much farther the negative should be than the positive.
        p: the p of the norm.
        eps: added to each difference, so that the gradient is finite at distance 0.
        swap: use ‖positive - negative‖ for the negative where it is smaller.
        size_average, reduce: deprecated, use reduction.
        reduction: "mean", "sum", or "none": one loss for each sample.

    Shape:
        three tensors (N, D) → (), or (N) with reduction="none"; also without the N

    Raises:
        ValueError: margin is not positive.

    >>> torch.nn.TripletMarginLoss()(torch.zeros(1, 2), torch.zeros(1, 2), torch.zeros(1, 2))
    tensor(1.)
    """

    __module__ = "jtorch.nn.modules.loss"  # where PyTorch has it: files name it
    __constants__ = ["margin", "p", "eps", "swap", "reduction"]

    def __init__(self, margin=1.0, p=2.0, eps=1e-6, swap=False, size_average=None, reduce=None, reduction="mean"):
        super().__init__(size_average, reduce, reduction)
        if margin <= 0:
            raise ValueError(f"TripletMarginLoss: expected margin to be greater than 0, got {margin} instead")
        self.margin = margin
        self.p = p
        self.eps = eps
        self.swap = swap

    def forward(self, anchor, positive, negative):
        return margin.triplet_margin_loss(
            anchor, positive, negative, self.margin, self.p, self.eps, self.swap, reduction=self.reduction
        )


class TripletMarginWithDistanceLoss(_Loss):
    """`TripletMarginLoss` with the caller's own distance. See :func:`triplet_margin_with_distance_loss`.

    Args:
        distance_function: a function of two tensors; None: `PairwiseDistance()`.
        margin: how much farther the negative should be than the positive.
        swap: use the distance of positive and negative for the negative where it is smaller.
        reduction: "mean", "sum", or "none": one loss for each sample.

    Shape:
        three tensors (N, D) → (), or (N) with reduction="none"

    Raises:
        ValueError: margin is not positive.

    >>> loss = torch.nn.TripletMarginWithDistanceLoss(distance_function=lambda a, b: (a - b).abs().sum(1))
    >>> loss(torch.zeros(1, 2), torch.ones(1, 2), torch.ones(1, 2))
    tensor(1.)
    """

    __module__ = "jtorch.nn.modules.loss"  # where PyTorch has it: files name it
    __constants__ = ["margin", "swap", "reduction"]

    def __init__(self, *, distance_function=None, margin=1.0, swap=False, reduction="mean"):
        super().__init__(reduction=reduction)
        if margin <= 0:
            raise ValueError(
                f"TripletMarginWithDistanceLoss: expected margin to be greater than 0, got {margin} instead"
            )
        self.distance_function = PairwiseDistance() if distance_function is None else distance_function
        self.margin = margin
        self.swap = swap

    def forward(self, anchor, positive, negative):
        return margin.triplet_margin_with_distance_loss(
            anchor,
            positive,
            negative,
            distance_function=self.distance_function,
            margin=self.margin,
            swap=self.swap,
            reduction=self.reduction,
        )
