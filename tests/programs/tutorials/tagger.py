"""Words tagged by a bidirectional LSTM over packed sentences, and the best path through a chain by Viterbi."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

data = [
    ("the dog ate the apple".split(), ["DET", "NN", "V", "DET", "NN"]),
    ("everybody read that book".split(), ["NN", "V", "DET", "NN"]),
    ("dogs sleep".split(), ["NN", "V"]),
]
words = {w: i + 1 for i, w in enumerate(dict.fromkeys(w for s, _ in data for w in s))}
tags = {"DET": 0, "NN": 1, "V": 2}
print(words)


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(len(words) + 1, 6, padding_idx=0)
        self.lstm = nn.LSTM(6, 5, bidirectional=True, batch_first=True)
        self.out = nn.Linear(10, len(tags))

    def forward(self, x, lengths):
        packed = pack_padded_sequence(self.embed(x), lengths, batch_first=True, enforce_sorted=False)
        out, (h, c) = self.lstm(packed)
        out, lengths = pad_packed_sequence(out, batch_first=True)
        return self.out(out), h


torch.manual_seed(1)
model = Tagger()
x = pad_sequence([torch.tensor([words[w] for w in s]) for s, _ in data], batch_first=True)
y = pad_sequence([torch.tensor([tags[t] for t in ts]) for _, ts in data], batch_first=True, padding_value=-100)
lengths = torch.tensor([len(s) for s, _ in data])
print(x, y, sep="\n")
optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
for epoch in range(40):
    model.zero_grad()
    scores, h = model(x, lengths)
    loss = F.cross_entropy(scores.flatten(0, 1), y.flatten())
    loss.backward()
    optimizer.step()
    if epoch % 20 == 19:
        print(epoch, f"{loss.item():.4f}", h.shape)
print(scores.argmax(-1))


def viterbi(emissions, transitions):
    best, back = emissions[0], []
    for scores in emissions[1:]:
        best, pointers = (best.unsqueeze(1) + transitions).max(0)
        best = best + scores
        back.append(pointers)
    path = [best.argmax().item()]
    for pointers in reversed(back):
        path.append(pointers[path[-1]].item())
    return best.max().item(), path[::-1]


def forward_score(emissions, transitions):
    alpha = emissions[0]
    for scores in emissions[1:]:
        alpha = torch.logsumexp(alpha.unsqueeze(1) + transitions, 0) + scores
    return torch.logsumexp(alpha, 0)


transitions = nn.Parameter(torch.randn(3, 3))
emissions = torch.randn(5, 3)
gold = torch.tensor([0, 1, 2, 0, 1])
for _ in range(5):
    score = emissions[torch.arange(5), gold].sum() + transitions[gold[:-1], gold[1:]].sum()
    loss = forward_score(emissions, transitions) - score
    transitions.grad = None
    loss.backward()
    with torch.no_grad():
        transitions -= 0.5 * transitions.grad
score, path = viterbi(emissions, transitions.detach())
print(f"{loss.item():.4f} {score:.4f}", path)
