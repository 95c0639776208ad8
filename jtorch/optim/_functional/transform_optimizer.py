"""TransformOptimizer: the base of the optimizers whose arithmetic is an optax transformation.

A subclass states PyTorch's defaults, the transformation for a group's settings, and PyTorch's names for the fields of
the transformation's state. A whole step is one recorded call, which `jtorch.optim._functional.update` defines. The
learning rate is a value of that call, so a schedule never recompiles; all other settings are constants of the call.
"""

from __future__ import annotations

import inspect

import numpy as np

from jtorch.core.engine import local
from jtorch.core.tensor import Tensor, known
from jtorch.optim._functional import update
from jtorch.optim._functional.buckets import Bucket
from jtorch.optim._functional.prepared_step import PreparedStep, PreparedUpdate, shared_by, with_gradients
from jtorch.optim.optimizer import Optimizer, closure_loss


class TransformOptimizer(Optimizer):
    """An optimizer over optax.

    A subclass gives:
        transformation(**settings): the optax transformation whose updates are multiplied by -lr. Its parameters name
            the settings that it takes from a group.
        state_names: PyTorch's names of the fields of the transformation's state, where they differ:
            {"mu": "exp_avg", ...}. The field "count" is named "step".
    """

    state_names: dict[str, str] = {}
    scalars: tuple[str, ...] = ("step",)  # states that are one number for all parameters of a bucket
    applies_lr = False  # whether the transformation takes the learning rate as `rate=` and applies it itself
    elementwise = True  # whether it treats each element by itself, so that parameters may be concatenated
    first_differs = False  # whether the first step of a parameter differs: transformation(first=True)
    settings: tuple[str, ...] = ()  # set for each subclass from the parameters of `transformation`

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        parameters = inspect.signature(cls.transformation).parameters
        cls.settings = tuple([name for name in parameters if name != "first"])

    @staticmethod
    def transformation(**settings):
        raise NotImplementedError

    @staticmethod
    def initial_value(name, settings):
        """The initial number of a state: zero, as in optax, unless a subclass overrides this."""
        return 0

    @property
    def skips_found_inf(self):
        """Whether a step changes nothing where `found_inf` is not zero: see `jtorch.amp.GradScaler`."""
        return not self.first_differs

    def step(self, closure=None):
        """Update the parameters from their gradients. Returns the closure's loss, or None."""
        loss = closure_loss(closure)
        grad, local.grad = local.grad, bool(self.defaults.get("differentiable"))
        try:
            self._update(self.__dict__.get("found_inf"))
        finally:
            local.grad = grad
        return loss

    def _update(self, skip=None):
        """Record the update. `skip` is a tensor; where it is not zero, the update changes nothing."""
        prepared = self.__dict__.get("_prepared")
        if prepared is None or not prepared.fits(self):
            prepared = self._prepare()
            self._prepared = (
                None if any(bucket.first for step in prepared.updates for bucket in step.buckets) else prepared
            )
        for prepared_update in prepared.updates:
            prepared_update.record(skip)

    def _prepare(self):
        """Put the parameters that have gradients into buckets. Parameters without states get theirs."""
        pairs, shared = with_gradients(self), shared_by(self)
        for group, p in pairs:
            self._check_parameter(p)
            if not self.elementwise and p._memory is not p:
                raise NotImplementedError(
                    f"{type(self).__name__}: of a {type(p).__name__}, of which each process has a part"
                )
            if update.state_layout(type(self), _constants(self, group), p._memory._type):
                self.state[p]  # `state` makes an entry when it is read, here in the parameters' order, as in PyTorch
        new = {p for _, p in pairs if not self.state.get(p)}
        apart = [[pairs[i]] for i in sorted(shared)]
        together = [pair for i, pair in enumerate(pairs) if i not in shared]
        updates = [PreparedUpdate(self, self._buckets(part, new)) for part in [together, *apart] if part]
        return PreparedStep(self, updates)

    def _buckets(self, pairs, new):
        """The buckets of these pairs (group, parameter). `new` has the parameters that had no state when the step began."""
        buckets = {}
        for group, p in pairs:
            settings = _constants(self, group)
            names = tuple(update.state_layout(type(self), settings, p._memory._type))
            state = self.state[p] if names else None
            scalars = tuple([_scalar_key(state.get(n)) for n in self.scalars]) if state else None
            buckets.setdefault((id(group), scalars, p in new, names), (group, settings, []))[2].append(p)
        return [
            Bucket(self, group, settings, is_first and self.first_differs, params)
            for (_, _, is_first, _), (group, settings, params) in buckets.items()
        ]

    def make_states(self):
        """Make the states of all parameters now: for an optimizer whose states exist before its first step."""
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p]  # `state` makes an entry when it is read; the entries keep the parameters' order
            Bucket(self, group, _constants(self, group), False, group["params"])  # making a bucket fills the entries

    def _check_parameter(self, p):
        """Raise an error for a parameter that this optimizer cannot update."""

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            for name, value in {**self.defaults, **_signature_defaults(type(self))}.items():
                group.setdefault(name, value)  # files of an older PyTorch lack the newer settings
        for held in self.state.values():
            for name in self.scalars:
                if name in held and not isinstance(held[name], Tensor):
                    held[name] = known(np.array(held[name], np.float32))

    def __getstate__(self):
        return {k: v for k, v in super().__getstate__().items() if k != "_prepared"}


def _signature_defaults(cls):
    parameters = inspect.signature(cls.__init__).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}


def _constants(optimizer, group):
    """The settings of a group that are constants of the recorded call, as pairs that can be hashed."""
    return tuple([(k, v if (v := group[k]).__class__ is not list else tuple(v)) for k in optimizer.settings])


def _scalar_key(scalar):
    """A key that distinguishes scalar states: the memory that they share, or their value if they come from a file."""
    if scalar is None:
        return None
    return id(scalar._base) if scalar._base is not None else scalar.item()
