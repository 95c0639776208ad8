"""`without_warnings`: NumPy does not warn inside; outside its settings stay as they were."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from jtorch.core.facts import without_warnings


def divide(x):
    return x / np.zeros(1)


def test_numpy_says_nothing_inside_and_warns_outside():
    before = np.geterr()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isinf(without_warnings(divide, np.ones(1)))
        assert np.isinf(without_warnings(without_warnings, divide, np.ones(1)))  # nested
        with pytest.raises(RuntimeWarning):
            divide(np.ones(1))
    assert np.geterr() == before


def test_what_raises_leaves_the_context_free():
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            without_warnings(lambda: 1 / 0)
    assert without_warnings(np.geterr)["divide"] == "ignore"
