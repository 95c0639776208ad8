"""A decoder as deep as asked for and very narrow, so that its training step is many lines and little computing."""

from __future__ import annotations


def decoder(torch, layers, width=8, heads=2, words=16):
    """A function that does a training step of a new decoder and returns the loss."""
    nn, functional = torch.nn, torch.nn.functional

    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.before_attention, self.before_mlp = nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

        def forward(self, x):
            batch, length, _ = x.shape
            parts = self.qkv(self.before_attention(x)).chunk(3, dim=-1)
            q, k, v = [part.view(batch, length, heads, -1).transpose(1, 2) for part in parts]
            y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.out(y.transpose(1, 2).reshape(batch, length, width))
            return x + self.down(functional.gelu(self.up(self.before_mlp(x))))

    torch.manual_seed(0)
    model = nn.Sequential(nn.Embedding(words, width), *[Layer() for _ in range(layers)], nn.Linear(width, words))
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    tokens, targets = torch.randint(words, (2, 4)), torch.randint(words, (8,))

    def train():
        optimizer.zero_grad()
        loss = functional.cross_entropy(model(tokens).view(-1, words), targets)
        loss.backward()
        optimizer.step()
        return loss

    return train
