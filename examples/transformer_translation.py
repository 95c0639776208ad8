"""A transformer translates toy sentences: other words, and the adjective behind its noun.

python examples/transformer_translation.py
"""

import argparse
import math
import random

from tqdm import trange

import jtorch as torch
import jtorch.nn as nn
import jtorch.nn.functional as F

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--steps", type=int, default=400)
parser.add_argument("--device", default="cpu")
args = parser.parse_args()

batch_size = 64
d_model, heads, layers, feedforward = 64, 4, 2, 128
dropout = 0.1
learning_rate = 1e-3

nouns = {"cat": "chat", "dog": "chien", "bird": "oiseau", "horse": "cheval", "fish": "poisson", "mouse": "rat"}
adjectives = {"black": "noir", "small": "petit", "green": "vert", "old": "vieux", "fast": "rapide"}
verbs = {"sees": "voit", "hears": "entend", "follows": "suit", "likes": "aime"}
PAD, START, END = 0, 1, 2
marks = ["<pad>", "<s>", "</s>"]
english = [*marks, "the", *nouns, *adjectives, *verbs]
french = [*marks, "le", *nouns.values(), *adjectives.values(), *verbs.values()]


def noun_phrase():
    noun = random.choice(list(nouns))
    chosen = random.sample(list(adjectives), random.randint(0, 2))
    return ["the", *chosen, noun], ["le", nouns[noun], *[adjectives[a] for a in chosen]]


def pair():
    (who, qui), (whom, lequel) = noun_phrase(), noun_phrase()
    verb = random.choice(list(verbs))
    return [*who, verb, *whom], [*qui, verbs[verb], *lequel]


def numbers(sentences, words):
    """Sentences as one tensor: marks at both ends, filled up to the longest that there can be."""
    rows = [[START, *[words.index(word) for word in sentence], END] for sentence in sentences]
    return torch.tensor([row + [PAD] * (11 - len(row)) for row in rows], device=args.device)


class PositionalEncoding(nn.Module):
    def __init__(self, longest=32):
        super().__init__()
        position = torch.arange(longest).unsqueeze(1)
        rate = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
        table = torch.zeros(longest, d_model)
        table[:, 0::2] = torch.sin(position * rate)
        table[:, 1::2] = torch.cos(position * rate)
        self.register_buffer("table", table)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        return self.dropout(x + self.table[: x.shape[1]])


class Translator(nn.Module):
    def __init__(self):
        super().__init__()
        self.source, self.target = nn.Embedding(len(english), d_model), nn.Embedding(len(french), d_model)
        self.position = PositionalEncoding()
        self.transformer = nn.Transformer(d_model, heads, layers, layers, feedforward, dropout, batch_first=True)
        self.out = nn.Linear(d_model, len(french))

    def forward(self, source, target):
        ahead = torch.triu(torch.ones(target.shape[1], target.shape[1], dtype=torch.bool, device=target.device), 1)
        hidden = self.transformer(
            self.position(self.source(source)),
            self.position(self.target(target)),
            tgt_mask=ahead,
            src_key_padding_mask=source == PAD,
            tgt_key_padding_mask=target == PAD,
            memory_key_padding_mask=source == PAD,
        )
        return self.out(hidden)


torch.manual_seed(0)
random.seed(0)
model = Translator().to(args.device)
optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate, betas=(0.9, 0.98), eps=1e-9)
losses = []
for _ in (bar := trange(args.steps)):
    ours, theirs = zip(*[pair() for _ in range(batch_size)], strict=True)
    source, target = numbers(ours, english), numbers(theirs, french)
    scores = model(source, target[:, :-1])
    loss = F.cross_entropy(scores.flatten(0, 1), target[:, 1:].flatten(), ignore_index=PAD, label_smoothing=0.05)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
    bar.set_postfix(loss=f"{losses[-1]:.4f}", refresh=False)
print(f"loss {losses[0]:.4f} at first, {losses[-1]:.4f} after {args.steps} steps")

model.eval()
pairs = [pair() for _ in range(50)]
source = numbers([ours for ours, _ in pairs], english)
given = torch.full((len(pairs), 1), START, device=args.device)
with torch.no_grad():
    for _ in range(11):  # the most likely next word, until all sentences have ended
        given = torch.cat((given, model(source, given)[:, -1:].argmax(2)), dim=1)
answers = []
for row in given[:, 1:].tolist():
    answers.append([french[n] for n in row[: row.index(END)]] if END in row else None)
print(f"{sum(a == theirs for a, (_, theirs) in zip(answers, pairs, strict=True))} of 50 new sentences are right")
for (ours, _), answer in list(zip(pairs, answers, strict=True))[:3]:
    print(" ".join(ours), "->", " ".join(answer or ["(no end)"]))
