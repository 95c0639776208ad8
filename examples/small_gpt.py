"""A small GPT learns Python's own help texts, and writes on from a prompt.

python examples/small_gpt.py
"""

import argparse
from pathlib import Path
from pydoc_data.topics import topics

import matplotlib.pyplot as plt
from toy_data import save_figure
from tqdm import trange

import jtorch as torch
import jtorch.nn as nn
import jtorch.nn.functional as F

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--steps", type=int, default=400)
parser.add_argument("--tokens", type=int, default=200, help="how many letters it writes")
parser.add_argument("--device", default="cpu")
parser.add_argument("--out", type=Path, default=Path(), help="folder for small_gpt.png")
args = parser.parse_args()

batch_size = 16
block_size = 64
n_embd, n_head, n_layer = 64, 4, 3
dropout = 0.1
learning_rate = 3e-3

text = "\n".join(topics[name] for name in ("for", "while", "try", "with", "function", "class", "if", "import"))
letters = sorted(set(text))
number = {letter: i for i, letter in enumerate(letters)}
data = torch.tensor([number[letter] for letter in text])
train_data, val_data = data[: len(data) * 9 // 10], data[len(data) * 9 // 10 :]


class SelfAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(n_embd, 3 * n_embd)
        self.proj = nn.Linear(n_embd, n_embd)

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = (y.view(B, T, n_head, C // n_head).transpose(1, 2) for y in self.qkv(x).split(C, dim=2))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.proj(y.transpose(1, 2).contiguous().view(B, T, C))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln_1, self.attn = nn.LayerNorm(n_embd), SelfAttention()
        self.ln_2 = nn.LayerNorm(n_embd)
        self.mlp = nn.Sequential(nn.Linear(n_embd, 4 * n_embd), nn.GELU(), nn.Linear(4 * n_embd, n_embd))
        self.drop = nn.Dropout(dropout)

    def forward(self, x):
        x = x + self.drop(self.attn(self.ln_1(x)))
        return x + self.drop(self.mlp(self.ln_2(x)))


class GPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(len(letters), n_embd), nn.Embedding(block_size, n_embd)
        self.blocks = nn.Sequential(*[Block() for _ in range(n_layer)])
        self.ln_f, self.head = nn.LayerNorm(n_embd), nn.Linear(n_embd, len(letters), bias=False)
        self.apply(self.init_weights)
        self.head.weight = self.wte.weight  # tied

    def init_weights(self, module):
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, mean=0.0, std=0.02)

    def forward(self, idx):
        position = torch.arange(idx.shape[1], device=idx.device)
        return self.head(self.ln_f(self.blocks(self.wte(idx) + self.wpe(position))))

    @torch.no_grad()
    def generate(self, idx, count, temperature=0.7, top_k=10):
        for _ in range(count):
            scores = self(idx[:, -block_size:])[:, -1] / temperature
            best, _ = torch.topk(scores, top_k)
            scores[scores < best[:, [-1]]] = -float("inf")
            idx = torch.cat((idx, torch.multinomial(F.softmax(scores, dim=-1), 1)), dim=1)
        return idx


def loss_on(data):
    starts = torch.randint(len(data) - block_size - 1, (batch_size, 1))
    window = data[starts + torch.arange(block_size + 1)].to(args.device)
    return F.cross_entropy(model(window[:, :-1]).flatten(0, 1), window[:, 1:].flatten())


torch.manual_seed(0)
model = GPT().to(args.device)
optimizer = torch.optim.AdamW(model.parameters(), lr=learning_rate, weight_decay=0.1)
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=args.steps)
losses, tests = [], []
for step in (bar := trange(args.steps)):
    loss = loss_on(train_data)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    scheduler.step()
    losses.append(loss.item())
    if step % 50 == 0 or step == args.steps - 1:
        model.eval()
        with torch.no_grad():
            tests.append((step, loss_on(val_data).item()))
        model.train()
        bar.set_postfix(loss=f"{losses[-1]:.3f}", test=f"{tests[-1][1]:.3f}")
print(f"{sum(p.numel() for p in model.parameters())} parameters")
print(f"loss {losses[0]:.4f} at first, {losses[-1]:.4f} after {args.steps} steps, {tests[-1][1]:.4f} on unseen text")

model.eval()
prompt = torch.tensor([[number[letter] for letter in "The "]], device=args.device)
print("".join(letters[i] for i in model.generate(prompt, args.tokens)[0].tolist()))
figure, axes = plt.subplots(figsize=(5, 2.6), layout="constrained")
axes.plot(losses, linewidth=0.7, label="training")
axes.plot(*zip(*tests, strict=True), "k.-", label="unseen text")
axes.set(xlabel="step", ylabel="loss")
axes.legend()
args.out.mkdir(parents=True, exist_ok=True)
save_figure(figure, args.out / "small_gpt.png")
