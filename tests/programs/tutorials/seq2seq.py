"""A GRU that reads digits and another that writes them backwards, looking at what it read; teacher forcing."""

import random

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import optim

START, END, TOKENS, LENGTH = 0, 1, 8, 5


class Encoder(nn.Module):
    def __init__(self, tokens, hidden):
        super().__init__()
        self.embedding = nn.Embedding(tokens, hidden)
        self.gru = nn.GRU(hidden, hidden, batch_first=True)
        self.dropout = nn.Dropout(0.1)

    def forward(self, x):
        return self.gru(self.dropout(self.embedding(x)))


class Attention(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.Wa = nn.Linear(hidden, hidden)
        self.Ua = nn.Linear(hidden, hidden)
        self.Va = nn.Linear(hidden, 1)

    def forward(self, query, keys):
        scores = self.Va(torch.tanh(self.Wa(query) + self.Ua(keys))).squeeze(2).unsqueeze(1)
        weights = F.softmax(scores, dim=-1)
        return torch.bmm(weights, keys), weights


class Decoder(nn.Module):
    def __init__(self, hidden, tokens):
        super().__init__()
        self.embedding = nn.Embedding(tokens, hidden)
        self.attention = Attention(hidden)
        self.gru = nn.GRU(2 * hidden, hidden, batch_first=True)
        self.out = nn.Linear(hidden, tokens)

    def forward(self, keys, hidden, target=None):
        token = torch.empty(keys.size(0), 1, dtype=torch.long).fill_(START)
        outputs, weights = [], []
        for i in range(LENGTH + 1):
            context, w = self.attention(hidden.permute(1, 0, 2), keys)
            out, hidden = self.gru(torch.cat((self.embedding(token), context), dim=2), hidden)
            out = self.out(out)
            outputs.append(out)
            weights.append(w)
            token = target[:, i].unsqueeze(1) if target is not None else out.topk(1)[1].squeeze(-1).detach()
        return F.log_softmax(torch.cat(outputs, dim=1), dim=-1), hidden, torch.cat(weights, dim=1)


random.seed(3)
torch.manual_seed(3)
encoder, decoder = Encoder(TOKENS, 16), Decoder(16, TOKENS)
optimizers = [optim.Adam(m.parameters(), lr=0.02) for m in (encoder, decoder)]
criterion = nn.NLLLoss()


def batch(n):
    x = torch.randint(2, TOKENS, (n, LENGTH))
    return x, torch.cat((x.flip(1), torch.full((n, 1), END)), dim=1)


for step in range(60):
    x, y = batch(16)
    for optimizer in optimizers:
        optimizer.zero_grad()
    keys, hidden = encoder(x)
    logs, _, _ = decoder(keys, hidden, y if random.random() < 0.7 else None)
    loss = criterion(logs.view(-1, TOKENS), y.view(-1))
    loss.backward()
    for optimizer in optimizers:
        optimizer.step()
    if step % 20 == 19:
        print(step, f"{loss.item():.3f}")
encoder.eval()
decoder.eval()
with torch.no_grad():
    x, y = batch(4)
    logs, _, weights = decoder(*encoder(x))
    print(logs.shape, weights.shape, weights.sum(-1).allclose(torch.ones(4, LENGTH + 1)))
    print((logs.argmax(-1) == y).float().mean().item() > 0.3)
