"""Word vectors: a continuous bag of words, then skip-grams with negative samples; nearest neighbours."""

import torch
import torch.nn as nn
import torch.nn.functional as F

text = """the queen rules the land and the king rules the land the cat eats the fish and the dog eats the meat
the king and the queen eat the fish the dog and the cat sleep in the land""".split()
vocabulary = sorted(set(text))
index = {word: i for i, word in enumerate(vocabulary)}
data = [([text[i - 2], text[i - 1], text[i + 1], text[i + 2]], text[i]) for i in range(2, len(text) - 2)]
print(len(vocabulary), data[0])


class CBOW(nn.Module):
    def __init__(self, words, width):
        super().__init__()
        self.embeddings = nn.EmbeddingBag(words, width, mode="mean")
        self.linear = nn.Linear(width, words)

    def forward(self, contexts):
        return F.log_softmax(self.linear(self.embeddings(contexts)), dim=1)


torch.manual_seed(1)
model = CBOW(len(vocabulary), 8)
contexts = torch.tensor([[index[w] for w in c] for c, _ in data], dtype=torch.long)
targets = torch.tensor([index[w] for _, w in data])
optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
for epoch in range(30):
    optimizer.zero_grad()
    loss = F.nll_loss(model(contexts), targets)
    loss.backward()
    optimizer.step()
    if epoch % 10 == 9:
        print(epoch, f"{loss.item():.4f}")

vectors, outside = nn.Embedding(len(vocabulary), 8), nn.Embedding(len(vocabulary), 8)
nn.init.uniform_(vectors.weight, -0.5 / 8, 0.5 / 8)
nn.init.zeros_(outside.weight)
counts = torch.bincount(torch.tensor([index[w] for w in text]), minlength=len(vocabulary)).float()
noise = counts.pow(0.75) / counts.pow(0.75).sum()
optimizer = torch.optim.Adagrad([*vectors.parameters(), *outside.parameters()], lr=0.3)
for epoch in range(20):
    negatives = torch.multinomial(noise, contexts.numel() * 3, replacement=True).view(-1, 4, 3)
    centre = vectors(targets).unsqueeze(1)
    positive = F.logsigmoid((outside(contexts) * centre).sum(-1))
    negative = F.logsigmoid(-(outside(negatives) * centre.unsqueeze(2)).sum(-1)).sum(-1)
    loss = -(positive + negative).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if epoch % 10 == 9:
        print(epoch, f"{loss.item():.4f}")
with torch.no_grad():
    unit = F.normalize(vectors.weight, dim=1)
    scores, nearest = (unit @ unit[index["queen"]]).topk(3)
    print([vocabulary[i] for i in nearest], [f"{s:.3f}" for s in scores.tolist()])
