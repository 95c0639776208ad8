"""A small transformer whose parameters live in parts: fully_shard, mixed precision, prefetching, clipping, and its checkpoints."""

import torch
import torch.distributed as dist
import torch.nn as nn
import torch.nn.functional as F
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_optimizer_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor, Shard

WORDS, LENGTH, WIDTH, HEADS = 24, 8, 16, 2


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH, bias=False)
        self.out = nn.Linear(WIDTH, WIDTH, bias=False)

    def forward(self, x):
        batch, length, _ = x.shape
        q, k, v = self.qkv(x).view(batch, length, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).reshape(batch, length, -1))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention_norm, self.attention = nn.LayerNorm(WIDTH), Attention()
        self.ffn_norm = nn.LayerNorm(WIDTH)
        self.ffn = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, x):
        x = x + self.attention(self.attention_norm(x))
        return x + self.ffn(self.ffn_norm(x))


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(WORDS, WIDTH), nn.Embedding(LENGTH, WIDTH)
        self.layers = nn.ModuleList(Block() for _ in range(3))
        self.norm, self.output = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, WORDS, bias=False)

    def forward(self, words):
        x = self.tokens(words) + self.positions(torch.arange(words.shape[1], device=words.device))
        for layer in self.layers:
            x = layer(x)
        return self.output(self.norm(x))


def in_parts(**settings):
    """The model, each layer a group of its own."""
    torch.manual_seed(0)
    model = Transformer()
    for layer in model.layers:
        fully_shard(layer, **settings)
    fully_shard(model, **settings)
    return model


def prefetching(model):
    """Ask each layer to gather the next two early."""
    for i, layer in enumerate(model.layers):
        layer.set_modules_to_forward_prefetch(list(model.layers[i + 1 : i + 3]))
        layer.set_modules_to_backward_prefetch(list(model.layers[max(i - 2, 0) : i]))


def trained(model, optimizer, steps, rank):
    for step in range(steps):
        torch.manual_seed(100 * step + rank)
        words = torch.randint(0, WORDS, (4, LENGTH))
        loss = F.cross_entropy(model(words).float().flatten(0, 1), words.flatten())
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
        norm = norm.full_tensor() if isinstance(norm, DTensor) else norm
        optimizer.step()
        optimizer.zero_grad()
        print(f"  rank {rank}, step {step}: loss {loss.item():.6f}, norm {norm.item():.6f}")


def total(model):
    return sum(p.full_tensor().abs().sum().item() for p in model.parameters())


def main():
    dist.init_process_group("gloo")
    rank, size = dist.get_rank(), dist.get_world_size()

    model = in_parts()
    assert isinstance(model, Transformer)
    assert isinstance(model, FSDPModule)
    for parameter in model.parameters():
        assert isinstance(parameter, DTensor)
        assert parameter.placements == (Shard(0),)
        assert parameter.to_local().shape[0] * size == parameter.shape[0]
    print(type(model).__name__, model.layers[0].ffn[0].weight.to_local().shape)
    prefetching(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    trained(model, optimizer, 4, rank)
    print(f"total {total(model):.3f}")

    whole = get_model_state_dict(model, options=StateDictOptions(full_state_dict=True, cpu_offload=True))
    states = get_optimizer_state_dict(model, optimizer, options=StateDictOptions(full_state_dict=True))
    print(len(whole), len(states["state"]), "only rank 0 has them" if whole or rank else "lost")
    again = in_parts()
    fresh = torch.optim.Adam(again.parameters(), lr=1e-2)
    options = StateDictOptions(full_state_dict=True, broadcast_from_rank0=True)
    set_model_state_dict(again, model_state_dict=whole, options=options)
    set_optimizer_state_dict(again, fresh, optim_state_dict=states, options=options)
    print(f"loaded {total(again):.3f}")
    trained(again, fresh, 2, rank)

    policy = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)
    mixed = in_parts(mp_policy=policy)
    print(mixed.output.weight.dtype, mixed(torch.zeros(1, 2, dtype=torch.long)).dtype)
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
