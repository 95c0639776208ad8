"""Several processes train a Transformer on handwritten digits, and each has a part of its parameters only.

    python -m jtorch.distributed.run --nproc-per-node 2 examples/fsdp.py
    python -m jtorch.distributed.run --nproc-per-node 1 examples/fsdp.py    # the same curve, from one process

This is a PyTorch program: with `torch` for `jtorch` in the import lines, `torchrun` runs it.
"""

import argparse
import os

import numpy as np
from sklearn.datasets import load_digits

import jtorch as torch
import jtorch.distributed as dist
import jtorch.distributed.checkpoint as checkpoint
import jtorch.nn as nn
import jtorch.nn.functional as F
from jtorch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict
from jtorch.distributed.device_mesh import init_device_mesh
from jtorch.distributed.fsdp import fully_shard
from jtorch.utils.data import DataLoader, TensorDataset
from jtorch.utils.data.distributed import DistributedSampler


class Block(nn.Module):
    """Attention between the rows of a picture, and a layer for each row."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        batch, rows, width = x.shape
        q, k, v = (
            self.qkv(self.norms[0](x)).view(batch, rows, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        )
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(batch, rows, width)
        x = x + self.out(mixed)
        return x + self.down(F.gelu(self.up(self.norms[1](x))))


class Reader(nn.Module):
    """Reads a digit from the eight rows of its picture."""

    def __init__(self, width=32, heads=4, depth=2):
        super().__init__()
        self.rows = nn.Linear(8, width)
        self.places = nn.Parameter(torch.randn(8, width) * 0.1)
        self.blocks = nn.ModuleList([Block(width, heads) for _ in range(depth)])
        self.digits = nn.Linear(width, 10)

    def forward(self, pictures):
        x = self.rows(pictures) + self.places
        for block in self.blocks:
            x = block(x)
        return self.digits(x.mean(1))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch", type=int, default=64, help="samples of a batch, in all processes together")
    parser.add_argument("--checkpoint", help="a folder: loaded if it is there, and written after each epoch")
    args = parser.parse_args()

    dist.init_process_group("gloo")
    rank, size = dist.get_rank(), dist.get_world_size()
    pictures, labels = load_digits(return_X_y=True)
    data = TensorDataset(
        torch.from_numpy(pictures[:1792].reshape(-1, 8, 8).astype(np.float32) / 16),
        torch.from_numpy(labels[:1792].astype(np.int64)),
    )
    sampler = DistributedSampler(data, seed=1)
    loader = DataLoader(data, batch_size=args.batch // size, sampler=sampler)

    torch.manual_seed(0)
    model = Reader()
    mesh = init_device_mesh("cpu", (size,))
    for block in model.blocks:
        fully_shard(block, mesh=mesh)  # gathered when this block computes
    fully_shard(model, mesh=mesh)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)

    done = torch.zeros((), dtype=torch.int64)
    if args.checkpoint:
        parts, states = get_state_dict(model, optimizer)
        if os.path.exists(os.path.join(args.checkpoint, ".metadata")):
            saved = {"model": parts, "optimizer": states, "done": done}
            checkpoint.load(saved, checkpoint_id=args.checkpoint)
            set_state_dict(model, optimizer, model_state_dict=parts, optim_state_dict=saved["optimizer"])

    for epoch in range(int(done), int(done) + args.epochs):
        sampler.set_epoch(epoch)
        total = torch.zeros(())
        for x, y in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()  # each process now has its part of the mean of the gradients
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            total += loss.detach()
        dist.all_reduce(total)
        if rank == 0:
            print(f"epoch {epoch + 1}: loss {total.item() / size / len(loader):.4f}")
        done += 1
        if args.checkpoint:
            parts, states = get_state_dict(model, optimizer)
            checkpoint.save({"model": parts, "optimizer": states, "done": done}, checkpoint_id=args.checkpoint)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
