"""A small GPT in nanoGPT's manner: tied weights, decay groups, warm-up and cosine, accumulation, text made token by token."""

import inspect
import math
from dataclasses import dataclass

import torch
import torch.nn as nn
from torch.nn import functional as F


@dataclass
class Config:
    block_size: int = 16
    tokens: int = 12
    layers: int = 2
    heads: int = 2
    width: int = 16
    dropout: float = 0.1


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c_attn = nn.Linear(c.width, 3 * c.width, bias=False)
        self.c_proj = nn.Linear(c.width, c.width, bias=False)
        self.heads, self.dropout = c.heads, c.dropout
        self.register_buffer("mask", torch.tril(torch.ones(c.block_size, c.block_size)).view(1, 1, c.block_size, c.block_size))

    def forward(self, x, fused):
        B, T, C = x.size()
        q, k, v = (t.view(B, T, self.heads, C // self.heads).transpose(1, 2) for t in self.c_attn(x).split(C, dim=2))
        if fused:
            y = F.scaled_dot_product_attention(q, k, v, dropout_p=0.0, is_causal=True)
        else:
            att = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
            att = F.softmax(att.masked_fill(self.mask[:, :, :T, :T] == 0, float("-inf")), dim=-1)
            y = F.dropout(att, self.dropout, self.training) @ v
        return self.c_proj(y.transpose(1, 2).contiguous().view(B, T, C))


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(c.width), nn.LayerNorm(c.width)
        self.attn = Attention(c)
        self.mlp = nn.ModuleDict({"fc": nn.Linear(c.width, 4 * c.width), "act": nn.GELU(), "proj": nn.Linear(4 * c.width, c.width)})

    def forward(self, x, fused):
        x = x + self.attn(self.ln_1(x), fused)
        m = self.mlp
        return x + m.proj(m.act(m.fc(self.ln_2(x))))


class GPT(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.config = c
        self.wte, self.wpe = nn.Embedding(c.tokens, c.width), nn.Embedding(c.block_size, c.width)
        self.blocks = nn.ModuleList([Block(c) for _ in range(c.layers)])
        self.ln_f, self.lm_head = nn.LayerNorm(c.width), nn.Linear(c.width, c.tokens, bias=False)
        self.wte.weight = self.lm_head.weight
        self.apply(self._init)

    def _init(self, module):
        if isinstance(module, (nn.Linear, nn.Embedding)):
            torch.nn.init.normal_(module.weight, mean=0.0, std=0.02)
            if getattr(module, "bias", None) is not None:
                torch.nn.init.zeros_(module.bias)

    def forward(self, idx, targets=None, fused=True):
        x = self.wte(idx) + self.wpe(torch.arange(0, idx.size(1), dtype=torch.long, device=idx.device))
        for block in self.blocks:
            x = block(x, fused)
        x = self.ln_f(x)
        if targets is None:
            return self.lm_head(x[:, [-1], :]), None
        logits = self.lm_head(x)
        return logits, F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1), ignore_index=-1)

    @torch.no_grad()
    def generate(self, idx, count, temperature=1.0, top_k=None):
        for _ in range(count):
            logits, _ = self(idx if idx.size(1) <= self.config.block_size else idx[:, -self.config.block_size :])
            logits = logits[:, -1, :] / temperature
            if top_k is not None:
                v, _ = torch.topk(logits, min(top_k, logits.size(-1)))
                logits[logits < v[:, [-1]]] = -float("Inf")
            idx = torch.cat((idx, torch.multinomial(F.softmax(logits, dim=-1), num_samples=1)), dim=1)
        return idx


torch.manual_seed(1337)
data = (torch.arange(400) * 5 % 12 + torch.arange(400) // 7) % 12
model = GPT(Config())
print(sum(p.numel() for p in model.parameters()), model.wte.weight is model.lm_head.weight)
decay = [p for p in model.parameters() if p.dim() >= 2]
rest = [p for p in model.parameters() if p.dim() < 2]
fused = {"fused": False} if "fused" in inspect.signature(torch.optim.AdamW).parameters else {}
optimizer = torch.optim.AdamW([{"params": decay, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}], lr=3e-3, **fused)


def get_batch():
    ix = torch.randint(len(data) - 16, (4,))
    return torch.stack([data[i : i + 16] for i in ix]), torch.stack([data[i + 1 : i + 17] for i in ix])


def get_lr(it):
    return 3e-3 * (it + 1) / 5 if it < 5 else 3e-4 + 1.35e-3 * (1 + math.cos(math.pi * (it - 5) / 15))


for it in range(20):
    for group in optimizer.param_groups:
        group["lr"] = get_lr(it)
    for _ in range(2):
        x, y = get_batch()
        with torch.amp.autocast("cpu", dtype=torch.bfloat16, enabled=False):
            _, loss = model(x, y, fused=False)
        (loss / 2).backward()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    if it % 5 == 4:
        print(it, f"{loss.item():.4f} {norm.item():.4f}")
model.eval()
print(model.generate(torch.zeros((1, 1), dtype=torch.long), 6, temperature=0.8, top_k=3).shape)
