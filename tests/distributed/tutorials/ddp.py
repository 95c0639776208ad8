"""The first steps with DistributedDataParallel: a toy model, a checkpoint that rank 0 writes and all read, a model in two halves."""

import os
import tempfile

import torch
import torch.distributed as dist
import torch.nn as nn
from torch.nn.parallel import DistributedDataParallel as DDP


class ToyModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.net1 = nn.Linear(10, 10)
        self.relu = nn.ReLU()
        self.net2 = nn.Linear(10, 5)

    def forward(self, x):
        return self.net2(self.relu(self.net1(x)))


class ToyModelInHalves(nn.Module):
    """Each half on a device of its own; both are the CPU here."""

    def __init__(self, first, second):
        super().__init__()
        self.first, self.second = first, second
        self.net1 = nn.Linear(10, 10).to(first)
        self.relu = nn.ReLU()
        self.net2 = nn.Linear(10, 5).to(second)

    def forward(self, x):
        x = self.relu(self.net1(x.to(self.first)))
        return self.net2(x.to(self.second))


def setup():
    dist.init_process_group("gloo")
    return dist.get_rank(), dist.get_world_size()


def told(text, rank, model):
    total = sum(p.detach().abs().sum().item() for p in model.parameters())
    print(f"{text}, rank {rank}: {total:.6f}")


def basic(rank):
    torch.manual_seed(rank)  # DDP sends the parameters of rank 0
    model = DDP(ToyModel())
    loss_fn = nn.MSELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    torch.manual_seed(10 + rank)
    for step in range(4):
        optimizer.zero_grad()
        outputs = model(torch.randn(20, 10))
        labels = torch.randn(20, 5)
        loss = loss_fn(outputs, labels)
        loss.backward()
        optimizer.step()
        print(f"basic, rank {rank}, step {step}: {loss.item():.6f}")
    told("basic", rank, model)


def checkpoint(rank):
    torch.manual_seed(3)
    model = DDP(ToyModel())
    path = os.path.join(tempfile.gettempdir(), f"model-{os.environ['MASTER_PORT']}-{os.getppid()}.checkpoint")
    if rank == 0:
        torch.save(model.state_dict(), path)
    dist.barrier()  # rank 0 has written before the others read
    map_location = {"cuda:0": f"cuda:{rank}"}
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    model.load_state_dict(torch.load(path, map_location=map_location, weights_only=True))
    print(sorted(model.state_dict()))
    loss_fn = nn.MSELoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001)
    optimizer.zero_grad()
    torch.manual_seed(rank)
    loss = loss_fn(model(torch.randn(20, 10)), torch.randn(20, 5))
    loss.backward()
    optimizer.step()
    print(f"checkpoint, rank {rank}: {loss.item():.6f}")
    told("checkpoint", rank, model)
    dist.barrier()
    if rank == 0:
        os.remove(path)


def in_halves(rank):
    torch.manual_seed(5)
    model = DDP(ToyModelInHalves("cpu", "cpu"))
    loss_fn = nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    torch.manual_seed(rank)
    for _ in range(3):
        optimizer.zero_grad()
        outputs = model(torch.randn(20, 10))
        loss_fn(outputs, torch.randn(20, 5).to("cpu")).backward()
        optimizer.step()
    told("in halves", rank, model)


def main():
    rank, size = setup()
    print(f"rank {rank} of {size}")
    basic(rank)
    checkpoint(rank)
    in_halves(rank)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
