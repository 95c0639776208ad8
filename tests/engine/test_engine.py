"""The engine: what is compiled and when, what a program computes, and that no value is lost."""

from __future__ import annotations

import gc
import json
import signal
import subprocess
import sys
import threading

import jax
import numpy as np
import pytest

import jtorch as torch
import jtorch.nn as nn
import jtorch.nn.functional as F
from jtorch.compiler import stats
from jtorch.core import engine
from jtorch.core.engine import failures, policy, segments, xla_options
from jtorch.core.engine import program as programs
from jtorch.core.engine import trace as traces
from jtorch.core.facts import config
from jtorch.core.op.op import Array, Number, op

pytestmark = pytest.mark.optimized


@pytest.fixture(autouse=True)
def fresh_traces():
    """Every test starts from an empty tree."""
    engine.reset()
    yield
    engine.reset()


class Model(nn.Module):
    def __init__(self, dropout=0.0, width=8):
        super().__init__()
        self.first = nn.Linear(4, width)
        self.second = nn.Linear(width, 3)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        return self.second(self.dropout(torch.relu(self.first(x))))


def data(n=6):
    torch.manual_seed(0)
    return torch.randn(n, 4), torch.randint(0, 3, (n,))


def compiled_after(rounds, step, warm=1):
    """How many programs `step(i)` compiles after the first `warm` rounds."""
    for i in range(warm + 1):
        step(i)  # a step runs when the next one begins
    before = stats().compiles
    for i in range(warm + 1, rounds + 1):
        step(i)
    return stats().compiles - before


def training(optimizer=lambda p: torch.optim.Adam(p), model=None):
    model = model or Model()
    return model, optimizer(model.parameters())


def a_step(model, opt):
    """One training step, as a function that gives the loss."""
    x, y = data()

    def step():
        opt.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        opt.step()
        return loss

    return step


def interrupted(step):
    """Interrupt steps by a signal, each time at another moment of the step; yield after each interrupt."""
    for wait in np.linspace(1e-5, 2e-3, 40):
        old = signal.signal(signal.SIGALRM, signal.default_int_handler)
        try:
            signal.setitimer(signal.ITIMER_REAL, wait)
            while True:
                step()
        except KeyboardInterrupt:
            pass
        finally:
            signal.signal(signal.SIGALRM, old)
        yield


@jax.custom_vjp
def _untraceable(x):
    return x


def _refuse(_, cotangent):
    raise ArithmeticError("no gradient today")


_untraceable.defvjp(lambda x: (x, None), _refuse)


@op(method=False)
def _broken_gradient(input: Array) -> Array:
    """The identity, whose gradient raises while it is traced."""
    return _untraceable(input)


@pytest.mark.optimized(False)
class TestCompilesOnce:
    """From the second step on nothing compiles."""

    def test_plain_loop(self):
        model, opt = training()
        x, y = data()

        def step(i):
            opt.zero_grad()
            F.cross_entropy(model(x), y).backward()
            opt.step()

        assert compiled_after(5, step) == 0
        assert stats().programs >= 1

    @pytest.mark.parametrize("kind", ["SGD", "Adam", "AdamW", "RMSprop"])
    def test_learning_rate_schedule(self, kind):
        model, opt = training(lambda p: getattr(torch.optim, kind)(p, lr=0.1))
        schedule = torch.optim.lr_scheduler.ExponentialLR(opt, 0.9)
        x, y = data()

        def step(i):
            opt.zero_grad()
            F.cross_entropy(model(x), y).backward()
            opt.step()
            schedule.step()

        assert compiled_after(6, step) == 0

    def test_item_every_step(self):
        model, opt = training()
        x, y = data()
        losses = []

        def step(i):
            opt.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            opt.step()
            losses.append(loss.item())

        assert compiled_after(6, step) == 0
        assert losses[-1] < losses[0]

    def test_item_before_the_step(self):
        model, opt = training()
        x, y = data()

        def step(i):
            loss = F.cross_entropy(model(x), y)
            opt.zero_grad()
            loss.backward()
            loss.item()
            opt.step()

        assert compiled_after(6, step, warm=2) == 0

    def test_ragged_last_batch(self):
        model, opt = training()
        x, y = data(10)

        def step(i):
            for start in range(0, 10, 4):
                opt.zero_grad()
                F.cross_entropy(model(x[start : start + 4]), y[start : start + 4]).backward()
                opt.step()

        assert compiled_after(5, step) == 0

    def test_train_and_eval_in_turn(self):
        model, opt = training(model=Model(dropout=0.5))
        x, y = data()

        def step(i):
            model.train()
            opt.zero_grad()
            F.cross_entropy(model(x), y).backward()
            opt.step()
            model.eval()
            with torch.no_grad():
                (model(x).argmax(1) == y).float().mean().item()

        assert compiled_after(6, step, warm=2) == 0

    def test_gradient_accumulation(self):
        model, opt = training()
        x, y = data()

        def step(i):
            opt.zero_grad()
            for _ in range(3):
                (F.cross_entropy(model(x), y) / 3).backward()
            opt.step()

        assert compiled_after(6, step, warm=2) == 0

    def test_hand_written_update(self):
        model = Model()
        x, y = data()

        def step(i):
            F.cross_entropy(model(x), y).backward()
            with torch.no_grad():
                for p in model.parameters():
                    p -= 0.1 / (i + 1) * p.grad
                    p.grad = None

        assert compiled_after(8, step, warm=3) == 0

    def test_numbers_are_values(self):
        x = torch.ones(3)

        def step(i):
            (x * (0.1 * i) + i).sum().item()

        assert compiled_after(8, step, warm=2) == 0

    def test_indices_are_values(self):
        x = torch.arange(20.0) * 1.5

        def step(i):
            (x[i] + x[i : i + 3].sum()).item()

        assert compiled_after(10, step, warm=2) == 0

    def test_batches_drawn_from_a_memory(self):
        """The same state twice, computed and given actions in one batch: always joined on the host, whichever samples are drawn."""
        model, optimizer = training()
        states = [torch.randn(1, 4) for _ in range(8)]
        memory = [(x, model(x).max(1).indices.view(1, 1)) for x in states]

        def step(i):
            drawn = [memory[k] for k in np.random.default_rng(i).integers(0, 8, 6)]
            states, actions = torch.cat([x for x, _ in drawn]), torch.stack([a for _, a in drawn]).squeeze(1)
            optimizer.zero_grad()
            loss = (model(states).gather(1, actions) ** 2).mean()
            loss.backward()
            optimizer.step()

        assert memory[0][1].item() in range(3)
        assert compiled_after(8, step, warm=2) == 0

    def test_what_was_made_before_the_optimizer_is_no_part_of_the_first_step(self):
        model = Model()
        with torch.no_grad():
            model.first.weight.mul_(0.5)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        x, y = data()

        def step(i):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()

        before = stats().programs
        for i in range(4):
            step(i)
        optimizer.zero_grad()
        engine.flush()
        assert stats().programs - before == 1

    def test_shapes_that_grow_and_come_back(self):
        """Text generated token by token: lines are compiled for each length, whole traces for none."""
        weight = torch.randn(3, 3)

        def generate(i):
            text = torch.ones(1, 3)
            for _ in range(5):
                text = torch.cat([text, torch.tanh(text @ weight)[-1:].exp()])
                text.sum().item()

        generate(0)
        before = stats()
        for i in range(1, 4):
            generate(i)
        assert (stats().compiles - before.compiles, stats().programs - before.programs) == (0, 0)

    def test_a_look_is_compiled_whole_when_it_has_come_often(self, monkeypatch):
        def look():
            return ((torch.arange(3.0) * 2).exp() + 1).sum().item()

        monkeypatch.setattr(policy, "patience_with_light", 6)
        before = stats().programs
        values = {look() for _ in range(5)}
        assert stats().programs == before
        values |= {look(), look()}
        assert stats().programs == before + 1
        assert len(values) == 1

    def test_what_needs_a_gradient_is_joined_by_the_program(self):
        x, y = torch.ones(2, requires_grad=True), torch.ones(2)
        (torch.cat([x, y]) * torch.arange(4.0)).sum().backward()
        assert x.grad.tolist() == [0.0, 1.0]
        assert torch.stack([x, y]).grad_fn is not None
        a = np.zeros(2)
        joined = torch.cat([torch.from_numpy(a), torch.zeros(1, dtype=torch.float64)])
        a[0] = 5
        assert joined.tolist() == [0.0, 0.0, 0.0]


@pytest.mark.optimized(False)
def test_a_loop_over_many_lengths_settles():
    """A character RNN loops in Python over 18 lengths: it compiles a bounded number of programs, and none once each length came twice."""
    torch.manual_seed(0)
    cell = nn.Linear(6, 4)
    head = nn.Linear(4, 3)
    opt = torch.optim.SGD([*cell.parameters(), *head.parameters()], lr=0.1)
    lengths = list(range(1, 19))

    def epoch(i):
        for n in lengths:
            h = torch.zeros(1, 4)
            for _ in range(n):
                h = torch.tanh(cell(torch.cat([torch.ones(1, 2), h], 1)))
            opt.zero_grad()
            F.cross_entropy(head(h), torch.tensor([n % 3])).backward()
            opt.step()

    epoch(0)
    epoch(1)
    engine.flush()
    seen = stats().compiles
    for i in range(3):
        epoch(i)
    engine.flush()
    assert stats().compiles == seen


MANY_STEPS = """
import gc, os
import jtorch as torch, jtorch.nn as nn, jtorch.nn.functional as F
from jtorch.core import engine
from jtorch.compiler import stats

model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
opt = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
x, y = torch.randn(6, 4), torch.randint(0, 3, (6,))

def steps(n):
    for _ in range(n):
        opt.zero_grad()
        F.cross_entropy(model(x), y).backward()
        opt.step()
    engine.flush()
    gc.collect()
    with open("/proc/self/statm") as f:
        return stats().positions, len(gc.get_objects()), int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

before, after = steps(100), steps(9_900)
print(*(b - a for a, b in zip(before, after)))
"""


def test_ten_thousand_steps_do_not_grow():
    # In a process of its own: here the allocator still holds memory of other tests' arrays.
    done = subprocess.run([sys.executable, "-c", MANY_STEPS], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    positions, objects, memory = map(int, done.stdout.split())
    assert positions == 0
    assert objects < 100
    assert memory < 8 << 20


MANY_PROGRAMS = """
import json, sys
from pathlib import Path
import jtorch as torch
from jtorch.core.facts import config
from jtorch.core import engine
from jtorch.core.engine import policy
from jtorch.compiler import stats

maps = Path("/proc/self/maps")
held = lambda: len(maps.read_text().splitlines()) if maps.exists() else 0
config.max_programs, config.compiler_options, config.numpy_lines = 20, json.loads(sys.argv[1]), False
w = torch.ones(3, requires_grad=True)
opt = torch.optim.SGD([w], lr=0.5)

def step():
    opt.zero_grad()
    (w * w).sum().backward()
    opt.step()
    engine.flush()

step(), step()
assert w.tolist() == [0, 0, 0]
(torch.ones(1) * 2).sum().item()
before, programs = held(), stats().programs
for n in range(2, 62):  # two lines of new shapes each
    assert (torch.ones(n) * 2).sum().item() == 2 * n
print((held() - before) // (stats().compiles - 20))
compiles = stats().compiles
assert (torch.ones(61) * 2).sum().item() == 122
print(stats().compiles - compiles)
assert (torch.ones(2) * 2).sum().item() == 4
print(stats().compiles - compiles)
w.data.fill_(1.0)
step()
print(w.tolist(), stats().programs - programs)
policy.trusted_steps, policy.trusted_lines, engine.counters.warned, before = 10**9, 10**9, True, held()
for n in range(3, 33):  # a training step of a new shape: a program of some ten maps
    w = torch.ones(n, requires_grad=True)
    opt = torch.optim.SGD([w], lr=0.5)
    step()
print(held() - before < 100, stats().programs - programs)
"""


def test_programs_in_memory_are_bounded(quick_options):
    """The older half is dropped, also a step's program, which is made again when it is used again."""
    command = [sys.executable, "-c", MANY_PROGRAMS, json.dumps(quick_options)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.stdout.splitlines() == ["0", "0", "2", "[0.0, 0.0, 0.0] 1", "True 31"], done.stderr


def test_no_cycles():
    """With the garbage collector off, a training loop leaves no objects behind."""
    model, opt = training()
    x, y = data()
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            opt.zero_grad()
            F.cross_entropy(model(x), y).backward()
            opt.step()
        engine.flush()
        before = len(gc.get_objects())
        for _ in range(50):
            opt.zero_grad()
            F.cross_entropy(model(x), y).backward()
            opt.step()
        engine.flush()
        assert len(gc.get_objects()) - before < 20
    finally:
        gc.enable()


def outputs_of(run):
    """The number of outputs of the program that `run` makes."""
    made = []
    build = programs.Program.__init__

    def watched(self, *given):
        build(self, *given)
        made.append(len(self.outs) + len(self.made))

    programs.Program.__init__ = watched
    patience, policy.patience_with_light = policy.patience_with_light, 2
    try:
        run()
        run()
        engine.flush()
    finally:
        programs.Program.__init__ = build
        policy.patience_with_light = patience
    return made[-1]


def test_a_line_is_traced_once():
    """Python runs an op's function once: for the shapes of its results, its own program, larger programs and its gradient."""
    runs = []

    @op(method=False)
    def _counted(input: Array, scale: Number) -> Array:
        """input * scale. It notes each time it is traced."""
        runs.append(input.shape)
        return input * scale.astype(input.dtype)

    w = torch.ones(3, requires_grad=True)
    opt = torch.optim.SGD([w], lr=0.1)
    programs_before = stats().programs
    for n in range(5):
        opt.zero_grad()
        loss = _counted(w, 2.0 + n).sum()
        loss.backward()
        opt.step()
        loss.item()
    assert _counted(w, 3.0)[0].item() == pytest.approx(3 * (1 - 0.1 * (2 + 3 + 4 + 5 + 6)))
    assert stats().programs > programs_before
    assert runs == [(3,)]


def test_layers_that_are_alike_are_differentiated_once(monkeypatch):
    differentiated, vjp = [], jax.vjp
    monkeypatch.setattr(jax, "vjp", lambda *args, **kwargs: differentiated.append(args) or vjp(*args, **kwargs))
    model = nn.Sequential(*[layer for _ in range(8) for layer in (nn.Linear(5, 5), nn.ReLU())])
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    before = stats().programs
    model(torch.ones(2, 5)).sum().backward()
    optimizer.step()
    assert model[0].weight.isfinite().all()
    assert stats().programs == before + 1
    assert (
        len(differentiated) <= 5
    )  # the first layer (its input needs no gradient), one other layer, relu and sum; at most twice


def test_a_loop_that_is_new_each_time_is_told_so_once(monkeypatch):
    monkeypatch.setattr(config, "warn_after", 3)
    for name, value in (("warned", False), ("programs", 0), ("runs", 0)):
        monkeypatch.setattr(engine.counters, name, value)
    with pytest.warns(UserWarning, match="something in the loop is new each time") as caught:
        _steps_of_all_sizes()
    assert [w.filename for w in caught] == [__file__]


def _steps_of_all_sizes():
    for n in range(2, 10):
        w = torch.ones(n, requires_grad=True)
        optimizer = torch.optim.SGD([w], lr=0.1)
        w.sum().backward()
        optimizer.step()
        w.sum().item()


def test_the_default_dtype_said_again_compiles_nothing():
    x = torch.ones(3)
    assert (x * 3 + 1).sum().item() == 12
    before = stats().compiles
    torch.set_default_dtype(torch.float32)
    assert (x * 3 + 1).sum().item() == 12
    assert stats().compiles == before


class TestLiveness:
    def test_a_dead_intermediate_is_no_output(self):
        x = torch.arange(3.0)

        def run():
            y = x * 2
            z = y + 1
            del y
            z.sum().item()

        assert outputs_of(run) == 2  # z and its sum

    def test_a_live_one_is(self):
        x = torch.arange(3.0)

        def run():
            y = x * 2
            z = (y + 1).sum()
            z.item()

        assert outputs_of(run) == 2  # y and z

    def test_dropped_gradients_are_not_written_out(self):
        model, opt = training(lambda p: torch.optim.SGD(p, lr=0.1))
        x, y = data()

        def run():
            F.cross_entropy(model(x), y).backward()
            opt.step()
            opt.zero_grad()

        assert outputs_of(run) == 1  # the four parameters, as one flat array

    def test_kept_gradients_are(self):
        model, opt = training(lambda p: torch.optim.SGD(p, lr=0.1))
        x, y = data()

        def run():
            opt.zero_grad()
            F.cross_entropy(model(x), y).backward()
            opt.step()
            assert model.first.bias.grad.abs().sum().item() > 0

        run()
        assert model.first.weight.grad.shape == (8, 4)

    def test_parameters_are_donated(self):
        model, opt = training(lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9))
        x, y = data()
        for _ in range(3):
            opt.zero_grad()
            F.cross_entropy(model(x), y).backward()
            opt.step()
        engine.flush()
        bundle, _ = model.first.weight._value.array
        old = bundle.array
        opt.zero_grad()
        F.cross_entropy(model(x), y).backward()
        opt.step()
        engine.flush()
        assert old.is_deleted()

    def test_an_array_handed_out_is_never_donated(self):
        model, opt = training(lambda p: torch.optim.SGD(p, lr=0.1))
        x, y = data()
        for _ in range(3):
            opt.zero_grad()
            F.cross_entropy(model(x), y).backward()
            opt.step()
        handed = model.first.weight.__jax_array__()
        before = np.array(handed)
        opt.zero_grad()
        F.cross_entropy(model(x), y).backward()
        opt.step()
        model.first.weight.tolist()
        np.testing.assert_array_equal(np.asarray(handed), before)


class TestNothingIsLost:
    def test_an_exception_while_compiling(self, monkeypatch):
        x = torch.arange(3.0)
        y = x * 2 + 1
        with monkeypatch.context() as patch:
            for file in (traces, failures):  # the program as a whole, then each line by itself
                patch.setattr(file, "run_lines", lambda *a: (_ for _ in ()).throw(MemoryError("no room")))
            with pytest.raises(RuntimeError, match="can't allocate memory"):
                y.tolist()
        assert y.tolist() == [1.0, 3.0, 5.0]

    def test_a_program_that_fails_while_its_lines_do_not(self, monkeypatch):
        """The error is raised, and every value is computed all the same."""
        x = torch.arange(3.0, requires_grad=True)
        y = (x * 2 + 1).sum()
        with monkeypatch.context() as patch:
            patch.setattr(
                segments.SegmentedTrace, "_program", lambda *a: (_ for _ in ()).throw(UserWarning("as -W error does"))
            )
            with pytest.raises(UserWarning, match="as -W error does"):
                y.item()
        assert y.item() == 9.0

    def test_a_gradient_that_cannot_be_traced_keeps_back_nothing_else(self):
        x, y = torch.ones(3, requires_grad=True), torch.ones(3, requires_grad=True)
        (_broken_gradient(x) + y * 2).sum().backward()
        assert y.grad.tolist() == [2.0, 2.0, 2.0]
        for _ in range(2):  # what depends on it raises each time, and stops nothing else
            with pytest.raises(ArithmeticError, match="no gradient today"):
                x.grad.tolist()
        with pytest.raises(ArithmeticError, match="no gradient today"):
            (x.grad + 1).tolist()
        assert (y + 1).tolist() == [2.0, 2.0, 2.0]

    def test_ctrl_c_during_a_step(self):
        """After an interrupt at any moment, every value is known or still promised."""
        model, opt = training(lambda p: torch.optim.SGD(p, lr=1e-3, momentum=0.9))
        step = a_step(model, opt)
        step().item()
        for _ in interrupted(step):
            assert np.isfinite(step().item())
            assert all(np.isfinite(p.detach().numpy()).all() for p in model.parameters())
            assert not jax.config.jax_enable_x64


class TestDataChecks:
    def test_label_out_of_range(self):
        with pytest.raises(IndexError, match="Target 3 is out of bounds."):
            F.cross_entropy(torch.zeros(2, 3), torch.tensor([0, 3]))

    def test_label_out_of_range_in_a_promised_tensor(self):
        target = torch.tensor([0, 1]) + 2
        with pytest.raises(IndexError, match="Target 3 is out of bounds."):  # few elements: checked at the call
            F.cross_entropy(torch.zeros(2, 3), target)

    def test_label_out_of_range_among_many(self):
        """So many labels are not checked on the host, but the program checks them."""
        target = torch.zeros(20_000, dtype=torch.int64)
        target[19_999] = 3
        loss = F.cross_entropy(torch.zeros(20_000, 3), torch.from_numpy(target.numpy().copy()))
        with pytest.raises(IndexError, match="Target 3 is out of bounds."):
            loss.item()

    def test_embedding_index_out_of_range(self):
        with pytest.raises(IndexError, match="index out of range in self"):
            nn.Embedding(3, 2)(torch.tensor([3]))
        later = torch.tensor([2]) * 2
        with pytest.raises(IndexError, match="index out of range in self"):
            nn.Embedding(3, 2)(later)

    def test_wrong_shape_raises_at_the_line(self):
        with pytest.raises(RuntimeError, match=r"mat1 and mat2 shapes cannot be multiplied \(2x5 and 4x8\)"):
            Model()(torch.zeros(2, 5))


def test_two_threads_record_and_run_at_once():
    found, errors = {}, []

    def work(k):
        try:
            x = torch.full((4,), float(k), requires_grad=True)
            for _ in range(50):
                y = (x * x + k).sum()
                y.backward()
                found[k] = (y.item(), x.grad.tolist())
                x.grad = None
        except Exception as e:
            errors.append(e)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors
    assert found == {k: (4.0 * (k * k + k), [2.0 * k] * 4) for k in range(4)}


def test_a_value_promised_by_another_thread():
    made = []
    thread = threading.Thread(target=lambda: made.append(torch.arange(3.0) * 2))
    thread.start()
    thread.join()
    assert (made[0] + 1).tolist() == [1.0, 3.0, 5.0]


@pytest.fixture
def given(monkeypatch):
    """The options given to XLA, in order."""
    seen, jit = [], jax.jit

    def watched(*args, compiler_options=None, **kwargs):
        if compiler_options is not None:
            seen.append(compiler_options)
        return jit(*args, compiler_options=compiler_options, **kwargs)

    monkeypatch.setattr(jax, "jit", watched)
    monkeypatch.setattr(config, "numpy_lines", False)
    engine.reset()
    return seen


def test_xla_is_given_our_options_and_then_the_users(monkeypatch, given):
    monkeypatch.setattr(config, "compiler_options", {"xla_cpu_parallel_codegen_split_count": 1})
    w = torch.ones(3, requires_grad=True)
    ((w * w).sum() * 31).backward()
    torch.optim.SGD([w], lr=0.5).step()
    w.tolist()
    ours = {"xla_backend_optimization_level": 2}
    assert ours | config.compiler_options in given
    monkeypatch.setattr(config, "compiler_options", {"xla_backend_optimization_level": 0})
    assert xla_options.ordinary(on_host=True) == config.compiler_options
    assert xla_options.quick()["xla_backend_optimization_level"] == 0


def test_a_line_of_few_elements_is_compiled_quickly(given):
    with torch.compiler.eager():
        (torch.ones(61) + torch.ones(61)).tolist()
        assert given[-1] == xla_options.quick()
        (torch.ones(61, 1) + torch.ones(61)).tolist()  # it makes 3,721
        assert given[-1] == xla_options.quick() != xla_options.ordinary(on_host=True)
        (torch.ones(1, 71) + torch.ones(71, 1)).tolist()  # it makes 5,041
        assert given[-1] == xla_options.ordinary(on_host=True)


def test_an_xla_need_not_know_the_quick_options(monkeypatch, given):
    """jtorch asks once. jaxlib 0.12 no longer has one of the options."""
    monkeypatch.setattr(xla_options, "_QUICK", {"xla_no_such_option": True, "xla_backend_optimization_level": 0})
    with torch.compiler.eager():
        assert ((torch.ones(62) + torch.ones(62)) * 2.5).tolist() == [5.0] * 62
    known = {"xla_backend_optimization_level": 0}
    assert given == [{"xla_no_such_option": True, **known}, known, known]


def test_threads_look_while_another_records():
    """A thread that reads a value runs the trace of the thread that recorded it, which is recording its next lines meanwhile."""
    w = torch.ones(3)
    promised, errors, done = [], [], threading.Event()

    def look():
        while not (done.is_set() and not promised):
            try:
                value, expected = promised.pop()
            except IndexError:
                continue
            if value.tolist() != [expected] * 3:
                errors.append((value, expected))

    lookers = [threading.Thread(target=look) for _ in range(2)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in lookers:
            thread.start()
        for i in range(300):
            y = w * float(i)
            for _ in range(4):
                y = y + 1.0
            promised.append((y, i + 4.0))
    finally:
        done.set()
        for thread in lookers:
            thread.join()
        sys.setswitchinterval(interval)
    assert not errors


def test_eager_gives_the_same():
    x, y = data()
    torch.manual_seed(1)
    model = Model()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    lazy = [loss.item(), *[p.grad.tolist() for p in model.parameters()]]
    model.zero_grad()
    with torch.eager():
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        eager = [loss.item(), *[p.grad.tolist() for p in model.parameters()]]
    for a, b in zip(lazy, eager, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_explain_names_the_line_and_the_difference(monkeypatch):
    monkeypatch.setattr(policy, "patience_with_light", 2)
    for n in (3, 3, 4, 4):
        (torch.ones(n) * 2 + 1).sum().item()
    told = torch.compiler.explain()
    assert "mul of float32[4], where there was float32[3]" in told
    assert "test_engine.py" in told


@pytest.mark.optimized(False)
def test_the_tree_is_bounded(monkeypatch):
    monkeypatch.setattr(config, "max_positions", 200)
    for n in range(1, 300):
        (torch.ones(n % 40 + 1) * 1.0 + n).sum().item()
    assert stats().positions <= 400


def test_a_cap_cuts_at_the_same_line(monkeypatch):
    monkeypatch.setattr(config, "max_lines", 50)

    def step(i):
        x = torch.zeros(2)
        for _ in range(120):
            x = x + 1
        return x.sum().item()

    assert step(0) == 240.0
    assert compiled_after(6, step, warm=2) == 0
