"""Losses differentiated twice, as a penalty on gradients does. Numeric differences are the measure."""

import numpy as np
import pytest

import jtorch as torch
import jtorch.nn.functional as F


def drawn(seed):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal((3, 4)))


LABELS = torch.tensor([0, 2, 1])
WEIGHTS = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
OTHER, THIRD = drawn(1), drawn(2)
SHARES = OTHER.softmax(1)
LOSSES = {
    "cross entropy": lambda x: F.cross_entropy(x, LABELS),
    "cross entropy, unreduced": lambda x: F.cross_entropy(x, LABELS, reduction="none"),
    "cross entropy, weights": lambda x: F.cross_entropy(x, LABELS, WEIGHTS, ignore_index=2),
    "cross entropy, label smoothing": lambda x: F.cross_entropy(x, LABELS, label_smoothing=0.1),
    "cross entropy of probabilities": lambda x: F.cross_entropy(x, SHARES),
    "negative log likelihood": lambda x: F.nll_loss(F.log_softmax(x, 1), LABELS),
    "binary cross entropy": lambda x: F.binary_cross_entropy(x.sigmoid(), SHARES),
    "binary cross entropy with logits": lambda x: F.binary_cross_entropy_with_logits(x, SHARES),
    "smooth L1": lambda x: F.smooth_l1_loss(x, OTHER),
    "Huber": lambda x: F.huber_loss(x, OTHER),
    "squares": lambda x: F.mse_loss(x, OTHER),
    "Kullback-Leibler": lambda x: F.kl_div(x.log_softmax(1), SHARES, reduction="batchmean"),
    "soft margin": lambda x: F.soft_margin_loss(x, OTHER.sign()),
    "several labels": lambda x: F.multilabel_soft_margin_loss(x, SHARES.round()),
    "cosine": lambda x: F.cosine_embedding_loss(x, OTHER, torch.ones(3)),
    "triplet": lambda x: F.triplet_margin_loss(x, OTHER, THIRD, margin=5.0),
    "Gaussian": lambda x: F.gaussian_nll_loss(x, OTHER, SHARES),
    "Poisson": lambda x: F.poisson_nll_loss(x, SHARES),
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_differentiated_twice(name):
    x = drawn(0).requires_grad_()
    (gradient,) = torch.autograd.grad(LOSSES[name](x).sum(), x, create_graph=True)
    assert gradient.requires_grad
    assert torch.autograd.gradgradcheck(LOSSES[name], x)


def test_a_target_of_cross_entropy_must_not_be_written_to_before_backward():
    x, target = drawn(0).requires_grad_(), LABELS.clone()
    loss = F.cross_entropy(x, target)
    target.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()
