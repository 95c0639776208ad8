"""Point-to-point messages, groups, a ring of our own in place of all_reduce, and training by averaging the gradients by hand."""

import os

import torch
import torch.distributed as dist
import torch.nn as nn
import torch.nn.functional as F


def blocking(rank):
    tensor = torch.zeros(1)
    if rank == 0:
        tensor += 1
        dist.send(tensor=tensor, dst=1)
    else:
        dist.recv(tensor=tensor, src=0)
    print("blocking", rank, tensor[0].item())


def immediate(rank):
    tensor = torch.zeros(2)
    if rank == 0:
        tensor += 3
        request = dist.isend(tensor=tensor, dst=1)
    else:
        request = dist.irecv(tensor=tensor, src=0)
    request.wait()
    print("immediate", rank, tensor.tolist())


def ring_all_reduce(send, recv):
    """The sum over all processes, by messages to the right neighbour."""
    rank, size = dist.get_rank(), dist.get_world_size()
    outgoing, incoming = send.clone(), torch.zeros_like(send)
    recv[:] = send
    left, right = (rank - 1) % size, (rank + 1) % size
    for _ in range(size - 1):
        requests = dist.batch_isend_irecv(
            [dist.P2POp(dist.isend, outgoing, right), dist.P2POp(dist.irecv, incoming, left)]
        )
        for request in requests:
            request.wait()
        recv += incoming
        outgoing, incoming = incoming.clone(), torch.zeros_like(send)


class DataPartition:
    def __init__(self, data, index):
        self.data, self.index = data, index

    def __len__(self):
        return len(self.index)

    def __getitem__(self, i):
        return self.data[self.index[i]]


def partitioned(size, rank):
    """A loader of this process's share of a toy set, shuffled by a common seed."""
    generator = torch.Generator().manual_seed(1234)
    pictures = torch.rand(64, 1, 12, 12, generator=generator)
    labels = (pictures.mean((1, 2, 3)) > 0.5).long()
    order = torch.randperm(64, generator=generator).tolist()
    pairs = list(zip(pictures, labels, strict=True))
    share = DataPartition(pairs, order[rank * (64 // size) : (rank + 1) * (64 // size)])
    return torch.utils.data.DataLoader(share, batch_size=16 // size, shuffle=False)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, kernel_size=3)
        self.conv2 = nn.Conv2d(4, 8, kernel_size=3)
        self.fc = nn.Linear(8 * 4, 2)

    def forward(self, x):
        x = F.relu(F.max_pool2d(self.conv1(x), 2))
        x = F.relu(self.conv2(x))[:, :, :2, :2]
        return F.log_softmax(self.fc(x.reshape(x.shape[0], -1)), dim=1)


def average_gradients(model):
    size = float(dist.get_world_size())
    for parameter in model.parameters():
        dist.all_reduce(parameter.grad.data, op=dist.ReduceOp.SUM)
        parameter.grad.data /= size


def train(rank, size):
    torch.manual_seed(1234)
    loader = partitioned(size, rank)
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.5)
    for epoch in range(3):
        epoch_loss = 0.0
        for data, target in loader:
            optimizer.zero_grad()
            loss = F.nll_loss(model(data), target)
            epoch_loss += loss.item()
            loss.backward()
            average_gradients(model)
            optimizer.step()
        print(f"rank {dist.get_rank()}, epoch {epoch}: {epoch_loss / len(loader):.6f}")


def main():
    dist.init_process_group("gloo")
    rank, size = dist.get_rank(), dist.get_world_size()
    assert rank == int(os.environ["RANK"])
    blocking(rank)
    immediate(rank)
    group = dist.new_group([0, 1])
    tensor = torch.ones(1)
    dist.all_reduce(tensor, op=dist.ReduceOp.SUM, group=group)
    print("group", rank, tensor[0].item())
    mine, total = torch.arange(3.0) * (rank + 1), torch.zeros(3)
    ring_all_reduce(mine, total)
    dist.all_reduce(mine)
    print("ring", total.tolist(), torch.equal(mine, total))
    train(rank, size)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
