"""AdaptiveLogSoftmaxWithLoss: a softmax over very many classes."""

from __future__ import annotations

from collections import namedtuple

from jtorch.core.ops.arithmetic.activations import log_softmax
from jtorch.core.ops.make.create import full_like
from jtorch.nn.modules.container import ModuleList, Sequential
from jtorch.nn.modules.linear import Linear
from jtorch.nn.modules.module import Module

__all__ = ["AdaptiveLogSoftmaxWithLoss"]


_ASMoutput = namedtuple("_ASMoutput", ["output", "loss"])


class AdaptiveLogSoftmaxWithLoss(Module):
    """A softmax over very many classes: one layer for the frequent ones, clusters of narrower layers for the rare ones.

    Called with an input and its targets, it returns (output, loss): the log-probability of each target, and minus the
    mean of them.

    Args:
        in_features: size of the input.
        n_classes: number of classes, the most frequent first.
        cutoffs: the first class of each cluster, ascending.
        div_value: each cluster's layer is narrower by this factor than the one before.
        head_bias: whether the first layer has a bias.
        device, dtype: of the parameters; None: the defaults.

    Shape:
        input (N, in_features), target (N) of int64 → output (N), loss (); also without the N

    Raises:
        ValueError: cutoffs that do not ascend from 1 to at most n_classes - 1.
        RuntimeError: a target that is no class.

    >>> softmax = torch.nn.AdaptiveLogSoftmaxWithLoss(32, 20, cutoffs=[4, 10])
    >>> output, loss = softmax(torch.zeros(3, 32), torch.tensor([0, 5, 19]))
    >>> output.shape, softmax.log_prob(torch.zeros(3, 32)).shape
    (torch.Size([3]), torch.Size([3, 20]))
    """

    def __init__(self, in_features, n_classes, cutoffs, div_value=4.0, head_bias=False, device=None, dtype=None):
        super().__init__()
        cutoffs = list(cutoffs)
        if not cutoffs:
            raise ValueError("cutoffs should be a sequence of length larger than 0")
        ordered = cutoffs == sorted(cutoffs) and len(set(cutoffs)) == len(cutoffs)
        if not ordered or min(cutoffs) <= 0 or max(cutoffs) > n_classes - 1 or any(int(c) != c for c in cutoffs):
            raise ValueError(
                "cutoffs should be a sequence of unique, positive integers sorted in an increasing order, where each value"
                " is between 1 and n_classes-1"
            )
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*cutoffs, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        made = {"device": device, "dtype": dtype}
        self.head = Linear(in_features, self.head_size, bias=head_bias, **made)
        self.tail = ModuleList()
        for i in range(self.n_clusters):
            width = int(in_features // (div_value ** (i + 1)))
            classes = self.cutoffs[i + 1] - self.cutoffs[i]
            self.tail.append(
                Sequential(Linear(in_features, width, bias=False, **made), Linear(width, classes, bias=False, **made))
            )

    def reset_parameters(self):
        self.head.reset_parameters()
        for to_hidden, to_out in self.tail:
            to_hidden.reset_parameters()
            to_out.reset_parameters()

    def forward(self, input_, target_):
        dims = target_.dim()
        if dims == 1:
            if input_.size(0) != target_.size(0):
                raise RuntimeError("Input and target should have the same size in the batch dimension.")
            if input_.dim() != 2:
                raise RuntimeError(
                    f"1D target tensor expects 2D input tensors, but found inputs with size {input_.size()}"
                )
        elif dims == 0:
            if input_.dim() != 1:
                raise RuntimeError(
                    f"0D target tensor expects 1D input tensors, but found inputs with size {input_.size()}"
                )
        else:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        input = input_ if dims else input_.unsqueeze(0)
        target = target_ if dims else target_.unsqueeze(0)
        outside = (target < 0) | (target >= self.n_classes)
        if bool(outside.any()):
            raise RuntimeError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range [{target.min().item()},"
                f" {target.max().item()}] were found. "
            )
        output = self._log_prob_of_targets(input, target)
        loss = (-output).mean()
        return _ASMoutput(output if dims else output.squeeze(0), loss)

    def _log_prob_of_targets(self, input, target):
        """The log-probability of each target. It computes all clusters, so that no shape depends on the data."""
        head = log_softmax(self.head(input), 1)
        first = target.clamp(max=self.shortlist_size - 1)
        column = target
        local = head.new_zeros(target.size(0))
        for i, (low, high) in enumerate(zip(self.cutoffs, self.cutoffs[1:], strict=False)):
            inside = (target >= low) & (target < high)
            place = (target - low).clamp(0, high - low - 1).unsqueeze(1)
            found = log_softmax(self.tail[i](input), 1).gather(1, place).squeeze(1)
            local = found.where(inside, local)
            column = full_like(target, self.shortlist_size + i).where(inside, column)
        column = first.where(target < self.shortlist_size, column)
        return local + head.gather(1, column.unsqueeze(1)).squeeze(1)

    def _get_full_log_prob(self, input, head_output):
        out = input.new_empty((head_output.size(0), self.n_classes))
        head = log_softmax(head_output, 1)
        out[:, : self.shortlist_size] = head[:, : self.shortlist_size]
        for i, (low, high) in enumerate(zip(self.cutoffs, self.cutoffs[1:], strict=False)):
            cluster = log_softmax(self.tail[i](input), 1)
            out[:, low:high] = cluster + head[:, self.shortlist_size + i].unsqueeze(1)
        return out

    def log_prob(self, input):
        """Log-probabilities of all classes."""
        return self._get_full_log_prob(input, self.head(input))

    def predict(self, input):
        """The class of highest probability."""
        return self.log_prob(input).argmax(dim=1)
