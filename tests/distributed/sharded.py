"""`python -m tests.distributed.sharded LIBRARY FOLDER`: processes train one model in parts, and save it to the folder.

`trained` is the same in one process, with the whole model and all of the batch.
"""

import importlib
import json
import sys


def pieces(library):
    """The modules of either library that are needed."""
    names = "", ".distributed", ".distributed.fsdp", ".distributed.checkpoint", ".distributed.checkpoint.state_dict"
    return [importlib.import_module(library + name) for name in names]


def trained(torch, spread=lambda model: None, own=slice(None), steps=4):
    """(model, optimizer, losses) after a few steps."""
    nn, F = torch.nn, torch.nn.functional
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 9), nn.LayerNorm(9), nn.GELU(), nn.Linear(9, 5), nn.GELU(), nn.Linear(5, 3))
    x, y = torch.randn(24, 6), torch.randint(0, 3, (24,))
    spread(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.03)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x[own]), y[own])
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.7)
        optimizer.step()
        losses.append(loss.detach())
    return model, optimizer, losses


def largest(pairs):
    """The largest difference of pairs of tensors."""
    return max(float((a.detach() - b.detach()).abs().max()) for a, b in pairs)


def of_batch_norm(torch, rank, size):
    """How far SyncBatchNorm of parts of a batch is from a batch norm of all of it: results, gradients, running statistics."""
    x, factor = torch.randn(8, 3, 5), torch.randn(8, 3, 5)
    whole, part = torch.nn.BatchNorm1d(3), torch.nn.SyncBatchNorm(3)
    own = slice(rank * 8 // size, (rank + 1) * 8 // size)
    given, cut = x.clone().requires_grad_(), x[own].clone().requires_grad_()
    out, out_of_part = whole(given), part(cut)
    (out * factor).sum().backward()
    (out_of_part * factor[own]).sum().backward()
    torch.distributed.all_reduce(part.weight.grad)
    made = [(out[own], out_of_part), (given.grad[own], cut.grad), (whole.weight.grad, part.weight.grad)]
    return largest([*made, (whole.running_mean, part.running_mean), (whole.running_var, part.running_var)])


def of_grid(torch, dist):
    """How far a model that is in parts of columns and rows, and of data, is from one that is whole."""
    nn, tensor = torch.nn, importlib.import_module(torch.__name__ + ".distributed.tensor")
    parallel, fsdp = (
        importlib.import_module(tensor.__name__ + ".parallel"),
        importlib.import_module(dist.__name__ + ".fsdp"),
    )
    mesh = dist.init_device_mesh("cpu", (2, 2), mesh_dim_names=("dp", "tp"))
    torch.manual_seed(1)
    whole = nn.Sequential(nn.Linear(6, 10), nn.ReLU(), nn.Linear(10, 5))
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(6, 10), nn.ReLU(), nn.Linear(10, 5))
    parallel.parallelize_module(model, mesh["tp"], {"0": parallel.ColwiseParallel(), "2": parallel.RowwiseParallel()})
    fsdp.fully_shard(model, mesh=mesh["dp"])
    x = torch.randn(8, 6)
    own = slice(mesh["dp"].get_local_rank() * 4, mesh["dp"].get_local_rank() * 4 + 4)
    for net, data in ((whole, x), (model, x[own])):
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
        for _ in range(3):
            optimizer.zero_grad()
            net(data).pow(2).mean().backward()
            nn.utils.clip_grad_norm_(net.parameters(), 0.3)
            optimizer.step()
    return largest(zip(whole.parameters(), [p.full_tensor() for p in model.parameters()], strict=True))


def main(library, folder):
    torch, dist, fsdp, checkpoint, state_dict = pieces(library)
    dist.init_process_group("gloo")
    rank, size = dist.get_rank(), dist.get_world_size()

    def spread(model):
        fsdp.fully_shard(model[0])
        fsdp.fully_shard(model[3])
        fsdp.fully_shard(model)

    model, optimizer, losses = trained(torch, spread, slice(rank * 24 // size, (rank + 1) * 24 // size))
    means = torch.stack(losses)
    dist.all_reduce(means)
    moments = [v for held in optimizer.state.values() for k, v in held.items() if k.startswith("exp_avg")]
    held = {
        "parameters": sum(p.to_local().numel() for p in model.parameters()),
        "moments": sum(v.to_local().numel() for v in moments),
    }
    differences = {"batch norm": of_batch_norm(torch, rank, size), "grid": of_grid(torch, dist)} if size == 4 else {}
    parts, states = state_dict.get_state_dict(model, optimizer)
    state = {"model": parts, "optimizer": states, "step": 4, "notes": ["a", {"b": torch.arange(3)}]}
    checkpoint.save(state, checkpoint_id=folder)
    print("results", json.dumps({"losses": (means / size).tolist(), **held, "differences": differences}))
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])
