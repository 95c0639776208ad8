"""`GradScaler`: multiplies a loss so that its float16 gradients do not underflow, and divides the gradients again.

The scale, and whether a gradient is infinite, are values of the recorded step. An optimizer of jtorch skips a bad step
inside the same program, so Python does not wait. A user's own optimizer is called or not called, as in PyTorch; to
decide that, Python waits for the value.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Iterable
from enum import Enum

import jax.numpy as jnp

from jtorch.core.facts import KINDS, dtypes
from jtorch.core.grad import no_grad
from jtorch.core.op import Array, Number, op
from jtorch.core.ops.make.create import full
from jtorch.core.tensor import Tensor


class OptState(Enum):
    """What has been done for an optimizer in this iteration."""

    READY = 0
    UNSCALED = 1
    STEPPED = 2


def _new_optimizer_state():
    return {"stage": OptState.READY, "found_inf_per_device": {}}


@op
def _unscale_gradients(grads: list[Array], scale: Array) -> list:
    inverse = (1 / scale.astype(jnp.float64)).astype(jnp.float32)
    bad = jnp.stack([~jnp.isfinite(g).all() for g in grads]).any().astype(jnp.float32)
    return [(g.astype(jnp.promote_types(g.dtype, jnp.float32)) * inverse).astype(g.dtype) for g in grads] + [bad]


@op
def _next_scale(
    scale: Array, tracker: Array, found_inf: Array, growth: Number, backoff: Number, interval: Number
) -> list:
    bad = found_inf != 0
    good = tracker + 1
    grown = (scale * growth).astype(scale.dtype)
    grows = (good == interval) & jnp.isfinite(grown)
    new = jnp.where(bad, (scale * backoff).astype(scale.dtype), jnp.where(grows, grown, scale))
    return [new, jnp.where(bad | (good == interval), 0, good).astype(tracker.dtype)]


class GradScaler:
    """Scales a loss, unscales the gradients before the step, skips steps with infinite gradients, and adapts the scale.

    Args:
        device: "cuda" or "cpu".
        init_scale: the scale at first.
        growth_factor: multiplies the scale after growth_interval good steps, > 1.
        backoff_factor: multiplies the scale after a bad step, < 1.
        growth_interval: good steps in a row before the scale grows.
        enabled: False: only call the optimizer's step.

    >>> p = torch.ones(2, requires_grad=True)
    >>> optimizer, scaler = torch.optim.SGD([p], lr=0.5), torch.amp.GradScaler("cpu", init_scale=4.0)
    >>> scaler.scale(p.sum()).backward(); scaler.step(optimizer); scaler.update(); p
    tensor([0.5000, 0.5000], requires_grad=True)

    Differs from torch: an optimizer has its state after a first step that was skipped, with a step count of 0.
    """

    def __init__(
        self,
        device="cuda",
        init_scale=2.0**16,
        growth_factor=2.0,
        backoff_factor=0.5,
        growth_interval=2000,
        enabled=True,
    ):
        self._device = device
        self._enabled = enabled
        kind = KINDS.get(device)
        if enabled and kind is not None and kind.scaler_absent and not kind.available():
            warnings.warn(kind.scaler_absent, stacklevel=2)
            self._enabled = False
        if not self._enabled:
            return
        if growth_factor <= 1.0:
            raise AssertionError("The growth factor must be > 1.0.")
        if backoff_factor >= 1.0:
            raise AssertionError("The backoff factor must be < 1.0.")
        self._init_scale = init_scale
        self._scale = self._growth_tracker = None
        self._growth_factor = growth_factor
        self._backoff_factor = backoff_factor
        self._growth_interval = growth_interval
        self._init_growth_tracker = 0
        self._per_optimizer_states = defaultdict(_new_optimizer_state)

    def _check_begun(self, name):
        if self._scale is None:
            raise AssertionError(
                f"Attempted {name} but _scale is None. "
                " This may indicate your script did not use scaler.scale(loss or outputs) earlier in the iteration."
            )

    def scale(self, outputs):
        """Multiply a tensor, or each tensor in a list, by the scale."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            if self._scale is None:
                self._scale = full((), self._init_scale, dtype=dtypes.float32, device=outputs.device)
                self._growth_tracker = full((), self._init_growth_tracker, dtype=dtypes.int32, device=outputs.device)
            return outputs * self._scale.to(device=outputs.device)
        if not isinstance(outputs, Iterable):
            raise ValueError("outputs must be a Tensor or an iterable of Tensors")
        made = map(self.scale, outputs)
        return type(outputs)(made) if isinstance(outputs, list | tuple) else made

    @no_grad()
    def unscale_(self, optimizer):
        """Divide the gradients of an optimizer's parameters by the scale, and note whether one is not finite.

        Raises:
            RuntimeError: they are already unscaled in this iteration.
            ValueError: a gradient is float16.
        """
        if not self._enabled:
            return
        self._check_begun("unscale_")
        state = self._per_optimizer_states[id(optimizer)]
        if state["stage"] is OptState.UNSCALED:
            raise RuntimeError("unscale_() has already been called on this optimizer since the last update().")
        if state["stage"] is OptState.STEPPED:
            raise RuntimeError("unscale_() is being called after step().")
        by_device = {}
        for p in [p for group in optimizer.param_groups for p in group["params"]]:
            if p.grad is None:
                continue
            if p.grad.dtype is dtypes.float16:
                raise ValueError("Attempting to unscale FP16 gradients.")
            by_device.setdefault(p.device, []).append(p.grad)
        for device, grads in by_device.items():
            *made, state["found_inf_per_device"][device] = _unscale_gradients(grads, self._scale.to(device=device))
            for g, new in zip(grads, made, strict=True):
                g._memory._assign(new._memory._value, None)
        state["stage"] = OptState.UNSCALED

    def step(self, optimizer, *args, **kwargs):
        """Unscale the gradients if that is not done yet, and step if all of them are finite."""
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        self._check_begun("step")
        state = self._per_optimizer_states[id(optimizer)]
        if state["stage"] is OptState.STEPPED:
            raise RuntimeError("step() has already been called since the last update().")
        if state["stage"] is OptState.READY:
            self.unscale_(optimizer)
        if not state["found_inf_per_device"]:
            raise AssertionError("No inf checks were recorded for this optimizer.")
        out = self._step(optimizer, self._found(state["found_inf_per_device"].values()), args, kwargs)
        state["stage"] = OptState.STEPPED
        return out

    def _found(self, found):
        first, *rest = [f.to(device=self._scale.device) for f in found]
        return sum(rest, first)

    def _step(self, optimizer, found, args, kwargs):
        if getattr(optimizer, "skips_found_inf", False):
            optimizer.found_inf = found
            try:
                return optimizer.step(*args, **kwargs)
            finally:
                del optimizer.found_inf
        return None if found.item() else optimizer.step(*args, **kwargs)

    @no_grad()
    def update(self, new_scale=None):
        """Adapt the scale to the gradients of this iteration, or set it."""
        if not self._enabled:
            return
        self._check_begun("update")
        if new_scale is None:
            found = [f for s in self._per_optimizer_states.values() for f in s["found_inf_per_device"].values()]
            if not found:
                raise AssertionError("No inf checks were recorded prior to update.")
            self._scale, self._growth_tracker = _next_scale(
                self._scale,
                self._growth_tracker,
                self._found(found),
                float(self._growth_factor),
                float(self._backoff_factor),
                int(self._growth_interval),
            )
        elif isinstance(new_scale, float):
            self._scale.fill_(new_scale)
        else:
            if new_scale.device.type != self._device or new_scale.numel() != 1 or new_scale.requires_grad:
                raise AssertionError(
                    "new_scale should be a float or a 1-element torch.cuda.FloatTensor or torch.FloatTensor with requires_grad=False."
                )
            self._scale.copy_(new_scale)
        self._per_optimizer_states = defaultdict(_new_optimizer_state)

    # ---- settings and state

    def get_scale(self):
        """The scale as a number, 1.0 where scaling is off."""
        if not self._enabled:
            return 1.0
        return self._init_scale if self._scale is None else self._scale.item()

    def _get_growth_tracker(self):
        if not self._enabled:
            return 0
        return self._init_growth_tracker if self._growth_tracker is None else self._growth_tracker.item()

    def get_growth_factor(self):
        """The factor by which the scale grows."""
        return self._growth_factor

    def set_growth_factor(self, new_factor):
        """Set the factor by which the scale grows."""
        self._growth_factor = new_factor

    def get_backoff_factor(self):
        """The factor that is applied to the scale after a bad step."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor):
        """Set the factor that is applied to the scale after a bad step."""
        self._backoff_factor = new_factor

    def get_growth_interval(self):
        """The number of good steps in a row after which the scale grows."""
        return self._growth_interval

    def set_growth_interval(self, new_interval):
        """Set the number of good steps in a row after which the scale grows."""
        self._growth_interval = new_interval

    def is_enabled(self):
        """Whether scaling is on."""
        return self._enabled

    def state_dict(self):
        """The scale, its settings and the good steps since it last changed; {} where scaling is off."""
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(),
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._get_growth_tracker(),
        }

    def load_state_dict(self, state_dict):
        """Restore what `state_dict` returned."""
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled instance of GradScaler."
            )
        self._init_scale = state_dict["scale"]
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        self._init_growth_tracker = state_dict["_growth_tracker"]
        if self._scale is not None:
            self._scale.fill_(self._init_scale)
            self._growth_tracker.fill_(self._init_growth_tracker)

    def __getstate__(self):
        state = self.__dict__.copy()
        if self._enabled:
            if self._per_optimizer_states:
                raise AssertionError(
                    "A GradScaler instance may only be pickled at the beginning of an iteration, or at the end after scaler.update()."
                )
            state |= {
                "_init_scale": self.get_scale(),
                "_init_growth_tracker": self._get_growth_tracker(),
                "_scale": None,
                "_growth_tracker": None,
            }
        return state
