"""On a GPU: every op on a row, whole programs, random numbers, mixed precision, TF32, what `torch.cuda` says.

Skipped where JAX sees no GPU. JTORCH_GPU_ROWS=1000 runs all rows of each op.
"""

import os
import subprocess
import sys

import numpy as np
import pytest

import jtorch as torch
import jtorch.nn as nn
import jtorch.nn.functional as F
from jtorch.core import engine
from jtorch.core.engine import policy
from tests import FIXTURES, ROOT
from tests.ops import oprows
from tests.ops.test_ops import EXPECTED, ROWS, close, same_gradient
from tests.programs import models

pytestmark = [pytest.mark.gpu, pytest.mark.optimized]
if not torch.cuda.is_available():
    pytest.skip("gpu: JAX sees none", allow_module_level=True)
UNSURE = {  # PyTorch promises one of several results, and not which
    "scatter": "two values for one place: which is written is not said",
    "linalg.eigh": "the sign of an eigenvector is free",
}
SOME = [row for row in ROWS if row[2] < int(os.environ.get("JTORCH_GPU_ROWS", 1)) and row[1] not in UNSURE]
DRAWS = {"lstm_language_model", "transformer_classifier", "gan", "vae"}  # a step draws: not a CPU's numbers


@pytest.fixture(autouse=True)
def full_precision(monkeypatch):
    """Convolutions in full float32, as on a CPU. A trace counts as new however often it has come."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    for limit in ("trusted_steps", "trusted_lines", "trusted_traces", "long_trace"):
        monkeypatch.setattr(policy, limit, 10**9)


@pytest.mark.parametrize("family, name, i, args, kwargs", SOME, ids=[f"{name}-{i}" for _, name, i, _, _ in SOME])
def test_results_are_the_cpus(family, name, i, args, kwargs):
    expected = EXPECTED[family][name, i]
    with torch.device("cuda"):
        mine = oprows.evaluate(torch, name, args, kwargs, lambda given: engine.flush("step"))
    assert mine["facts"] == expected["facts"]
    for a, b in zip(mine["values"], expected["values"], strict=True):
        close(family, name, a, b)
    for a, b in zip(mine["grads"], expected["grads"], strict=True):
        same_gradient(family, name, i, a, b)


def on_gpu(program):
    """The program, with weights and data drawn on the CPU and then moved."""
    for name, value in vars(program).items():
        if isinstance(value, torch.Tensor | nn.Module):
            setattr(program, name, value.cuda())
    return program


@pytest.mark.parametrize("name", models.PROGRAMS)
def test_programs_learn(name):
    """50 steps give the CPU's losses, or equally good ones if a step draws random numbers. Later steps compile nothing."""
    known = np.load(FIXTURES / "models.npz")[f"{name}: losses"]
    program = on_gpu(models.PROGRAMS[name](torch))
    with torch.device("cuda"):
        losses = [program.step(i) for i in range(12)]
        before = torch.compiler.stats().programs
        losses += [program.step(i) for i in range(12, models.STEPS)]
        assert torch.compiler.stats().programs == before
    if name in DRAWS:
        np.testing.assert_allclose(np.mean(losses[-15:], 0), known[-15:].mean(0), rtol=0.3)
    else:
        np.testing.assert_allclose(losses, known, rtol=1e-2)


@pytest.mark.parametrize("name", models.PROGRAMS)
def test_a_checkpoint_of_pytorchs_predicts_the_same(name, tmp_path):
    """Written on a CPU, loaded here, saved here and loaded back on the CPU."""
    program = on_gpu(models.PROGRAMS[name](torch))
    program.model.load_state_dict(torch.load(FIXTURES / "models" / f"{name}.pth", map_location="cuda"))
    with torch.device("cuda"):
        prediction = program.predict()
    assert prediction.is_cuda
    np.testing.assert_allclose(
        prediction.cpu().numpy(), np.load(FIXTURES / "models.npz")[f"{name}: prediction"], rtol=1e-4, atol=1e-4
    )
    torch.save(program.model.state_dict(), tmp_path / "model.pth")
    assert {t.device.type for t in torch.load(tmp_path / "model.pth").values()} == {"cuda"}
    at_home = torch.load(tmp_path / "model.pth", map_location="cpu")
    assert {t.device.type for t in at_home.values()} == {"cpu"}


def test_random_numbers_follow_the_seed_and_are_no_constants():
    def draw():
        return (
            torch.randn(1000, device="cuda"),
            torch.rand(1000, device="cuda"),
            F.dropout(torch.ones(1000, device="cuda")),
        )

    torch.manual_seed(3)
    first = [t.tolist() for t in draw()]
    second = [t.tolist() for t in draw()]
    torch.cuda.manual_seed(3)
    assert [t.tolist() for t in draw()] == first != second
    normal, uniform, dropped = map(np.array, first)
    assert abs(normal.mean()) < 0.15
    assert abs(normal.std() - 1) < 0.1
    assert 0 <= uniform.min() < uniform.max() < 1
    assert set(dropped) == {0, 2}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_mixed_precision_learns(dtype):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 4)).cuda()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.2)
    scaler = torch.amp.GradScaler("cuda", enabled=dtype is torch.float16)
    x, y = torch.randn(64, 16).cuda(), torch.randint(0, 4, (64,)).cuda()
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        with torch.autocast("cuda", dtype=dtype):
            out = model(x)
            loss = F.cross_entropy(out, y)
        assert (out.dtype, loss.dtype) == (dtype, torch.float32)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
    assert model[0].weight.dtype is torch.float32


def test_tf32_is_where_pytorch_has_it():
    """Off in matrix products and in convolutions unless it is switched on."""
    torch.manual_seed(0)
    a, b = torch.randn(256, 256, dtype=torch.float64).cuda(), torch.randn(256, 256, dtype=torch.float64).cuda()
    image, kernel = (
        torch.randn(8, 64, 16, 16, dtype=torch.float64).cuda(),
        torch.randn(64, 64, 3, 3, dtype=torch.float64).cuda(),
    )

    def errors():
        product = (a.float() @ b.float() - a @ b).abs().max() / (a @ b).abs().max()
        exact = F.conv2d(image, kernel)
        return product.item(), (
            (F.conv2d(image.float(), kernel.float()) - exact).abs().max() / exact.abs().max()
        ).item()

    assert max(errors()) < 1e-5
    torch.backends.cudnn.allow_tf32 = True  # PyTorch's default; the fixture puts it back
    product, convolution = errors()
    assert product < 1e-5 < convolution < 1e-2
    torch.set_float32_matmul_precision("high")
    try:
        assert 1e-5 < errors()[0] < 1e-2
    finally:
        torch.set_float32_matmul_precision("highest")


def test_attention_is_the_cpus():
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 2, 4, 64, 32)
    for kwargs in ({}, {"is_causal": True}, {"attn_mask": torch.rand(64, 64) > 0.2}):
        there = {name: m.cuda() if isinstance(m, torch.Tensor) else m for name, m in kwargs.items()}
        for dtype, tolerance in ((torch.float32, 1e-5), (torch.bfloat16, 2e-2)):
            mine = F.scaled_dot_product_attention(*[t.cuda().to(dtype).requires_grad_() for t in (q, k, v)], **there)
            torch.testing.assert_close(
                mine.float().cpu(), F.scaled_dot_product_attention(q, k, v, **kwargs), rtol=tolerance, atol=tolerance
            )


def test_a_wrong_index_raises():
    table = nn.Embedding(5, 2).cuda()
    with pytest.raises(IndexError):
        table(torch.tensor([7]).cuda()).sum().item()
    with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
        table.weight + torch.ones(5, 2)


def test_what_cuda_says():
    assert torch.cuda.is_available()
    assert torch.cuda.device_count() >= 1
    assert torch.cuda.current_device() == 0
    assert "NVIDIA" in torch.cuda.get_device_name(0)
    assert torch.cuda.get_device_capability() >= (7, 0)
    held = torch.ones(1 << 20, device="cuda")
    held.sum().item()
    assert torch.cuda.memory_allocated() >= 4 << 20
    start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    start.record()
    (held * 2).sum()
    end.record()
    torch.cuda.synchronize()
    assert start.elapsed_time(end) >= 0
    assert str(held.device) == "cuda:0"
    assert repr(held[:2]) == "tensor([1., 1.], device='cuda:0')"


def test_the_example_trains(tmp_path):
    example = ROOT / "examples" / "mnist_cnn.py"
    done = subprocess.run(
        [sys.executable, str(example), "--device", "cuda", "--epochs", "3", "--dropout", "0.1", "--batchnorm"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "learning_curve.png").exists()


def test_the_state_of_random_numbers_goes_back():
    """Also in the second run of a checkpointed function, and if nothing was drawn before it."""
    torch.manual_seed(5)
    x = torch.ones(200, device="cuda", requires_grad=True)
    y = torch.utils.checkpoint.checkpoint(lambda t: F.dropout(t * 3, 0.5), x, use_reentrant=False)
    y.sum().backward()
    assert torch.equal(x.grad, y)
    assert 0 < int((y == 0).sum()) < 200
    state = torch.cuda.get_rng_state()
    first = torch.rand(5, device="cuda")
    torch.cuda.set_rng_state(state)
    assert torch.equal(torch.rand(5, device="cuda"), first)
    with torch.random.fork_rng():
        inside = torch.rand(5, device="cuda")
    assert torch.equal(torch.rand(5, device="cuda"), inside)


def test_a_flag_among_those_that_are_fetched_together():
    table = torch.zeros(3, 2, device="cuda")
    for i in range(120):
        F.embedding(torch.full((4,), 3 if i == 5 else 1, device="cuda"), table)
    with pytest.raises(IndexError, match="index out of range in self"):
        table.sum().item()
