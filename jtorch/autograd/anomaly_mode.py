"""`torch.autograd.detect_anomaly`: find the operation whose gradient turns to NaN, and where it was recorded.

It computes and checks every gradient at once, which makes backward slow. Use it only to find errors.
"""

from __future__ import annotations

import traceback
import warnings

import numpy as np

from jtorch.autograd.graph import observe_nodes
from jtorch.core.engine import local


class _Anomaly:
    """What is checked in this thread, while the search is on."""

    def __init__(self, check_nan):
        self.check_nan = check_nan

    def note(self, node):
        """Remember where a node was made."""
        node.metadata = {"traceback_": traceback.format_stack()[:-4]}

    def __call__(self, node, results, needs):
        """Raise at the first NaN among a node's gradients."""
        if not self.check_nan:
            return
        spots = [i for i, need in enumerate(needs) if need]
        for i, result in zip(spots, results, strict=True):
            if result is None:
                continue
            value = getattr(result, "_value", result)
            if value.type.differentiable and np.isnan(np.asarray(value.read(), complex)).any():
                self.tell(node)
                raise RuntimeError(f"Function '{node.name()}' returned nan values in its {i}th output.")

    def tell(self, node):
        """Warn with the place where a node was made."""
        where = (node.metadata or {}).get("traceback_")
        if where is None:
            text = (
                f"Error detected in {node.name()}. No forward pass information available. "
                "Enable detect anomaly during forward pass for more information."
            )
        else:
            text = f"Error detected in {node.name()}. Traceback of forward call that caused the error:\n" + "".join(
                where
            )
        warnings.warn(text, stacklevel=2)


class set_detect_anomaly:
    """Turn the search for NaN in gradients on or off: at once when called, or for a `with` block.

    Args:
        mode: on or off.
        check_nan: raise if a gradient is NaN. False: only remember where nodes were made.

    >>> x = torch.zeros(1, requires_grad=True)
    >>> with torch.autograd.set_detect_anomaly(False):
    ...     (x.sqrt() * 0).sum().backward()
    >>> x.grad
    tensor([nan])
    """

    def __init__(self, mode: bool, check_nan: bool = True):
        self.before = local.anomaly
        _switch_anomaly(_Anomaly(check_nan) if mode else None)

    def __enter__(self):
        return None

    def __exit__(self, *exc):
        _switch_anomaly(self.before)


class detect_anomaly:
    """Inside the block, raise if a gradient is NaN, and warn with the place where its operation was recorded.

    Args:
        check_nan: raise if a gradient is NaN. False: only remember where nodes were made.

    >>> import warnings
    >>> x = torch.zeros(1, requires_grad=True)
    >>> with warnings.catch_warnings(action="ignore"), torch.autograd.detect_anomaly():
    ...     try:
    ...         (x.sqrt() * 0).sum().backward()
    ...     except RuntimeError as error:
    ...         print(error)
    Function 'SqrtBackward0' returned nan values in its 0th output.
    """

    def __init__(self, check_nan: bool = True):
        self.check_nan = check_nan
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should only be enabled for debugging.",
            stacklevel=2,
        )

    def __enter__(self):
        self.before = local.anomaly
        _switch_anomaly(_Anomaly(self.check_nan))

    def __exit__(self, *exc):
        _switch_anomaly(self.before)


def _switch_anomaly(anomaly):
    observe_nodes(bool(anomaly) - bool(local.anomaly))
    local.anomaly = anomaly


def set_anomaly_enabled(enabled, check_nan=True):
    """Turn the search for NaN in gradients on or off, from now on in this thread."""
    _switch_anomaly(_Anomaly(check_nan) if enabled else None)


def is_anomaly_enabled():
    """Whether the search for NaN is on in this thread."""
    return local.anomaly is not None


def is_anomaly_check_nan_enabled():
    """Whether a gradient that is NaN raises an error."""
    return local.anomaly is not None and local.anomaly.check_nan
