"""PyTorch's CPU random numbers, bit for bit, as NumPy arrays.

A `RandomStream` is one generator: the mt19937 engine, its seed and one cached normal. Each method draws the same numbers as the
PyTorch function of that name, in the same order, and advances the state by the same number of 32-bit words. This file knows
no tensors, devices or JAX.

    RandomStream(seed)         manual_seed  seed  initial_seed  get_state  set_state  clone  lock  words  longs
    (shape, dtype, ...)  uniform  normal  log_normal  exponential  cauchy  trunc_normal
                         random  bernoulli  geometric
    (shape, p, dtype)    dropout_mask
    (array, ...)         poisson  multinomial  rrelu_noise
    randperm(n, dtype)   base_seed()

`dtype` is a NumPy dtype (ml_dtypes' bfloat16 among them). The result is C-contiguous, in logical order.
`strides` are those of the tensor that is filled, in elements: PyTorch fills elements in memory order, and draws normals in
another way if the tensor is not contiguous. None means contiguous. The checks, their order, exception types and messages are
PyTorch's. Wrong arguments raise before anything is drawn.
"""

from __future__ import annotations

import itertools
import math
import secrets
import threading
from collections.abc import Callable

import numpy as np

from jtorch.core.facts import is_contiguous, like_strides, warn_user, without_warnings
from jtorch.core.streams import draws, refusals, rounding
from jtorch.core.streams.words import FEW, Words

_CHUNK = 1 << 15  # values drawn at a time: they and their intermediates stay in the cache
_BLOB = np.dtype([  # the state of torch.get_rng_state()
    ("seed", "<u8"), ("left", "<i4"), ("seeded", "<i4"), ("next", "<u8"), ("words", "<u8", 624),
    ("normal_x", "<f8"), ("normal_y", "<f8"), ("rho", "<f8"), ("normal_is_valid", "<i4"), ("pad", "V4"),
    ("next_float", "<f4"), ("next_float_is_valid", "u1"), ("tail", "V3"),
])  # fmt: skip


_FLOAT32, _INT64 = np.dtype(np.float32), np.dtype(np.int64)


class RandomStream:
    """One random number generator, as `torch.Generator` on the CPU is.

    Threads may share it: a draw holds `lock` from its first word to its last, and so may a caller over
    several draws.

    >>> from jtorch.core.streams.stream import RandomStream
    >>> RandomStream(0).uniform((3,), np.float32)
    array([0.4962566 , 0.7682218 , 0.08847743], dtype=float32)
    >>> RandomStream(0).randperm(5)
    array([4, 0, 1, 3, 2])
    """

    def __init__(self, seed: int = 67280421310721):
        self.lock = threading.RLock()
        self._words = Words()
        self.manual_seed(seed)

    # -- the engine and its state ----------------------------------------------------------------------------

    def manual_seed(self, seed: int) -> RandomStream:
        """Restart with this seed, of which only the low 32 bits count. Returns self.

        Raises:
            RuntimeError: seed is not an integer (TypeError if it is NumPy's).
            ValueError: seed is outside -2**63 .. 2**64 - 1.
        """
        if isinstance(seed, np.integer):
            raise TypeError("an integer is required")  # as PyTorch says; torch.manual_seed calls int() first
        if not isinstance(seed, int) or isinstance(seed, bool):
            raise RuntimeError(f"manual_seed expected a long, but got {type(seed).__name__}")
        if not refusals.MIN64 <= seed < 1 << 64:
            raise ValueError("Overflow when unpacking long long")
        with self.lock:
            self._seed = int(seed) % (1 << 64)
            self._words.seed(self._seed & 0xFFFFFFFF)
            self._cached_normal = None
        return self

    def initial_seed(self) -> int:
        """The seed given last, as an unsigned 64-bit number."""
        return self._seed

    def seed(self) -> int:
        """Restart with an unpredictable seed, and return that seed."""
        return self.manual_seed(secrets.randbits(64)).initial_seed()

    def get_state(self) -> np.ndarray:
        """The 5056 bytes of `torch.get_rng_state()`."""
        blob = np.zeros((), _BLOB)
        with self.lock:
            blob["words"], position = self._words.get_state()
            blob["seed"], blob["seeded"] = self._seed, 1
            blob["left"], blob["next"] = (1, 0) if self._words.untouched else (625 - position, position)
            if self._cached_normal is not None:
                blob["normal_y"], blob["normal_is_valid"] = self._cached_normal, 1
        return np.frombuffer(bytearray(blob.tobytes()), np.uint8)

    def set_state(self, state: np.ndarray) -> None:
        """Continue from a state that `get_state` or PyTorch returned.

        Raises:
            TypeError: state is not an array of uint8.
            RuntimeError: its size is not 5056, or it holds no state of the engine.
        """
        if state.dtype != np.uint8:
            raise TypeError("RNG state must be a torch.ByteTensor")
        if state.size != _BLOB.itemsize:
            raise RuntimeError(
                f"Expected a CPUGeneratorImplState of size {_BLOB.itemsize} but found the input RNG state size to be {state.size}"
            )
        blob = np.frombuffer(state.tobytes(), _BLOB)[0]
        left, position = int(blob["left"]), int(blob["next"])
        untouched = (left, position) == (1, 0)
        if blob["seeded"] != 1 or not (untouched or 1 <= position == 625 - left <= 624):
            raise RuntimeError("Invalid mt19937 state")
        with self.lock:
            words = blob["words"].astype(np.uint32)
            self._words.set_state(words, 624 if untouched else position, untouched)
            self._seed = int(blob["seed"])
            self._cached_normal = float(blob["normal_y"]) if blob["normal_is_valid"] else None

    def clone(self) -> RandomStream:
        """Another stream in the same state."""
        other = RandomStream()
        other.set_state(self.get_state())
        return other

    def words(self, n: int) -> np.ndarray:
        """The next n words of the engine, as uint32."""
        with self.lock:
            return self._words.words(n)

    def longs(self, n: int) -> np.ndarray:
        """The next 2n words of the engine in pairs, as uint64: first << 32 | second."""
        with self.lock:
            return self._words.longs(n)

    # -- filling ---------------------------------------------------------------------------------------------

    def _fill(self, shape, dtype, strides, values: Callable[[int], np.ndarray]):
        """An array of dtype whose elements, in PyTorch's order, are values(k) for k at a time."""
        return _logical(self._run(math.prod(shape), dtype, values), shape, strides)

    def _run(self, n, dtype, values, step=_CHUNK):
        parts = refusals.part_dtype(dtype)  # a complex number is two reals
        if 0 < n <= FEW:
            with self.lock:
                made = without_warnings(values, n * (dtype.itemsize // parts.itemsize))
                return without_warnings(rounding.cast_as_cpp, made, parts).view(dtype)
        out = np.empty(n * (dtype.itemsize // parts.itemsize), parts)
        with self.lock, np.errstate(all="ignore"):
            for start in range(0, out.size, step):
                part = out[start : start + step]
                part[...] = rounding.cast_as_cpp(values(part.size), parts)
        return out.view(dtype)

    def _unit32(self, n):
        with self.lock:
            return self._words.uniforms(n)

    def _unit64(self, n):
        return draws.unit64(self.longs(n))

    # -- continuous distributions ----------------------------------------------------------------------------

    def uniform(self, shape, dtype, low: float = 0.0, high: float = 1.0, strides=None) -> np.ndarray:
        """Uniform in [low, high): `uniform_`, and with the defaults `rand`."""
        if dtype is _FLOAT32 and strides is None and low == 0 and high == 1:
            with self.lock:
                return self._words.uniforms(math.prod(shape), shape)
        dtype = np.dtype(dtype)
        parts = refusals.part_dtype(dtype)
        if dtype.kind == "c" and math.prod(shape) == 0:
            return np.empty(shape, dtype)
        refusals.check_uniform_bounds(parts, low, high)
        draw, wide = (self._unit64, np.float64) if parts.itemsize == 8 else (self._unit32, np.float32)
        low, high = wide(low), wide(high)
        first, last = rounding.cast_as_cpp(low, parts), rounding.cast_as_cpp(high, parts)

        def values(n):
            x = draw(n)
            if (low, high) != (0, 1):
                x = rounding.fma(x, high - low, low)
            elif parts.itemsize > 2:
                return x
            x = rounding.cast_as_cpp(x, parts)
            x[x == last] = first
            return x

        return self._fill(shape, dtype, strides, values)

    def normal(self, shape, dtype, mean: float = 0.0, std: float = 1.0, strides=None) -> np.ndarray:
        """Normal: `normal_`, and with the defaults `randn`.

        Args:
            std: the standard deviation; of a complex number as a whole, so each part has std / sqrt(2).
        """
        n = math.prod(shape)
        if dtype is _FLOAT32 and strides is None and 0 < n <= FEW and not n % 16 and std >= 0:
            with self.lock:
                z = self._words.normals(n, shape)
            return z if mean == 0 and std == 1 else rounding.fma(z, std, mean)
        dtype = np.dtype(dtype)
        if not std >= 0:
            raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")
        if n == 0:
            return np.empty(shape, dtype)
        parts = refusals.part_dtype(dtype)
        refusals.check_implemented("normal_kernel_cpu", parts, refusals.FLOATS)
        if dtype.kind == "c":
            n, std = 2 * n, std / math.sqrt(2)
        if n < 16 or not (strides is None or is_contiguous(shape, strides)):
            return self._fill(shape, dtype, strides, lambda k: self._normals(k, mean, std))
        return self._normal_blocks(n, parts, mean, std).view(dtype).reshape(shape)

    def _normals(self, n, mean, std):
        """n doubles, two for each pair of uniforms. An odd one is kept for the next call, whatever its dtype."""
        have = self._cached_normal is not None
        pairs = (n - have + 1) // 2
        u = self._unit64(2 * pairs)
        z = np.empty(have + 2 * pairs)
        z[:have] = self._cached_normal
        z[have::2], z[have + 1 :: 2] = rounding.box_muller64(rounding.libm(math.log1p, -u[1::2]), u[::2])
        self._cached_normal = float(z[n]) if z.size > n else None
        return rounding.fma(z[:n], std, mean)

    def _normal_blocks(self, n, dtype, mean, std):
        """Normals from blocks of 16 uniforms. If n is not a multiple of 16, the last 16 are drawn again as one block."""
        block = self._block64 if dtype.itemsize == 8 else self._block32
        out, whole = np.empty(n, dtype), n - n % 16
        with self.lock:
            out[:whole] = self._run(whole, dtype, lambda k: block(k, mean, std))
            if n % 16:
                if dtype.itemsize > 2:  # half types do not draw the uniforms that are replaced
                    (self.longs if dtype.itemsize == 8 else self.words)(n % 16)
                out[-16:] = self._run(16, dtype, lambda k: block(k, mean, std))
        return out

    def normal_words(self, n: int) -> np.ndarray:
        """The words, in uint64, for n >= 16 float32 normals of mean 0 and deviation 1.

        They are n words; if n is not a multiple of 16, those of the whole blocks and of one more for the last 16 normals.
        """
        over = n % 16
        with self.lock:
            words = self._words.raw(n + 16 * (over > 0))
        return np.delete(words, np.s_[n - over : n]) if over else words

    def _block32(self, n, mean, std):
        return rounding.fma(rounding.normals32(self._unit32(n)), std, mean)

    def _block64(self, n, mean, std):
        u = self._unit64(n).reshape(-1, 2, 8)
        z = np.empty_like(u)
        cos, sin = rounding.box_muller64(rounding.libm(math.log, 1 - u[:, 0].ravel()), u[:, 1].ravel())
        z[:, 0], z[:, 1] = cos.reshape(-1, 8), sin.reshape(-1, 8)
        return rounding.fma(z.ravel(), std, mean)

    def log_normal(self, shape, dtype, mean: float = 1.0, std: float = 2.0, strides=None) -> np.ndarray:
        """exp(normal): `log_normal_`; mean and std are those of the normal."""
        dtype = np.dtype(dtype)
        if not std > 0:
            raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std:g}")
        if math.prod(shape):
            refusals.check_implemented("log_normal_cpu", dtype, refusals.FLOATS)
        return self._fill(shape, dtype, strides, lambda n: rounding.libm(math.exp, self._normals(n, mean, std)))

    def exponential(self, shape, dtype, lambd: float = 1.0, strides=None) -> np.ndarray:
        """Exponential with rate lambd: `exponential_`."""
        dtype = np.dtype(dtype)
        if not lambd > 0:
            raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={lambd:g}")
        if math.prod(shape):
            refusals.check_continuous("Exponential", dtype, 0)
            refusals.check_implemented("exponential_cpu", dtype, refusals.FLOATS)
        scale = -1.0 / lambd
        single = lambda n: rounding.scaled_log1p32(scale, -self._unit64(n))
        double = lambda n: scale * rounding.libm(math.log1p, -self._unit64(n))
        return self._fill(shape, dtype, strides, double if dtype.itemsize == 8 else single)

    def cauchy(self, shape, dtype, median: float = 0.0, sigma: float = 1.0, strides=None) -> np.ndarray:
        """Cauchy: `cauchy_`."""
        dtype = np.dtype(dtype)
        if not sigma > 0:
            raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma:g}")
        refusals.check_continuous("Cauchy", dtype, 1)
        if math.prod(shape):
            refusals.check_implemented("cauchy_cpu", dtype, refusals.FLOATS)

        def values(n):
            return rounding.fma(rounding.libm(math.tan, math.pi * (self._unit64(n) - 0.5)), sigma, median)

        return self._fill(shape, dtype, strides, values)

    def trunc_normal(self, shape, dtype, mean=0.0, std=1.0, a=-2.0, b=2.0, strides=None) -> np.ndarray:
        """Normal, cut to [a, b] by rejection: `nn.init.trunc_normal_`. Each round draws a full tensor."""
        if mean < a - 2 * std or mean > b + 2 * std:
            warn_user(
                "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of values may be incorrect.",
            )
        dtype = np.dtype(dtype)
        inside = (math.erf((b - mean) / std / math.sqrt(2)) - math.erf((a - mean) / std / math.sqrt(2))) / 2
        again = None if strides is None else like_strides(shape, strides)
        with self.lock:
            if inside > 0.3:
                return self._cut_normal(shape, dtype, mean, std, (a, b), (strides, again))
            return self._cut_uniform(shape, dtype, mean, std, (a, b), (strides, again))

    def _cut_normal(self, shape, dtype, mean, std, bounds, layouts):
        low, high = np.array(bounds).astype(dtype)
        result = self.normal(shape, dtype, mean, std, layouts[0])
        while (outside := (result < low) | (result > high)).any():
            result = np.where(outside, self.normal(shape, dtype, mean, std, layouts[1]), result)
        return result

    def _cut_uniform(self, shape, dtype, mean, std, bounds, layouts):
        peak = -0.5 * ((max(bounds[0], min(mean, bounds[1])) - mean) / std) ** 2
        wide = np.promote_types(dtype, np.float32).type
        result, pending = np.empty(shape, dtype), np.ones(shape, bool)
        layout = layouts[0]
        while pending.any():
            proposal = self.uniform(shape, dtype, *bounds, layout)
            layout = layouts[1]
            result = np.where(pending, proposal, result)
            with np.errstate(all="ignore"):
                # Each step rounds to dtype, as the chain of in-place operations does.
                x = (proposal.astype(wide) - wide(mean)).astype(dtype)
                x = (x.astype(wide) / wide(std)).astype(dtype)
                x = (x * x * dtype.type(-0.5)).astype(dtype)
                x = (x.astype(wide) - wide(peak)).astype(dtype)
                accept = np.log(self.uniform(shape, dtype, strides=layouts[1]).astype(wide)).astype(dtype)
            pending &= accept > x
        return result

    # -- discrete distributions ------------------------------------------------------------------------------

    def random(self, shape, dtype, low: int | None = None, high: int | None = None, strides=None):
        """Integers in [low, high): `random_` and `randint`.

        Args:
            low: None for `random_()`, which draws from 0 to the largest integer that dtype holds exactly; 0 for `random_(to)`.
            high: None for `random_(low, None)`, which draws up to the largest number of dtype.

        Warns:
            UserWarning: a bound that the float dtype cannot hold exactly.
        """
        if dtype is _INT64 and strides is None and low.__class__ is high.__class__ is int:
            n, count = math.prod(shape), high - low
            if 0 < n <= FEW and 0 < count < 1 << 28 and refusals.MIN64 <= low and high <= refusals.MAX64:
                with self.lock:
                    words = self._words.words(n)
                return (words % np.uint32(count)).astype(_INT64).reshape(shape) + low
        dtype = np.dtype(dtype)
        if low is None and high is None:
            return self._random_all(shape, dtype, strides)
        low, count = refusals.checked_range(dtype, low or 0, high)
        if math.prod(shape) == 0:
            return np.empty(shape, dtype)
        if count == 1 << 64:
            _full_range_kernel(dtype)
            return self._fill(shape, dtype, strides, lambda n: self.longs(n).view(np.int64))
        draw, low = (self.longs if count >= 1 << 28 else self.words), np.int64(low)
        return self._fill(shape, dtype, strides, lambda n: draws.remainders(draw(n), count).astype(np.int64) + low)

    def _random_all(self, shape, dtype, strides):
        if math.prod(shape) == 0:
            return np.empty(shape, dtype)
        refusals.check_implemented("random_kernel_cpu", dtype, refusals.NUMBERS)
        if dtype.kind == "b":
            count = 2
        elif dtype.kind in "iu":
            count = int(np.iinfo(dtype).max) + 1
        else:
            count = (1 << refusals.significand_bits(dtype)) + 1
        draw = self.longs if dtype.itemsize == 8 else self.words
        return self._fill(shape, dtype, strides, lambda n: draws.remainders(draw(n), count).astype(np.int64))

    def bernoulli(self, shape, dtype, p: float | np.ndarray = 0.5, strides=None) -> np.ndarray:
        """1 with probability p, else 0: `bernoulli_(p)`, `bernoulli(x)` and `bernoulli(x, p)`.

        Args:
            p: a number, or an array that broadcasts to shape with a probability for each element.
        """
        dtype, n = np.dtype(dtype), math.prod(shape)
        if not isinstance(p, int | float):
            return self._bernoulli_each(shape, dtype, np.asarray(p), strides) if n else np.empty(shape, dtype)
        if not 0 <= p <= 1:
            raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")
        if n:
            refusals.check_implemented("bernoulli_scalar_cpu_", dtype, refusals.NUMBERS)
        if 0 < n <= FEW // 2 and (strides is None or is_contiguous(shape, strides)):
            with self.lock:
                return self._words.below(n, p).reshape(shape).astype(dtype, copy=False)
        return self._fill(shape, dtype, strides, lambda k: draws.unit_below(self.longs(k), p))

    def _bernoulli_each(self, shape, dtype, p, strides):
        refusals.check_implemented("bernoulli_tensor_cpu_self_", dtype, refusals.NUMBERS)
        p = _visited(refusals.broadcast_probabilities(p, shape), strides)
        refusals.check_implemented("bernoulli_tensor_cpu_p_", p.dtype, refusals.FLOATS)
        p, draw = (p, self._unit64) if p.dtype.itemsize == 8 else (p.astype(np.float32), self._unit32)
        wrong = np.flatnonzero(~((p >= 0) & (p <= 1)))
        if wrong.size:
            draw(int(wrong[0]))  # the elements before it are drawn first
            raise RuntimeError(
                "Expected p_in >= 0 && p_in <= 1 to be true, but got false.  (Could this error message be improved? "
                " If so, please report an enhancement request to PyTorch.)"
            )
        return _logical((draw(p.size) < p).astype(dtype), shape, strides)

    def dropout_mask(self, shape, p: float, dtype=bool, strides=None) -> np.ndarray:
        """The elements that dropout keeps: `bernoulli_(1 - p)`, unscaled. With p of 0 or 1 nothing is drawn.

        `native_dropout` draws with those too: it is `bernoulli(shape, dtype, 1 - p)` for any p.
        """
        if not 0 <= p <= 1:
            raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {p:g}")
        if p in (0, 1):
            return np.full(shape, 1 - p, dtype)
        return self.bernoulli(shape, dtype, 1 - p, strides)

    def geometric(self, shape, dtype, p: float, strides=None) -> np.ndarray:
        """Trials up to the first success of probability p: `geometric_`."""
        dtype = np.dtype(dtype)
        if not 0 < p < 1:
            raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p:g}")
        if math.prod(shape):
            refusals.check_implemented("geometric_cpu", dtype, (*refusals.FLOATS, *refusals.INTEGERS))
        scale = math.log1p(-p)
        values = lambda n: np.ceil(rounding.libm(math.log, self._unit64(n)) / scale)
        return self._fill(shape, dtype, strides, values)

    def poisson(self, rates: np.ndarray) -> np.ndarray:
        """Counts of mean `rates`, in their shape and dtype: `torch.poisson`.

        Differs from torch: Python's lgamma and the C library's differ in the last bit, which changes a few counts from
        rates of 1e12 on.
        """
        rates = np.asarray(rates)
        refusals.check_implemented("poisson_cpu", rates.dtype, refusals.FLOATS)
        counts = self._one_by_one(draws.poisson_count, _doubles(rates))
        return rounding.cast_as_cpp(np.array(counts, np.int64), rates.dtype).reshape(rates.shape)

    def _one_by_one(self, draw, *parameters, normals=False):
        """draw(*parameters, uniform) for each element, or draw(*parameters, uniform, normal)."""
        with self.lock:
            before, drawn = self._position(), itertools.count()
            supply = itertools.chain.from_iterable(self._unit64(256).tolist() for _ in itertools.count())
            uniform = lambda: (next(drawn), next(supply))[1]
            given = (uniform, lambda: self._normal_from(uniform)) if normals else (uniform,)
            rows = zip(*parameters, strict=True)
            try:
                return [draw(*row, *given) for row in rows]
            finally:
                self._rewind(before)
                self.longs(next(drawn))

    def _normal_from(self, uniform):
        kept, self._cached_normal = self._cached_normal, None
        if kept is not None:
            return kept
        angle, radius = 2 * math.pi * uniform(), math.sqrt(-2 * math.log1p(-uniform()))
        self._cached_normal = radius * math.sin(angle)
        return radius * math.cos(angle)

    def standard_gamma(self, alpha: np.ndarray) -> np.ndarray:
        """Gamma numbers of these shapes and scale 1: `torch._standard_gamma`."""
        alpha = np.asarray(alpha)
        refusals.check_implemented("gamma_cpu", alpha.dtype, ("float32", "float64", "bfloat16", "float16"))
        made = self._gammas(alpha)
        made = rounding.cast_as_cpp(np.array(made, np.float64), alpha.dtype).reshape(alpha.shape)
        return np.maximum(made, draws.least_of(alpha.dtype))

    def _gammas(self, alpha):
        wide = alpha if alpha.dtype.itemsize == 8 else alpha.astype(np.float32)
        return self._one_by_one(draws.gamma, wide.ravel(), normals=True)

    def dirichlet(self, alpha: np.ndarray) -> np.ndarray:
        """Points of the simplex, along the last dimension: `torch._sample_dirichlet`."""
        alpha = np.asarray(alpha)
        made = np.maximum(self._gammas(alpha.astype(np.float64)), np.finfo(np.float64).tiny).reshape(alpha.shape)
        made = rounding.cast_as_cpp(made / made.sum(-1, keepdims=True), alpha.dtype)
        return np.clip(made, draws.least_of(alpha.dtype), np.nextafter(alpha.dtype.type(1), alpha.dtype.type(0)))

    def binomial(self, count: np.ndarray, p: np.ndarray) -> np.ndarray:
        """How many of `count` trials succeed, with probability p: `torch.binomial`."""
        return np.array(self._one_by_one(draws.binomial_count, _doubles(count), _doubles(p)), count.dtype).reshape(
            count.shape
        )

    def _position(self):
        return *self._words.get_state(), self._words.untouched

    def _rewind(self, position):
        self._words.set_state(*position)

    # -- permutations and choices ----------------------------------------------------------------------------

    def randperm(self, n: int, dtype=np.int64) -> np.ndarray:
        """The numbers 0 .. n - 1 in random order: `torch.randperm`."""
        dtype = np.dtype(dtype)
        refusals.check_randperm(n, dtype)
        if n >= (2**32 - 1) // 20:
            with self.lock:
                return rounding.cast_as_cpp(draws.shuffled_inside_out(n, self.longs), dtype)
        return rounding.cast_as_cpp(draws.shuffled(self.words(n - 1)), dtype) if n else np.empty(0, dtype)

    def multinomial(self, p: np.ndarray, num_samples: int, replacement: bool = False, strides=None):
        """Indices drawn with weights p along the last dimension, as int64: `torch.multinomial`.

        Args:
            p: (categories,) or (rows, categories), not negative; each row has a positive sum, which need not be 1.
            strides: those of `empty_like(p)`, whose memory order decides the draws without replacement.

        Differs from torch: among equal scores (zero weights, half types) the lower index comes first, where
        PyTorch's order depends on the C++ library's partial sort.
        """
        p = np.asarray(p)
        refusals.check_multinomial(p, num_samples, replacement)
        shape = (*p.shape[:-1], num_samples)
        if 0 in shape:
            return np.empty(shape, np.int64)
        if replacement and num_samples > 1:
            refusals.check_implemented("multinomial", p.dtype, refusals.FLOATS)
            return self._choose_again(np.atleast_2d(p), num_samples).reshape(shape)
        refusals.check_implemented("aminmax_cpu", p.dtype, refusals.FLOATS)
        if p.size == 0:
            raise RuntimeError(
                "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity."
            )
        if not (p.min() >= 0 and p.max() < np.inf):
            raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
        if not (p > 0).any(-1).all():
            raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
        with np.errstate(all="ignore"):
            scores = p / self.exponential(p.shape, p.dtype, strides=strides)
        if num_samples == 1:
            return scores.argmax(-1, keepdims=True)
        return np.argsort(-scores, axis=-1, kind="stable")[..., :num_samples]

    def _choose_again(self, p, num_samples):
        wide = np.promote_types(p.dtype, np.float32)
        with self.lock:
            rows = [
                np.searchsorted(draws.cumulative_probabilities(w.astype(wide)), self._unit64(num_samples)) for w in p
            ]
        return np.stack(rows)

    def rrelu_noise(self, x: np.ndarray, lower: float = 1 / 8, upper: float = 1 / 3) -> np.ndarray:
        """The factors of `rrelu` in training: uniform in [lower, upper) where x <= 0, else 1.

        For a bfloat16 x they are float32, because PyTorch rounds only the product.
        """
        x = np.asarray(x)
        refusals.check_implemented("rrelu_with_noise_out_cpu", x.dtype, ("float32", "float64", "bfloat16"))
        wide = np.promote_types(x.dtype, np.float32)
        low, high = np.array([lower, upper]).astype(wide).astype(np.float64)
        noise, drawn = np.ones(x.shape, wide), x <= 0
        noise[drawn] = self._run(int(drawn.sum()), wide, lambda n: self._unit64(n) * (high - low) + low)
        return noise

    def base_seed(self) -> int:
        """The seed that `iter(DataLoader)` draws for its workers: `empty((), dtype=int64).random_()`."""
        return int(self.longs(1)[0]) & refusals.MAX64


def _doubles(array):
    return array.astype(np.float64).ravel().tolist()


def _memory_order(shape, strides):
    """The dimensions from the slowest to the fastest, as PyTorch's TensorIterator sorts them."""
    return sorted(range(len(shape) - 1, -1, -1), key=lambda d: (strides[d], shape[d]))[::-1]


def _logical(flat, shape, strides):
    """The values of flat, which lie in memory order, as a C-contiguous array of shape."""
    if strides is None or is_contiguous(shape, strides):
        return flat.reshape(shape)
    order = _memory_order(shape, strides)
    return np.asarray(flat.reshape([shape[d] for d in order]).transpose(np.argsort(order)), order="C")


def _visited(array, strides):
    """The values of array in memory order."""
    return array.ravel() if strides is None else array.transpose(_memory_order(array.shape, strides)).ravel()


def _full_range_kernel(dtype):
    """The checks of `random_(-2**63, None)`, which has a kernel of its own."""
    kernel = "random_full_64_bits_range_kernel_cpu"
    refusals.check_implemented(kernel, dtype, ("float32", "float64", "bfloat16", *refusals.INTEGERS))
    if dtype.kind in "iu" and dtype.itemsize < 8:
        raise RuntimeError(f"{kernel} handles only int64, double, float and bfloat16")
