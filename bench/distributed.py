"""DDP over one and two processes against a `shard_map` written by hand: the time of a step, on this machine's CPU.

    python -m bench.distributed
    python -m bench.distributed memory    # what a process holds: one alone, DDP, FSDP

Both train the same network (three layers of 256) on the same data with SGD. The processes share the cores of the machine. The
memory is that of eight layers of 512 with Adam after a step: parameters, gradients and states, and what the step's program
needs besides.
"""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import time

WIDTH, BATCH, STEPS, ROUNDS = 256, 64, 40, 5
WIDE, LAYERS = 512, 8


def ours(rank, size):
    """A function that runs `STEPS` steps of DDP."""
    import jtorch as torch
    import jtorch.nn as nn
    from jtorch.nn.parallel import DistributedDataParallel

    torch.manual_seed(0)
    layers = [layer for _ in range(3) for layer in (nn.Linear(WIDTH, WIDTH), nn.ReLU())]
    model = DistributedDataParallel(nn.Sequential(*layers))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    x = torch.randn(BATCH, WIDTH)

    def steps():
        for _ in range(STEPS):
            optimizer.zero_grad()
            loss = model(x).pow(2).mean()
            loss.backward()
            optimizer.step()
        return loss.item()

    return steps


def by_hand(rank, size):
    """The same with `jax.shard_map` over the processes."""
    import jax
    import jax.numpy as jnp
    import numpy as np
    from jax.sharding import Mesh, NamedSharding, PartitionSpec

    mesh = Mesh(np.array(jax.devices()), ("processes",))
    whole, rows = PartitionSpec(), PartitionSpec("processes")
    random = np.random.default_rng(0)
    layer = lambda: (random.normal(0, 0.05, (WIDTH, WIDTH)).astype(np.float32), np.zeros(WIDTH, np.float32))
    params = [
        [jax.make_array_from_process_local_data(NamedSharding(mesh, whole), a) for a in layer()] for _ in range(3)
    ]
    local = random.normal(size=(BATCH, WIDTH)).astype(np.float32)
    x = jax.make_array_from_process_local_data(NamedSharding(mesh, rows), local)

    def loss_of(params, x):
        for w, b in params:
            x = jax.nn.relu(jnp.dot(x, w, precision="highest") + b)
        return (x**2).mean()

    def step(params, x):
        loss, grads = jax.value_and_grad(loss_of)(params, x)
        grads = jax.lax.pmean(grads, "processes")
        return jax.tree.map(lambda p, g: p - 0.01 * g, params, grads), loss[None]

    spread = jax.shard_map(step, mesh=mesh, in_specs=(whole, rows), out_specs=(whole, rows), check_vma=False)
    run = jax.jit(spread, donate_argnums=0)

    def steps():
        nonlocal params
        for _ in range(STEPS):
            params, loss = run(params, x)
        return float(np.asarray(loss.addressable_data(0))[0])

    return steps


def work():
    """What each process runs: the two contestants in turns, round by round."""
    import jtorch.distributed as dist

    dist.init_process_group("gloo")
    rank, size = dist.get_rank(), dist.get_world_size()
    runs = {"DDP": ours(rank, size), "by hand": by_hand(rank, size)}
    for run in runs.values():
        run()
        run()
    times = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            dist.monitored_barrier()
            start = time.perf_counter()
            run()
            times[name].append((time.perf_counter() - start) / STEPS * 1e6)
    if rank == 0:
        ratio = statistics.median(a / b for a, b in zip(*times.values(), strict=True))
        told = ", ".join(f"{name} {statistics.median(t):.0f} us" for name, t in times.items())
        print(f"{size} process{'es' if size > 1 else ''}: {told}, ratio {ratio:.2f}")
    dist.destroy_process_group()


def hold(kind):
    """One process: trains a network, and tells what it holds."""
    import gc

    import jax

    import jtorch as torch
    import jtorch.distributed as dist
    import jtorch.nn as nn
    from jtorch.distributed.fsdp import fully_shard

    dist.init_process_group("gloo")
    torch.manual_seed(0)
    net = nn.Sequential(*[nn.Sequential(nn.Linear(WIDE, WIDE), nn.ReLU()) for _ in range(LAYERS)])
    if kind == "DDP":
        net = nn.parallel.DistributedDataParallel(net)
    elif kind != "one process":
        for layer in net:
            fully_shard(layer, reshard_after_forward=kind == "FSDP")
        fully_shard(net)
    optimizer = torch.optim.Adam(net.parameters())
    x = torch.randn(16, WIDE)
    times = []
    for _ in range(20):
        start = time.perf_counter()
        optimizer.zero_grad()
        loss = net(x).pow(2).mean()
        loss.backward()
        optimizer.step()
        loss.item()
        times.append(time.perf_counter() - start)
    gc.collect()
    shards = [shard.data for array in jax.live_arrays() for shard in array.addressable_shards]
    held = sum({data.unsafe_buffer_pointer(): data.nbytes for data in shards}.values())
    besides = torch.compiler.last_program_memory().temp_size_in_bytes
    if dist.get_rank() == 0:
        step = statistics.median(times[10:])
        print(
            f"{kind}, {dist.get_world_size()} processes: holds {held / 1e6:.1f} MB, needs {besides / 1e6:.1f} MB besides, "
            f"{step * 1e3:.0f} ms a step",
            flush=True,
        )
    dist.destroy_process_group()


def main():
    for size in (1, 2):
        start(size, "work")


def memory():
    for kind, size in (("one process", 1), ("DDP", 2), ("FSDP, kept", 2), ("FSDP", 2), ("FSDP, kept", 4), ("FSDP", 4)):
        start(size, "hold", kind)


def start(size, *words):
    """Run so many processes of this file."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    shared = {"WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "JAX_PLATFORMS": "cpu"}
    command = ["timeout", "-k", "5", "180", sys.executable, "-m", "bench.distributed", *words]
    started = [subprocess.Popen(command, env=os.environ | shared | {"RANK": str(r)}) for r in range(size)]
    for process in started:
        process.wait()


if __name__ == "__main__":
    words = sys.argv[1:]
    if words[:1] == ["hold"]:
        hold(words[1])
    else:
        {"work": work, "memory": memory, "": main}[words[0] if words else ""]()
