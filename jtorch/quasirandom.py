"""`torch.quasirandom`: points that fill a cube more evenly than random ones."""

from __future__ import annotations

import numpy as np

from jtorch.core.facts import dtype as Dtype
from jtorch.core.facts import get_default_dtype
from jtorch.core.ops.make.generator import Generator
from jtorch.core.ops.make.random import randint
from jtorch.core.tensor import Tensor, tensor

__all__ = ["SobolEngine"]

BITS = 30


class SobolEngine:
    """A Sobol sequence: points of the unit cube of `dimension` dimensions, in float32 unless said otherwise.

    The direction numbers are SciPy's (Joe and Kuo's, as PyTorch's are). With `scramble`, the digits of the points are mixed by
    random matrices and shifts: from a generator of `seed`, or from the default one. Points and draws are PyTorch's.

    Raises:
        ValueError: the dimension is not between 1 and 21201.

    Source: https://pytorch.org/docs/stable/generated/torch.quasirandom.SobolEngine.html

    >>> jtorch.quasirandom.SobolEngine(2).draw(3)
    tensor([[0.0000, 0.0000],
            [0.5000, 0.5000],
            [0.7500, 0.2500]])
    """

    MAXBIT = BITS
    MAXDIM = 21201

    def __init__(self, dimension: int, scramble: bool = False, seed: int | None = None) -> None:
        if not 1 <= dimension <= self.MAXDIM:
            raise ValueError(f"Supported range of dimensionality for SobolEngine is [1, {self.MAXDIM}]")
        self.dimension, self.scramble, self.seed = dimension, scramble, seed
        self.num_generated = 0
        self._directions = _directions(dimension)
        shift = np.zeros(dimension, np.int64)
        if scramble:
            shift = self._mix()
        self.shift = tensor(shift)
        self.quasi = tensor(shift)
        self.sobolstate = tensor(self._directions)

    def _mix(self):
        """Scrambles the directions and returns the shift, drawn in PyTorch's order."""
        generator = None if self.seed is None else Generator().manual_seed(self.seed)
        digits = randint(2, (self.dimension, BITS), generator=generator).numpy()
        matrices = np.tril(randint(2, (self.dimension, BITS, BITS), generator=generator).numpy(), -1)
        matrices |= np.eye(BITS, dtype=matrices.dtype)
        first = np.arange(BITS - 1, -1, -1)
        bits = (self._directions[:, :, None] >> first) & 1  # of a direction, the highest first
        mixed = np.einsum("dpk,djk->djp", matrices, bits) % 2
        self._directions = (mixed << first).sum(-1)
        return (digits << np.arange(BITS)).sum(-1)

    def draw(self, n: int = 1, out: Tensor | None = None, dtype: Dtype | None = None) -> Tensor:
        """The next `n` points, (n, dimension); into `out` where given.

        >>> jtorch.quasirandom.SobolEngine(1).draw(2)
        tensor([[0.0000],
                [0.5000]])
        """
        points = np.empty((n, self.dimension), np.int64)
        current = self.quasi.numpy().copy()
        for row in points:
            if self.num_generated:
                current ^= self._directions[:, _lowest_zero(self.num_generated - 1)]
            row[:] = current
            self.num_generated += 1
        self.quasi = tensor(current)
        made = tensor(points / 2.0**BITS).to(dtype or get_default_dtype())
        return made if out is None else out.resize_as_(made).copy_(made)

    def draw_base2(self, m: int, out: Tensor | None = None, dtype: Dtype | None = None) -> Tensor:
        """The next 2**m points.

        Raises:
            ValueError: with them, the points drawn so far are not a power of two in number.

        >>> jtorch.quasirandom.SobolEngine(1).draw_base2(2).flatten()
        tensor([0.0000, 0.5000, 0.7500, 0.2500])
        """
        n = 2**m
        total = self.num_generated + n
        if total & (total - 1):
            raise ValueError(
                f"The balance properties of Sobol' points require n to be a power of 2. {self.num_generated} points have been "
                f"previously generated, then: n={self.num_generated}+2**{m}={total}. "
                "If you still want to do this, please use 'SobolEngine.draw()' instead."
            )
        return self.draw(n, out, dtype)

    def reset(self) -> SobolEngine:
        """Begin with the first point again.

        >>> engine = jtorch.quasirandom.SobolEngine(1)
        >>> engine.draw(2).shape, engine.reset().draw(1)
        (torch.Size([2, 1]), tensor([[0.]]))
        """
        self.quasi = self.shift.clone()
        self.num_generated = 0
        return self

    def fast_forward(self, n: int) -> SobolEngine:
        """Leave out `n` points.

        >>> jtorch.quasirandom.SobolEngine(1).fast_forward(2).draw(1)
        tensor([[0.7500]])
        """
        reached = self.num_generated + n
        gray = (reached - 1) ^ ((reached - 1) >> 1) if reached else 0  # which directions the point has
        current = self.shift.numpy().copy()
        for j in range(BITS):
            if gray >> j & 1:
                current ^= self._directions[:, j]
        self.quasi, self.num_generated = tensor(current), reached
        return self

    def __repr__(self) -> str:
        said = [f"dimension={self.dimension}"]
        said += ["scramble=True"] if self.scramble else []
        said += [f"seed={self.seed}"] if self.seed is not None else []
        return f"{type(self).__name__}({', '.join(said)})"


def _lowest_zero(n):
    """The place of the lowest digit 0 of a binary number."""
    return (~n & (n + 1)).bit_length() - 1


def _directions(dimension):
    """The direction numbers, (dimension, 30), as integers of 30 bits."""
    from scipy.stats import qmc  # its import takes half a second

    engine = qmc.Sobol(dimension, scramble=False, bits=BITS)
    return vars(engine)["_sv"].astype(np.int64)  # SciPy has no public name for them
