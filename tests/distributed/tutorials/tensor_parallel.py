"""Modules cut by columns and rows: a feed-forward net, the same with the sequence in parts, and a transformer with its loss in parts."""

import os

import torch
import torch.distributed as dist
import torch.nn as nn
import torch.nn.functional as F
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import Replicate, Shard
from torch.distributed.tensor.parallel import (
    ColwiseParallel,
    PrepareModuleInput,
    RowwiseParallel,
    SequenceParallel,
    loss_parallel,
    parallelize_module,
)

WORDS, WIDTH, HEADS = 16, 8, 4


class ToyModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.in_proj = nn.Linear(10, 32)
        self.relu = nn.ReLU()
        self.out_proj = nn.Linear(32, 5)

    def forward(self, x):
        return self.out_proj(self.relu(self.in_proj(x)))


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.wq, self.wk, self.wv, self.wo = (nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(4))

    def forward(self, x):
        q, k, v = (w(x).unflatten(-1, (-1, WIDTH // HEADS)).transpose(1, 2) for w in (self.wq, self.wk, self.wv))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.wo(y.transpose(1, 2).flatten(2))


class FeedForward(nn.Module):
    def __init__(self):
        super().__init__()
        self.w1, self.w3 = nn.Linear(WIDTH, 24, bias=False), nn.Linear(WIDTH, 24, bias=False)
        self.w2 = nn.Linear(24, WIDTH, bias=False)

    def forward(self, x):
        return self.w2(F.silu(self.w1(x)) * self.w3(x))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention_norm, self.attention = nn.LayerNorm(WIDTH), Attention()
        self.ffn_norm, self.feed_forward = nn.LayerNorm(WIDTH), FeedForward()

    def forward(self, x):
        x = x + self.attention(self.attention_norm(x))
        return x + self.feed_forward(self.ffn_norm(x))


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.embeddings = nn.Embedding(WORDS, WIDTH)
        self.layers = nn.ModuleList(Block() for _ in range(2))
        self.norm, self.output = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, WORDS, bias=False)

    def forward(self, words):
        x = self.embeddings(words)
        for layer in self.layers:
            x = layer(x)
        return self.output(self.norm(x))


def toy(mesh, plan, text):
    torch.manual_seed(0)
    model = parallelize_module(ToyModel(), mesh, plan)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.05)
    for step in range(4):
        torch.manual_seed(step)  # every process gets the same batch
        loss = model(torch.rand(20, 10)).sum()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        print(f"{text}, step {step}: {loss.item():.5f}")


def toy_in_sequence(mesh):
    """Input and output are in parts along dimension 0: a batch of 20 lines here is 10 from each process."""
    torch.manual_seed(0)
    plan = {
        "in_proj": ColwiseParallel(input_layouts=Shard(0)),
        "out_proj": RowwiseParallel(output_layouts=Shard(0)),
    }
    model = parallelize_module(ToyModel(), mesh, plan)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.05)
    for step in range(4):
        torch.manual_seed(10 * step + mesh.get_rank())
        y = model(torch.rand(10, 10))
        y.sum().backward()
        optimizer.step()
        optimizer.zero_grad()
        print(f"in sequence, step {step}: {tuple(y.shape)} {y.sum().item():.5f}")


def transformer(tp_mesh, rank):
    torch.manual_seed(1)
    model = Transformer()
    outer = {
        "embeddings": RowwiseParallel(input_layouts=Replicate(), output_layouts=Shard(1)),
        "norm": SequenceParallel(),
        "output": ColwiseParallel(input_layouts=Shard(1), output_layouts=Shard(-1), use_local_output=False),
    }
    parallelize_module(model, tp_mesh, outer)
    inner = {
        "attention_norm": SequenceParallel(),
        "attention": PrepareModuleInput(input_layouts=(Shard(1),), desired_input_layouts=(Replicate(),)),
        "attention.wq": ColwiseParallel(),
        "attention.wk": ColwiseParallel(),
        "attention.wv": ColwiseParallel(),
        "attention.wo": RowwiseParallel(output_layouts=Shard(1)),
        "ffn_norm": SequenceParallel(),
        "feed_forward": PrepareModuleInput(input_layouts=(Shard(1),), desired_input_layouts=(Replicate(),)),
        "feed_forward.w1": ColwiseParallel(),
        "feed_forward.w2": RowwiseParallel(output_layouts=Shard(1)),
        "feed_forward.w3": ColwiseParallel(),
    }
    for layer in model.layers:
        parallelize_module(layer, tp_mesh, inner)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, foreach=True)
    for step in range(3):
        torch.manual_seed(step)
        words = torch.randint(0, WORDS, (2, 8))
        with loss_parallel():
            loss = F.cross_entropy(model(words).flatten(0, 1), words.flatten())
            loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        value = loss.full_tensor() if hasattr(loss, "full_tensor") else loss
        print(f"transformer, rank {rank}, step {step}: {value.item():.6f}")


def both(rank):
    """A mesh of two dimensions: data over the first, the model over the second."""
    mesh = init_device_mesh("cpu", (dist.get_world_size() // 2, 2), mesh_dim_names=("dp", "tp"))
    torch.manual_seed(0)
    model = parallelize_module(ToyModel(), mesh["tp"], {"in_proj": ColwiseParallel(), "out_proj": RowwiseParallel()})
    fully_shard(model, mesh=mesh["dp"])
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.05)
    for step in range(3):
        torch.manual_seed(10 * step + mesh["dp"].get_local_rank())  # the same batch along "tp"
        loss = model(torch.rand(4, 10)).pow(2).mean()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        print(f"both, rank {rank}, step {step}: {loss.item():.6f}")


def main():
    size = int(os.environ["WORLD_SIZE"])
    mesh = init_device_mesh("cpu", (size,))
    rank = dist.get_rank()
    toy(mesh, {"in_proj": ColwiseParallel(), "out_proj": RowwiseParallel()}, "columns and rows")
    toy_in_sequence(mesh)
    transformer(mesh, rank)
    both(rank)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
