"""Two devices: the host, and a second CPU device of JAX that stands for the GPU, so these tests need no GPU."""

import functools
import json
import os
import subprocess
import sys

import pytest

# JAX reads the number of devices once a process, so one process runs all programs, each in its own namespace.
RUNNER = """
import contextlib, io, json, sys, traceback
import jax
import jtorch as torch
from jtorch.core.facts import devices

second = jax.local_devices(backend="cpu")[1]
devices._places[torch.device("cuda:0")] = devices.Place(torch.device("cuda:0"), second)
cuda = torch.device("cuda:0")

def where(t):
    return list(t._value.materialize().devices())[0].id if hasattr(t._value.materialize(), "devices") else "host"

printed = {}
for name, source in json.load(sys.stdin).items():
    with contextlib.redirect_stdout(io.StringIO()) as out:
        try:
            exec(source, {"torch": torch, "cuda": cuda, "where": where})
        except Exception:
            traceback.print_exc(file=out)
    printed[name] = out.getvalue()
print(json.dumps(printed))
"""

PROGRAMS = {
    "a move and back": """
x = torch.arange(3.0)
y = x.to(cuda)
print(y.device, (y * 2).cpu().tolist(), (y * 2).device, where(y * 2 + 1))
""",
    "gradients cross over": """
x = torch.arange(3.0, requires_grad=True)
y = x.to(cuda)
(y * y).sum().backward()
print(x.grad, x.grad.device, y.grad_fn.name())
""",
    "mixing is refused": """
try:
    torch.ones(2) + torch.ones(2, device=cuda)
except RuntimeError as e:
    print(e)
""",
    "a 0-dim tensor of the host may join": """
print((torch.ones(2, device=cuda) * torch.tensor(3.0)).tolist())
""",
    "a model trains there": """
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Dropout(0.1), torch.nn.Linear(8, 2)).to(cuda)
opt = torch.optim.Adam(model.parameters(), lr=0.05)
x, y = torch.randn(16, 4).to(cuda), torch.randint(0, 2, (16,)).to(cuda)
losses, before = [], torch.compiler.stats().programs
for _ in range(30):
    opt.zero_grad()
    loss = torch.nn.functional.cross_entropy(model(x), y)
    loss.backward()
    opt.step()
    losses.append(loss.item())
print(losses[-1] < 0.5 * losses[0], next(model.parameters()).device, where(model[0].weight))
print(torch.compiler.stats().programs - before)
""",
    "random numbers of the device follow the seed": """
torch.manual_seed(1)
a = torch.rand(3, device=cuda)
b = torch.rand(3, device=cuda)
torch.manual_seed(1)
print(torch.equal(a, torch.rand(3, device=cuda)), torch.equal(a, b), where(a))
""",
}

EXPECTED = {
    "a move and back": "cuda:0 [0.0, 2.0, 4.0] cuda:0 1\n",
    "gradients cross over": "tensor([0., 2., 4.]) cpu ToCopyBackward0\n",
    "mixing is refused": "Expected all tensors to be on the same device, but found at least two devices, cpu and cuda:0!\n",
    "a 0-dim tensor of the host may join": "[3.0, 3.0]\n",
    "a model trains there": "True cuda:0 1\n1\n",
    "random numbers of the device follow the seed": "True False 1\n",
}


@functools.cache
def printed():
    """What each program prints, by name."""
    env = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=2"}
    done = subprocess.run(
        [sys.executable, "-c", RUNNER], input=json.dumps(PROGRAMS), env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", PROGRAMS)
def test_two_devices(name):
    assert printed()[name] == EXPECTED[name]
