"""Several processes learn to read handwritten digits together, each from its part of every batch.

    python -m jtorch.distributed.run --nproc-per-node 2 examples/ddp.py
    python -m jtorch.distributed.run --nproc-per-node 1 examples/ddp.py    # the same curve, from one process

This is a PyTorch program: with `torch` for `jtorch` in the import lines, `torchrun` runs it.
"""

import argparse

import numpy as np
from sklearn.datasets import load_digits

import jtorch as torch
import jtorch.distributed as dist
import jtorch.nn as nn
import jtorch.nn.functional as F
from jtorch.nn.parallel import DistributedDataParallel
from jtorch.utils.data import DataLoader, TensorDataset
from jtorch.utils.data.distributed import DistributedSampler


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch", type=int, default=64, help="samples of a batch, in all processes together")
    args = parser.parse_args()

    dist.init_process_group("gloo")
    rank, size = dist.get_rank(), dist.get_world_size()
    pictures, labels = load_digits(return_X_y=True)
    data = TensorDataset(
        torch.from_numpy(pictures[:1792].astype(np.float32) / 16), torch.from_numpy(labels[:1792].astype(np.int64))
    )
    sampler = DistributedSampler(data, seed=1)
    loader = DataLoader(data, batch_size=args.batch // size, sampler=sampler)

    torch.manual_seed(0)
    model = DistributedDataParallel(nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for epoch in range(args.epochs):
        sampler.set_epoch(epoch)  # another order in each epoch, the same in all processes
        total = torch.zeros(())
        for x, y in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()  # the gradients are now the mean over the processes
            optimizer.step()
            total += loss.detach()
        dist.all_reduce(total)
        if rank == 0:
            print(f"epoch {epoch + 1}: loss {total.item() / size / len(loader):.4f}")
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
