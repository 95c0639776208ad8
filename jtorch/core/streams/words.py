"""The words of mt19937 and the uniforms and normals made of them, drawn ahead of their use.

A call of NumPy's costs about as much for one number as for hundreds. So `Words` draws a block of words at a time, and converts
all of them the first time that it is asked for uniforms or pairs, and many to normals; a small draw is then a slice. The
numbers, and the state that users see, are as if each draw took its own words only.
"""

from __future__ import annotations

import numpy as np

from jtorch.core.facts import without_warnings
from jtorch.core.streams import draws, rounding

FEW = 624  # so many words at most come from a block; more are drawn at once. The engine makes as many at a time
_MOST = 16 * FEW  # words in a block


class _Block:
    """Words that were drawn from the engine, and what was made of them so far."""

    def __init__(self, words):
        self.words = words
        self.made = {}

    def uniforms(self):
        """A float32 in [0, 1) for each word."""
        found = self.made.get("uniforms")
        if found is None:
            found = self.made["uniforms"] = draws.unit32(self.words)
        return found

    def longs(self, odd):
        """The words in pairs, from the first or the second word on, as uint64."""
        found = self.made.get(odd)
        if found is None:
            pairs = self.words[odd:][: (self.words.size - odd) & ~1].reshape(-1, 2).astype(np.uint64)
            found = self.made[odd] = pairs[:, 0] << np.uint64(32) | pairs[:, 1]
        return found

    def fractions(self, odd):
        """The low 53 bits of `longs`."""
        found = self.made.get(("fractions", odd))
        if found is None:
            found = self.made["fractions", odd] = self.longs(odd) & draws.LOW_53
        return found


class Words:
    """The engine. Whoever uses it holds a lock."""

    def __init__(self):
        self._source = np.random.MT19937(0)
        self._engine = np.random.RandomState(self._source)  # seeds it and reads its state as PyTorch does
        self._drop()
        self.untouched = True  # a new state, not one whose 624th word was just drawn

    def _drop(self):
        """Forget the words that were drawn ahead. Words are counted from here on."""
        self._block, self._at, self._end = _Block(np.empty(0, np.uint32)), 0, 0
        self._start = 0  # the block starts at this word
        self._drawn_from, self._before = 0, None  # the first word drawn last, and the engine's state before
        self._size = FEW  # of the next block
        self._run = 0, 0, None  # (first word, end, the normals of these words)

    def seed(self, seed: int) -> None:
        """Start anew."""
        self._drop()
        self._engine.seed(seed)
        self.untouched = True

    def get_state(self):
        """(the 624 words of the engine's state, how many of them were used)."""
        self._settle()
        return self._engine.get_state()[1:3]

    def set_state(self, words, position, untouched=False) -> None:
        """Go on from a state that `get_state` gave."""
        self._drop()
        self._engine.set_state(("MT19937", words, position))
        self.untouched = untouched

    def _settle(self):
        """Put the engine where users see it."""
        used, before = self._start + self._at - self._drawn_from, self._before
        self._drop()
        if before is not None:
            self._engine.set_state(before)
            self._source.random_raw(used)

    def _take(self, n):
        """Where in the block the next n words are, at most FEW."""
        at = self._at
        if at + n > self._end:
            self._refill()
            at = 0
        self._at = at + n
        if n:
            self.untouched = False
        return at

    def _refill(self):
        """Draw words, twice as many as the last time: who draws often will need them."""
        before, left = self._engine.get_state(), self._block.words[self._at :]
        drawn = self._source.random_raw(self._size).astype(np.uint32)
        start = self._start + self._at
        block = _Block(np.concatenate([left, drawn]))
        self._block, self._at, self._end, self._start = block, 0, block.words.size, start
        self._drawn_from, self._before = start + left.size, before
        self._size = min(2 * self._size, _MOST)

    def raw(self, n: int) -> np.ndarray:
        """The next n words as uint64."""
        if n <= FEW:
            return self.words(n).astype(np.uint64)
        self._settle()
        self.untouched = False
        return self._source.random_raw(n)

    def words(self, n: int) -> np.ndarray:
        """The next n words as uint32."""
        if n > FEW:
            return self.raw(n).astype(np.uint32)
        at = self._take(n)
        return self._block.words[at : at + n].copy()

    def longs(self, n: int) -> np.ndarray:
        """The next 2n words in pairs, as uint64: first << 32 | second."""
        if 2 * n <= FEW:
            at = self._take(2 * n)
            return self._block.longs(at & 1)[at >> 1 : (at >> 1) + n].copy()
        self._settle()
        self.untouched = False
        # Over its full range randint returns the engine's words in order (NumPy keeps this stream fixed).
        return self._engine.randint(0, 1 << 64, n, np.uint64)

    def uniforms(self, n: int, shape=None) -> np.ndarray:
        """float32 in [0, 1) of the next n words."""
        if n > FEW:
            return draws.unit32(self.words(n)).reshape((n,) if shape is None else shape)
        at = self._take(n)
        return self._block.uniforms()[at : at + n].reshape((n,) if shape is None else shape).copy()

    def below(self, n: int, p: float) -> np.ndarray:
        """Whether a float64 in [0, 1) is less than p, for each of the next n pairs of words."""
        if 2 * n > FEW:
            return draws.unit_below(self.longs(n), p)
        at = self._take(2 * n)
        return self._block.fractions(at & 1)[at >> 1 : (at >> 1) + n] < draws.threshold(p)

    def normals(self, n: int, shape) -> np.ndarray:
        """float32 normals of the next n words, a multiple of 16 and at most FEW."""
        at = self._take(n)
        word = self._start + at
        start, end, made = self._run
        if word < start or word + n > end or (word - start) & 15:
            follows = start <= word <= end and not (word - start) & 15
            count = min(max(n, 2 * (end - start) if follows else FEW), self._end - at)
            made = self._make_normals(self._block.uniforms()[at : at + count - count % 16])
            start = word
            self._run = start, start + made.size, made
        return made[word - start : word - start + n].reshape(shape).copy()

    def _make_normals(self, uniforms):
        return without_warnings(rounding.normals32, uniforms) + np.float32(0)  # no -0
