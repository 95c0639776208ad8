"""`jtorch.export` and `func.functionalize`: modules as pure functions and as StableHLO that JAX runs without jtorch."""

import importlib.util
import io
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jtorch
from jtorch import export, func, nn

writes = pytest.mark.skipif(importlib.util.find_spec("flatbuffers") is None, reason="needs the extra `export`")


class Several(nn.Module):
    """Nested inputs, a constant, a batch norm, several outputs of several dtypes."""

    def __init__(self):
        super().__init__()
        self.linear, self.norm = nn.Linear(3, 2), nn.BatchNorm1d(2)

    def forward(self, x, others, scale=2):
        return {"scores": self.norm(self.linear(x)) * scale, "best": others[0].argmax(1), "rest": (x + 1, None)}


def test_the_program_gives_what_the_module_gives():
    module, x = Several().eval(), jtorch.randn(4, 3)
    program = jtorch.export(module, (x, [x]), {"scale": 3})
    out, expected = program.module()(x, [x], scale=3), module(x, [x], scale=3)
    np.testing.assert_allclose(out["scores"].numpy(), expected["scores"].detach().numpy(), atol=1e-6)
    assert out["best"].dtype is jtorch.int64
    assert jtorch.equal(out["best"], expected["best"])
    assert out["rest"][1] is None
    assert list(program.state_dict) == list(module.state_dict())
    assert "stablehlo.dot_general" in str(program)


@writes
def test_jax_reads_the_file_in_a_process_without_jtorch(tmp_path):
    jtorch.manual_seed(0)
    block = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    x = jtorch.randn(2, 5, 8)
    export.save(export.export(block, (x,)), tmp_path / "block.jax")
    np.save(tmp_path / "x.npy", x.numpy())
    code = """
import sys, numpy as np
from jax import export
program = export.deserialize(bytearray(open("block.jax", "rb").read()))
np.save("y.npy", program.call(np.load("x.npy")))
assert "jtorch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=120)
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), block(x).detach().numpy(), atol=1e-6)
    assert jtorch.allclose(export.load(tmp_path / "block.jax").module()(x), block(x).detach(), atol=1e-6)


def test_guards_name_the_input():
    program = export.export(Several().eval(), (jtorch.ones(4, 3), [jtorch.ones(4, 3)])).module()
    with pytest.raises(AssertionError, match=r"^Guard failed: x\.size\(\)\[0\] == 4$"):
        program(jtorch.ones(5, 3), [jtorch.ones(4, 3)])
    with pytest.raises(AssertionError, match=r"Guard failed: others\.dtype == torch\.float32"):
        program(jtorch.ones(4, 3), [jtorch.ones(4, 3, dtype=jtorch.float64)])
    with pytest.raises(AssertionError, match=r"Guard failed: x\.dim\(\) == 2"):
        program(jtorch.ones(4), [jtorch.ones(4, 3)])
    with pytest.raises(ValueError, match="input tree spec"):
        program(jtorch.ones(4, 3))


def test_what_export_refuses():
    x = jtorch.ones(4, 3)
    with pytest.raises(RuntimeError, match=r"writes to its buffers \['1\.running_mean'"):
        export.export(nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)), (x,))
    with pytest.raises(RuntimeError, match=r"draws random numbers.*eval\(\)"):
        export.export(nn.Dropout(), (x,))
    with pytest.raises(ValueError, match=r"Expected `mod` to be an instance of `torch\.nn\.Module`"):
        export.export(lambda x: x, (x,))
    with pytest.raises(TypeError, match="Expecting `args` to be a tuple of example positional inputs"):
        export.export(nn.ReLU(), x)
    with pytest.raises(NotImplementedError, match="dynamic_shapes"):
        export.export(nn.ReLU(), (x,), dynamic_shapes={"input": {0: "batch"}})
    program = export.export(nn.ReLU(), (x,))
    with pytest.raises(RuntimeError, match=r"Unable to call ExportedProgram directly\."):
        program(x)
    for mode in ("train", "eval"):
        with pytest.raises(NotImplementedError, match=rf"Calling {mode}\(\) is not supported yet\."):
            getattr(program.module(), mode)()
    with pytest.raises(NotImplementedError, match="gradients through an exported program"):
        program.module()(x.clone().requires_grad_())


@writes
def test_a_file_that_is_cut_off_or_something_else_is_refused(tmp_path):
    program = export.export(nn.Linear(3, 2), (jtorch.ones(4, 3),))
    file = io.BytesIO()
    export.save(program, file)
    for data in (b"", b"abc", file.getvalue()[:700], b"PK\x03\x04" * 500):
        with pytest.raises(RuntimeError, match="is not an exported program, or is cut off"):
            export.load(io.BytesIO(data))
    with pytest.raises(FileNotFoundError):
        export.load(tmp_path / "none.jax")
    with pytest.raises(TypeError, match="'ep' parameter must be an instance of 'ExportedProgram', got 'Linear'"):
        export.save(nn.Linear(1, 1), tmp_path / "x")
    with pytest.raises(OSError, match="No such file"):
        export.save(program, tmp_path / "folder" / "x")


def test_functionalize_goes_through_jit_grad_and_vmap():
    module = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    pure, parameters = func.functionalize(module)
    assert all(type(a).__module__.startswith("jaxlib") for a in parameters.values())
    x = jtorch.randn(5, 3)
    module(x).sum().backward()
    array = jnp.asarray(x.numpy())
    grads = jax.jit(jax.grad(lambda p, x: pure(p, x).sum()))(parameters, array)
    for name, p in module.named_parameters():
        np.testing.assert_allclose(grads[name], p.grad.numpy(), atol=1e-6)
    stacked = jax.tree.map(lambda a: jnp.stack([a, 2 * a]), parameters)
    both = jax.vmap(pure, (0, None))(stacked, array)
    np.testing.assert_allclose(both[0], module(x).detach().numpy(), atol=1e-6)


def test_functionalize_with_buffers_and_a_key():
    jtorch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Dropout(0.5))
    pure, parameters, buffers = func.functionalize(module, buffers=True)
    x, step = jnp.arange(12.0).reshape(4, 3), jax.jit(pure)
    one, after = step(parameters, buffers, x, rng=jax.random.key(0))
    again, _ = step(parameters, buffers, x, rng=jax.random.key(0))
    other, _ = step(parameters, buffers, x, rng=jax.random.key(1))
    np.testing.assert_array_equal(one, again)
    assert np.any(np.asarray(one) != np.asarray(other))
    assert after["1.num_batches_tracked"] == 1
    assert module[1].num_batches_tracked == 0
    module[2].p = 0.0
    module(jtorch.from_numpy(np.array(x)))
    np.testing.assert_allclose(after["1.running_var"], module[1].running_var.numpy(), rtol=1e-6)
    without, parameters = func.functionalize(module)
    with pytest.raises(RuntimeError, match=r"writes to its buffers \['1\.running_mean'.*buffers=True"):
        jax.jit(without)(parameters, x)


def test_numbers_made_on_the_way_come_from_the_key():
    class Noisy(nn.Module):
        def forward(self, x):
            return x + jtorch.randn(3) + jtorch.rand_like(x) + jtorch.bernoulli(jtorch.full((3,), 0.5))

    pure, _ = func.functionalize(Noisy())
    step, x = jax.jit(pure), jnp.zeros(3)
    first, second = step({}, x, rng=jax.random.key(0)), step({}, x, rng=jax.random.key(1))
    assert np.all(np.asarray(first) != np.asarray(second))
    np.testing.assert_array_equal(first, step({}, x, rng=jax.random.key(0)))
    with pytest.raises(RuntimeError, match="draws random numbers"):
        step({}, x)


def test_functionalize_of_a_function_is_the_function():
    assert func.functionalize(lambda x: x.add_(1))(jtorch.ones(2)).tolist() == [2.0, 2.0]
    with pytest.raises(RuntimeError, match="received invalid argument for 'remove'"):
        func.functionalize(nn.ReLU(), remove="all")
