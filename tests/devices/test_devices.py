"""Three devices: the host, and two more CPU devices of JAX that stand for GPUs, so these tests need no GPU."""

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

host, *others = jax.local_devices(backend="cpu")
devices.Kind.devices = lambda kind: {"cpu": [host], "cuda": others}.get(kind.name, [])
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

# `nn.DataParallel`. PyTorch has it for GPUs only: the reference is the module on the host, called with each part.
PROGRAMS |= {
    "data parallel: results, gradients and buffers": """
import copy
torch.manual_seed(0)
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.norm, self.last = torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.GRU(8, 2)
    def forward(self, x, scale):
        print(x.shape, x.device, scale, len(list(self.parameters())))
        return self.last(self.norm(self.first(x)))[0] * scale
net = Net()
alone, x = copy.deepcopy(net), torch.randn(7, 4)
parallel = torch.nn.DataParallel(net.to(cuda))
print(parallel.device_ids, parallel.output_device, list(parallel.state_dict())[0])
out = parallel(x, scale=2)
out.pow(2).sum().backward()
expected, buffers = [], []
for part in x.chunk(2):
    expected.append(alone(part, scale=2))
    buffers.append([b.clone() for b in alone.buffers()])
torch.cat(expected).pow(2).sum().backward()
print(out.device, torch.allclose(out.cpu(), torch.cat(expected), atol=1e-6))
print(all(torch.allclose(p.grad.cpu(), q.grad, atol=1e-5) for p, q in zip(net.parameters(), alone.parameters())))
print(all(torch.allclose(b.cpu(), c) for b, c in zip(net.buffers(), buffers[0])))
""",
    "data parallel: structures": """
import collections
Pair = collections.namedtuple("Pair", "a b")
class Net(torch.nn.Module):
    def forward(self, *args, **kwargs):
        print([a.tolist() if isinstance(a, torch.Tensor) else a for a in args[:2]])
        print(args[2], kwargs)
        x = args[0]
        return {"sum": x.sum(), "pair": Pair(x, [x + 1, None])}
parallel = torch.nn.DataParallel(Net())
out = parallel(torch.arange(3.0), {"t": torch.arange(4)}, Pair(1, torch.ones(2)), k=[torch.zeros(2), "s"])
print(out["sum"], out["pair"].a.tolist(), out["pair"].b[0].tolist(), out["pair"].b[1])
print(torch.nn.parallel.scatter(torch.arange(1), [0, 1]))
print(torch.nn.parallel.data_parallel(torch.nn.ReLU(), torch.arange(-1.0, 3.0), [1, 0], output_device=0))
""",
    "data parallel: it learns, and nothing compiles after a while": """
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1)).to(cuda)
parallel = torch.nn.DataParallel(model)
opt = torch.optim.Adam(parallel.parameters(), lr=0.05)
x = torch.randn(16, 4)
losses = []
for i in range(30):
    opt.zero_grad()
    loss = (parallel(x) - x.sum(1, keepdim=True).to(cuda)).pow(2).mean()
    loss.backward()
    opt.step()
    losses.append(loss.item())
    if i == 10:
        settled = torch.compiler.stats().compiles
print(losses[-1] < 0.1 * losses[0], torch.compiler.stats().compiles - settled)
""",
    "data parallel: errors": """
def error(f):
    try:
        f()
    except Exception as e:
        print(type(e).__name__, str(e).splitlines()[0][:120])
error(lambda: torch.nn.DataParallel(torch.nn.Linear(1, 1))(torch.ones(4, 1)))
class Net(torch.nn.Module):
    def forward(self, x):
        if x.device.index == 1:
            raise KeyError("missing")
        return x
error(lambda: torch.nn.DataParallel(Net())(torch.ones(4)))
error(lambda: torch.nn.DataParallel(Net(), ["cpu"]))
error(lambda: torch.nn.parallel.replicate(Net(), [0, 7]))
error(lambda: torch.nn.DataParallel(torch.nn.LazyLinear(2).to(cuda))(torch.ones(4, 1)))
""",
}

EXPECTED = {
    "a move and back": "cuda:0 [0.0, 2.0, 4.0] cuda:0 1\n",
    "gradients cross over": "tensor([0., 2., 4.]) cpu ToCopyBackward0\n",
    "mixing is refused": "Expected all tensors to be on the same device, but found at least two devices, cpu and cuda:0!\n",
    "a 0-dim tensor of the host may join": "[3.0, 3.0]\n",
    "a model trains there": "True cuda:0 1\n1\n",
    "random numbers of the device follow the seed": "True False 1\n",
    "data parallel: results, gradients and buffers": """\
[0, 1] 0 module.first.weight
torch.Size([4, 4]) cuda:0 2 0
torch.Size([3, 4]) cuda:1 2 0
torch.Size([4, 4]) cpu 2 8
torch.Size([3, 4]) cpu 2 8
cuda:0 True
True
True
""",
    "data parallel: structures": """\
[[0.0, 1.0], {'t': tensor([0, 1], device='cuda:0')}]
Pair(a=1, b=tensor([1.], device='cuda:0')) {'k': [tensor([0.], device='cuda:0'), 's']}
[[2.0], {'t': tensor([2, 3], device='cuda:1')}]
Pair(a=1, b=tensor([1.], device='cuda:1')) {'k': [tensor([0.], device='cuda:1'), 's']}
tensor([1., 2.], device='cuda:0') [0.0, 1.0, 2.0] [1.0, 2.0, 3.0] None
(tensor([0], device='cuda:0'),)
tensor([0., 0., 1., 2.], device='cuda:0')
""",
    "data parallel: it learns, and nothing compiles after a while": """\
True 0
""",
    "data parallel: errors": """\
RuntimeError module must have its parameters and buffers on device cuda:0 (device_ids[0]) but found one of them on device: cpu
KeyError Caught KeyError in replica 1 on device 1.
ValueError Expected a non cpu device, but got: cpu
RuntimeError CUDA error: invalid device ordinal
RuntimeError Modules with uninitialized parameters can't be used with `DataParallel`. Run a dummy forward pass to correctly initializ
""",
}


@functools.cache
def printed():
    """What each program prints, by name."""
    env = {**os.environ, "XLA_FLAGS": "--xla_force_host_platform_device_count=3"}
    done = subprocess.run(
        [sys.executable, "-c", RUNNER], input=json.dumps(PROGRAMS), env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", PROGRAMS)
def test_two_devices(name):
    assert printed()[name] == EXPECTED[name]
