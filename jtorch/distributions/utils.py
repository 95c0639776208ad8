"""Between probabilities and logits."""

from __future__ import annotations

from jtorch.core.facts import finfo
from jtorch.nn.functional import softmax


def clamp_probs(probs):
    """Probabilities kept away from 0 and 1, so that their logs are finite."""
    eps = finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def probs_to_logits(probs, is_binary=False):
    """log(p), or log(p / (1 - p)) for two classes."""
    clamped = clamp_probs(probs)
    return clamped.log() - (-clamped).log1p() if is_binary else clamped.log()


def logits_to_probs(logits, is_binary=False):
    """The probabilities of logits."""
    return logits.sigmoid() if is_binary else softmax(logits, dim=-1)
