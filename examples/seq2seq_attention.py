"""An encoder and a decoder with attention learn to write dates in another form: "3 may 1997" -> "1997-05-03".

python examples/seq2seq_attention.py    # seq2seq_attention.png shows where the decoder looks
"""

import argparse
import datetime
import random
from pathlib import Path

import matplotlib.pyplot as plt
from toy_data import save_figure
from tqdm import trange

import jtorch as torch
import jtorch.nn as nn
import jtorch.nn.functional as F

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--steps", type=int, default=600)
parser.add_argument("--device", default="cpu")
parser.add_argument("--out", type=Path, default=Path(), help="folder for seq2seq_attention.png")
args = parser.parse_args()

batch_size = 64
hidden = 64
learning_rate = 3e-3
longest, written_length = 18, 10

letters = " .0123456789-abcdefghijklmnopqrstuvwxyz<"  # < starts an answer, " " fills a question up
number = {letter: i for i, letter in enumerate(letters)}


def pair():
    """A date as people write it, and as sorting wants it."""
    day = datetime.date(1950, 1, 1) + datetime.timedelta(random.randrange(30000))
    form = random.choice(["%d %B %Y", "%B %d. %Y", "%d.%m.%Y", "%d %b %y"])
    return day.strftime(form).lower().ljust(longest), day.isoformat()


def batch():
    asked, answers = zip(*[pair() for _ in range(batch_size)], strict=True)
    return [
        torch.tensor([[number[c] for c in text] for text in texts], device=args.device) for texts in (asked, answers)
    ]


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(len(letters), hidden)
        self.gru = nn.GRU(hidden, hidden, batch_first=True)

    def forward(self, asked):
        return self.gru(self.embedding(asked))


class BahdanauAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.query, self.keys, self.score = nn.Linear(hidden, hidden), nn.Linear(hidden, hidden), nn.Linear(hidden, 1)

    def forward(self, query, keys):
        scores = self.score(torch.tanh(self.query(query) + self.keys(keys))).squeeze(2).unsqueeze(1)
        weights = F.softmax(scores, dim=-1)
        return torch.bmm(weights, keys), weights


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.attention = nn.Embedding(len(letters), hidden), BahdanauAttention()
        self.gru, self.out = nn.GRU(2 * hidden, hidden, batch_first=True), nn.Linear(hidden, len(letters))

    def forward(self, encoded, state, target=None):
        letter = torch.full((len(encoded), 1), number["<"], device=encoded.device)
        scores, looked = [], []
        for i in range(written_length):
            context, weights = self.attention(state.permute(1, 0, 2), encoded)
            out, state = self.gru(torch.cat((self.embedding(letter), context), dim=2), state)
            scores.append(self.out(out))
            looked.append(weights)
            letter = scores[-1].argmax(2) if target is None else target[:, i : i + 1]  # the answer, while it learns
        return torch.cat(scores, dim=1), torch.cat(looked, dim=1)


torch.manual_seed(0)
random.seed(0)
encoder, decoder = Encoder().to(args.device), Decoder().to(args.device)
optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=learning_rate)
losses = []
for _ in (bar := trange(args.steps)):
    asked, answers = batch()
    scores, _ = decoder(*encoder(asked), answers)
    loss = F.cross_entropy(scores.flatten(0, 1), answers.flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
    bar.set_postfix(loss=f"{losses[-1]:.4f}", refresh=False)
print(f"loss {losses[0]:.4f} at first, {losses[-1]:.4f} after {args.steps} steps")

with torch.no_grad():
    asked, answers = batch()
    scores, looked = decoder(*encoder(asked))
given = scores.argmax(2)
print(f"{(given == answers).all(1).float().mean().item():.3f} of 64 new dates are right")
for i in range(3):
    question, answer = ("".join(letters[c] for c in row[i].tolist()) for row in (asked, given))
    print(f"{question} -> {answer}")
figure, axes = plt.subplots(figsize=(5, 3), layout="constrained")
axes.imshow(looked[0].cpu().numpy(), cmap="Blues", aspect="auto")
axes.set_xticks(range(longest), [letters[c] for c in asked[0].tolist()])
axes.set_yticks(range(written_length), [letters[c] for c in given[0].tolist()])
args.out.mkdir(parents=True, exist_ok=True)
save_figure(figure, args.out / "seq2seq_attention.png")
