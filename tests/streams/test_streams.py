"""The CPU's random streams against PyTorch's: recorded draws, errors and states; live if PyTorch is installed."""

import math
import threading
from fractions import Fraction
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import jtorch as torch
from jtorch.core.streams import draws
from jtorch.core.streams import rounding as exact
from jtorch.core.streams.stream import RandomStream
from tests.streams.stream_cases import TABLE, drawn

F32, F64 = np.float32, np.float64


@pytest.mark.parametrize("case", TABLE.programs)
def test_a_stream_draws_and_refuses_what_pytorch_does(case):
    assert not TABLE.differences(torch, case)


# -- the engine ----------------------------------------------------------------------------------------------


def test_longs_are_words_in_pairs_first_word_high():
    words = RandomStream(5).words(2000).astype(np.uint64)
    np.testing.assert_array_equal(RandomStream(5).longs(1000), words[::2] << np.uint64(32) | words[1::2])


@pytest.mark.parametrize("before", [0, 1, 623, 624, 625, 1248])
def test_a_state_goes_on_where_it_was_taken(before):
    stream = RandomStream(3)
    stream.words(before)
    stream.normal((1,), F32)  # the second normal of the pair stays in the cache
    state, copy, other = stream.get_state(), stream.clone(), RandomStream()
    other.set_state(state)
    expected = stream.normal((5,), F32).tobytes(), stream.uniform((700,), F32).tobytes()
    for again in (copy, other):
        assert (again.normal((5,), F32).tobytes(), again.uniform((700,), F32).tobytes()) == expected
        assert again.get_state().tobytes() == stream.get_state().tobytes()
        assert again.initial_seed() == 3


def test_an_impossible_state_is_refused():
    state = RandomStream(0).get_state()
    state[8] = 7  # claims unused words, but the state array has not been twisted
    with pytest.raises(RuntimeError, match="^Invalid mt19937 state$"):
        RandomStream().set_state(state)


def test_a_new_stream_has_pytorchs_default_seed():
    assert RandomStream().initial_seed() == 67280421310721


def test_seed_starts_anew_with_a_seed_of_its_own():
    stream = RandomStream(1)
    seeds = {stream.seed() for _ in range(4)}
    assert len(seeds) == 4
    assert stream.get_state().tobytes() == RandomStream(stream.initial_seed()).get_state().tobytes()


def test_numpy_integers_are_refused_as_seeds():
    with pytest.raises(TypeError, match="an integer is required"):
        RandomStream().manual_seed(np.int64(4))


def test_threads_share_a_stream_draw_by_draw():
    stream, pieces = RandomStream(9), []
    work = lambda: pieces.extend(stream.normal((3, 16), F32).tobytes() for _ in range(40))
    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    alone = RandomStream(9)
    assert sorted(pieces) == sorted(alone.normal((3, 16), F32).tobytes() for _ in range(160))


def test_a_draw_does_not_depend_on_how_it_is_cut():
    whole, stream = RandomStream(1).uniform((100_000,), F32), RandomStream(1)
    cut = [stream.uniform((k,), F32) for k in (1, 40_000, 59_999)]
    np.testing.assert_array_equal(np.concatenate(cut), whole)


# -- arithmetic ----------------------------------------------------------------------------------------------


def _fused(a, b, c):
    """a * b + c of float32 arrays, rounded once: the sum is rounded to odd in float64 first."""
    product, c = a.astype(F64) * b, np.asarray(c, F64)
    total = exact._round_to_odd(*exact._two_sum(product, c))
    return total.astype(F32)


def _ln(x):
    """Cephes' logf, one fused operation for each a * b + c."""
    bits = x.view(np.int32)
    e, x = ((bits >> 23) - 126).astype(F32), ((bits & 0x7FFFFF) | 0x3F000000).view(F32)
    low = x < F32(0.707106781186547524)
    e, x = np.where(low, e - F32(1), e), np.where(low, (x - F32(1)) + x, x - F32(1))
    z, y = x * x, F32(exact._LN[0])
    for p in exact._LN[1:]:
        y = _fused(y, x, F32(p))
    y = _fused(y * x, z, e * F32(-2.12194440e-4)) - z * F32(0.5)
    return (x + y) + e * F32(0.693359375)


def _sincos(t):
    """Cephes' sinf and cosf."""
    j = ((t * F32(1.27323954473516)).astype(np.int32) + 1) & ~1
    x, y = t, j.astype(F32)
    for part in (-0.78515625, -2.4187564849853515625e-4, -3.77489497744594108e-8):
        x = _fused(y, F32(part), x)
    z = x * x
    c = _fused(_fused(F32(exact._COS[0]), z, F32(exact._COS[1])), z, F32(exact._COS[2])) * z
    c = _fused(c, z, -(z * F32(0.5))) + F32(1)
    s = _fused(_fused(F32(exact._SIN[0]), z, F32(exact._SIN[1])), z, F32(exact._SIN[2])) * z
    s = _fused(s, x, x)
    sin, cos = np.where(j & 2, c, s), np.where(j & 2, s, c)
    return np.where(j & 4, -sin, sin), np.where(~(j - 2) & 4, -cos, cos)


@pytest.mark.parametrize("step", [97, pytest.param(1, marks=pytest.mark.slow)])
def test_single_precision_normals_are_fused_for_every_uniform(step):
    for start in range(0, 1 << 24, step << 18):
        u = np.arange(start, min(start + (step << 18), 1 << 24), step).astype(F32) * F32(2.0**-24)
        angle = u * F32(2 * math.pi)
        for ours, reference in zip(
            (exact._ln(F32(1) - u), *exact._sincos(angle)), (_ln(F32(1) - u), *_sincos(angle)), strict=True
        ):
            np.testing.assert_array_equal(ours.view(np.int32), reference.view(np.int32))


@pytest.mark.optimized
@pytest.mark.parametrize("step", [97, pytest.param(1, marks=pytest.mark.slow)])
def test_normals_inside_a_program_are_the_same_for_every_uniform(step):
    with jax.enable_x64(True):
        compiled = jax.jit(lambda words: exact.normals32(draws.unit32(words), jnp))
        for start in range(0, 1 << 24, step << 18):
            words = np.arange(start, min(start + (step << 18), 1 << 24), step).astype(np.uint32)
            words = words[: words.size // 16 * 16]
            for order in (words, words.reshape(-1, 2, 8)[:, ::-1].ravel()):  # a word is a radius once, an angle once
                np.testing.assert_array_equal(
                    np.asarray(compiled(order)).view(np.int32), exact.normals32(draws.unit32(order)).view(np.int32)
                )


@pytest.mark.optimized
@pytest.mark.parametrize("shape", [(1024,), (64, 64), (33, 37), (7, 1000), (5, 3)])
def test_noise_beside_a_promised_tensor_is_made_in_its_program(shape):
    """The noise equals a draw on the host, and so does the state of the stream afterwards."""
    torch.manual_seed(3)
    wanted = [torch.randn(shape).numpy() for _ in range(4)] + [torch.rand(2).numpy()]
    torch.manual_seed(3)
    x = torch.ones(shape) + 1
    made = [
        torch.randn_like(x),
        torch.normal(x, x),
        torch.distributions.Normal(x, x, validate_args=False).rsample(),  # validation would read x
        torch.randn_like(x),
        torch.rand(2),
    ]
    assert [made[i]._storage.value.is_promised for i in (0, 3)] == [math.prod(shape) >= 1024] * 2  # else drawn at once
    made[1], made[2] = (made[1] - 2) / 2, (made[2] - 2) / 2
    for i, (got, want) in enumerate(zip(made, wanted, strict=True)):
        compare = np.testing.assert_array_equal if i in (0, 3, 4) else partial(np.testing.assert_allclose, atol=1e-6)
        compare(got.numpy(), want)


@pytest.mark.parametrize(
    "scale, shift",
    [
        (1.3, 0.7),
        (0.02, 3.0),
        (1e-3, -1e-3),
        (123.456, -7e5),
        (2.0, -1.0),
        (1e-40, -1e-41),
        (1e-190, 1e-190),
        (1e-320, 1e-310),
        (1, 1e-9),
        (0, 5),
        (7, 0),
    ],
)
@pytest.mark.parametrize("dtype", [F32, F64])
def test_fma_rounds_once(dtype, scale, shift):
    x = np.random.RandomState(0).randn(2000).astype(dtype)
    x[::2] = np.ldexp(np.round(np.ldexp(x[::2], 12)), -12)  # few bits, so that sums fall on midpoints between floats
    scale, shift = float(dtype(scale)), float(dtype(shift))
    with np.errstate(under="ignore"):
        ours = exact.fma(x, scale, shift)
    for value, result in zip(x.tolist(), ours, strict=True):
        true = Fraction(value) * Fraction(scale) + Fraction(shift)
        error, near = abs(Fraction(float(result)) - true), []
        for toward in (-np.inf, np.inf):
            near.append(abs(Fraction(float(np.nextafter(result, dtype(toward)))) - true))
        even = not int(result.view(f"i{result.itemsize}")) & 1
        assert error < min(near) or (error == min(near) and even)


def test_exponential_asks_the_c_library_near_midpoints():
    x = -draws.unit64(RandomStream(2).longs(200_000))
    for scale in (-1.0, -0.37, -1e38):
        with np.errstate(over="ignore"):
            expected = (scale * exact.libm(math.log1p, x)).astype(F32)
            np.testing.assert_array_equal(exact.scaled_log1p32(scale, x), expected)


# -- permutations --------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 2**32 - 1), max_size=60))
def test_the_two_ways_to_shuffle_agree(words):
    words = np.array(words, np.uint32)
    offsets = (words % np.arange(words.size + 1, 1, -1, dtype=np.uint32)).astype(np.int64)
    np.testing.assert_array_equal(draws._swap_all_at_once(offsets), draws._swap_one_by_one(offsets))


@pytest.mark.parametrize("n", [299, 300, 5000, 70_000])
def test_a_shuffle_of_any_length_is_the_swaps_in_turn(n):
    offsets = (RandomStream(n).words(n - 1) % np.arange(n, 1, -1, dtype=np.uint32)).astype(np.int64)
    np.testing.assert_array_equal(RandomStream(n).randperm(n), draws._swap_one_by_one(offsets))


def test_the_shuffle_of_very_many_is_inside_out():
    # randperm(214748364) takes 1.7 GB and two minutes; it equalled PyTorch's when tried.
    order = []
    for i, long in enumerate(RandomStream(4).longs(40_000).tolist()):
        j = long % (i + 1)
        order.append(i)
        order[i], order[j] = order[j], i
    np.testing.assert_array_equal(draws.shuffled_inside_out(40_000, RandomStream(4).longs), order)


# -- live ----------------------------------------------------------------------------------------------------

FLOATS = ["float16", "bfloat16", "float32", "float64"]
OTHERS = ["complex64", "complex128", "bool", "uint8", "int8", "int16", "int32", "int64"]
small = st.floats(-5, 5, width=32)
FILLS = {
    # PyTorch's in-place method: its arguments
    "uniform": st.tuples(small, small).map(sorted).map(tuple),
    "normal": st.tuples(small, st.floats(0, 3)),
    "log_normal": st.tuples(small, st.floats(0.01, 3)),
    "exponential": st.tuples(st.floats(1e-3, 1e3)),
    "cauchy": st.tuples(small, st.floats(1e-3, 10)),
    "geometric": st.tuples(st.floats(1e-6, 0.999)),
    "bernoulli": st.tuples(st.floats(-0.1, 1.1)),
    "random": st.one_of(
        st.just(()),
        st.tuples(st.integers(-(2**62), 2**62), st.integers(-(2**62), 2**62)),
        st.tuples(st.integers(-300, 300), st.integers(-300, 300)),
        st.tuples(st.integers(-300, 2**40), st.none()),
    ),
}


@st.composite
def layouts(draw):
    """(sizes of a contiguous tensor, how it is permuted, how it is sliced)."""
    sizes = draw(st.lists(st.sampled_from([0, 1, 1, 2, 3, 4, 5, 17]), max_size=4))
    order = draw(st.permutations(range(len(sizes))))
    cuts = [draw(st.sampled_from([(0, 1), (0, 1), (1, 1), (0, 2)])) for _ in sizes]
    return sizes, order, cuts


@pytest.mark.parity
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FILLS)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])  # the machine may be busy
@given(data=st.data(), seed=st.integers(0, 2**64 - 1), before=st.booleans())
def test_fills_of_any_dtype_and_layout_equal_pytorchs(name, data, seed, before):
    torch = pytest.importorskip("torch")
    dtype = data.draw(st.sampled_from(FLOATS + OTHERS if name != "uniform" else FLOATS * 2 + OTHERS))
    sizes, order, cuts = data.draw(layouts())
    args = data.draw(FILLS[name])
    tensor = torch.empty(sizes, dtype=getattr(torch, dtype)).permute(order)
    tensor = tensor[tuple(slice(start, None, step) for start, step in cuts)]
    generator, stream = torch.Generator().manual_seed(seed), RandomStream(seed)
    if before:  # after an odd number of normals one is in the cache
        torch.randn(1, generator=generator)
        stream.normal((1,), F32)

    def theirs():
        filled = getattr(tensor, f"{name}_")(*args, generator=generator).contiguous()
        return (filled.view(torch.int16) if dtype == "bfloat16" else filled).numpy()

    def ours():
        fill = getattr(stream, name)
        return fill(tuple(tensor.shape), np.dtype(dtype), *args, strides=tensor.stride())

    assert drawn(ours, stream.get_state) == drawn(theirs, lambda: generator.get_state().numpy())


@pytest.mark.parity
@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**64 - 1), st.integers(0, 3000))
def test_permutations_equal_pytorchs(seed, n):
    torch = pytest.importorskip("torch")
    expected = torch.randperm(n, generator=torch.Generator().manual_seed(seed)).numpy()
    np.testing.assert_array_equal(RandomStream(seed).randperm(n), expected)


@pytest.mark.parity
@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**64 - 1), st.integers(1, 60), st.integers(1, 60), st.booleans(), st.booleans())
def test_choices_equal_pytorchs(seed, categories, n, replacement, double):
    torch = pytest.importorskip("torch")
    weights = np.random.RandomState(seed % 2**32).rand(3, categories).astype(F64 if double else F32)
    n = n if replacement else min(n, categories)
    generator = torch.Generator().manual_seed(seed)
    expected = torch.multinomial(torch.from_numpy(weights), n, replacement, generator=generator).numpy()
    np.testing.assert_array_equal(RandomStream(seed).multinomial(weights, n, replacement), expected)


@pytest.mark.parity
@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**64 - 1), st.lists(st.floats(0, 1e5, width=32), max_size=30))
def test_poisson_counts_equal_pytorchs(seed, rates):
    torch = pytest.importorskip("torch")
    rates = np.array(rates, F32)
    stream, generator = RandomStream(seed), torch.Generator().manual_seed(seed)
    expected = torch.poisson(torch.from_numpy(rates), generator=generator).numpy()
    np.testing.assert_array_equal(stream.poisson(rates), expected)
    assert stream.get_state().tobytes() == generator.get_state().numpy().tobytes()


@pytest.mark.parity
def test_ten_million_normals_equal_pytorchs():
    torch = pytest.importorskip("torch")
    expected = torch.randn(10_000_000, generator=torch.Generator().manual_seed(1)).numpy()
    ours = RandomStream(1).normal((10_000_000,), F32)
    np.testing.assert_array_equal(ours.view(np.int32), expected.view(np.int32))


def test_bernoulli_refuses_probabilities_that_do_not_broadcast():
    with pytest.raises(RuntimeError, match=r"The expanded size of the tensor \(3\) must match the existing size \(4\)"):
        torch.ones(2, 3).bernoulli_(torch.ones(4))
    with pytest.raises(RuntimeError, match=r"expand\(torch.FloatTensor\{\[2, 3\]\}, size=\[3\]\): the number of sizes"):
        torch.ones(3).bernoulli_(torch.ones(2, 3))
