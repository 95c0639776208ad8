"""What libraries do with PyTorch's classes and functions: subclass them, wrap them, pass in classes of their own."""

import subprocess
import sys

import pytest

import jtorch


def test_a_parameter_whose_address_was_asked_trains_as_any_other():
    p = jtorch.nn.Parameter(jtorch.ones(2))
    other = jtorch.nn.Parameter(jtorch.ones(2))
    optimizer = jtorch.optim.SGD([p, other], lr=0.5)
    address = p.data_ptr()
    for _ in range(2):
        (p.sum() + other.sum()).backward()
        optimizer.step()
    assert p._storage.__class__ is other._storage.__class__
    assert p.tolist() == other.tolist()
    assert p.data_ptr() == address


def test_safetensors_writes_what_it_reads(tmp_path):
    pytest.importorskip("safetensors", reason="safetensors is not installed")
    program = """
import sys, jtorch
sys.modules["torch"] = jtorch
from safetensors.torch import load_file, load_model, save_file, save_model
made = {"a": jtorch.arange(6.0).view(2, 3), "b": jtorch.ones(3, dtype=jtorch.bfloat16), "c": jtorch.tensor(True), "d": jtorch.zeros(0, 3)}
save_file(made, sys.argv[1])
read = load_file(sys.argv[1])
assert all(jtorch.equal(read[k], t) and read[k].dtype is t.dtype for k, t in made.items())
model, other = jtorch.nn.Linear(3, 2), jtorch.nn.Linear(3, 2)
optimizer = jtorch.optim.Adam(model.parameters())
for _ in range(2):
    save_model(model, sys.argv[1])
    load_model(other, sys.argv[1])
    assert jtorch.equal(model.weight, other.weight)
    model(jtorch.ones(1, 3)).sum().backward()
    optimizer.step()
"""
    subprocess.run([sys.executable, "-c", program, tmp_path / "file.safetensors"], check=True, timeout=120)
