"""A recurrent network learns Python's own help texts letter by letter, and writes some of its own.

python examples/char_rnn.py
"""

import argparse
from pydoc_data.topics import topics

from tqdm import trange

import jtorch as torch
import jtorch.nn as nn
import jtorch.nn.functional as F

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--steps", type=int, default=600)
parser.add_argument("--letters", type=int, default=200, help="how many letters it writes")
parser.add_argument("--device", default="cpu")
args = parser.parse_args()

batch_size = 32
length = 64
hidden = 128
learning_rate = 3e-3
clip = 1.0

text = "\n".join(topics[name] for name in ("for", "while", "try", "with", "function", "class", "if", "import"))
letters = sorted(set(text))
number = {letter: i for i, letter in enumerate(letters)}
data = torch.tensor([number[letter] for letter in text])


class CharRNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(len(letters), 32)
        self.gru = nn.GRU(32, hidden, batch_first=True)
        self.head = nn.Linear(hidden, len(letters))

    def forward(self, x, state=None):
        out, state = self.gru(self.embedding(x), state)
        return self.head(out), state


torch.manual_seed(0)
model = CharRNN().to(args.device)
optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
losses = []
for _ in (bar := trange(args.steps)):
    starts = torch.randint(len(data) - length - 1, (batch_size, 1))
    window = data[starts + torch.arange(length + 1)].to(args.device)
    scores, _ = model(window[:, :-1])
    loss = F.cross_entropy(scores.reshape(-1, len(letters)), window[:, 1:].reshape(-1))
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), clip)
    optimizer.step()
    losses.append(loss.item())
    bar.set_postfix(loss=f"{losses[-1]:.3f}", refresh=False)
print(f"loss {losses[0]:.4f} at first, {losses[-1]:.4f} after {args.steps} steps")

written = "The "
with torch.no_grad():
    scores, state = model(torch.tensor([[number[letter] for letter in written]], device=args.device))
    for _ in range(args.letters):
        chances = F.softmax(scores[0, -1] / 0.6, dim=0)
        choice = torch.multinomial(chances, 1)
        written += letters[choice.item()]
        scores, state = model(choice.view(1, 1), state)
print(written)
