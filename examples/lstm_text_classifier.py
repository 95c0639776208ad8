"""An LSTM tells what a sentence is about. Tokenizer and vocabulary are plain Python.

python examples/lstm_text_classifier.py
"""

import argparse
import random
import re
from collections import Counter

from tqdm import trange

import jtorch as torch
import jtorch.nn as nn
import jtorch.nn.functional as F
from jtorch.nn.utils.rnn import pack_padded_sequence, pad_sequence

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--steps", type=int, default=200)
parser.add_argument("--device", default="cpu")
args = parser.parse_args()

batch_size = 32
embedding_dim = 32
hidden = 32
learning_rate = 5e-3
min_count = 2

topics = {
    "weather": "rain snow wind sun storm cloud frost heat fog".split(),
    "food": "bread soup cheese apple rice tea salt pie fish".split(),
    "sport": "ball race team goal match swim run jump coach".split(),
}
fillers = "the a we saw some of this they like that it was very and then with more today again".split()


def sentence(topic):
    """Words at random, two or three of them of the topic."""
    words = random.choices(fillers, k=random.randint(3, 9))
    for word in random.sample(topics[topic], random.randint(2, 3)):
        words.insert(random.randint(0, len(words)), word)
    return " ".join(words).capitalize() + "."


def tokenize(text):
    return re.findall(r"[a-z']+|[.,!?]", text.lower())


class Vocabulary:
    """Numbers for the tokens that come often enough; 0 fills up, 1 stands for all others."""

    def __init__(self, texts):
        counts = Counter(token for text in texts for token in tokenize(text))
        self.tokens = ["<pad>", "<unk>", *sorted(t for t, n in counts.items() if n >= min_count)]
        self.numbers = {token: i for i, token in enumerate(self.tokens)}

    def __call__(self, text):
        return torch.tensor([self.numbers.get(token, 1) for token in tokenize(text)])


class Classifier(nn.Module):
    def __init__(self, words):
        super().__init__()
        self.embedding = nn.Embedding(words, embedding_dim, padding_idx=0)
        self.lstm = nn.LSTM(embedding_dim, hidden, batch_first=True, bidirectional=True)
        self.out = nn.Linear(2 * hidden, len(topics))

    def forward(self, padded, lengths):
        packed = pack_padded_sequence(self.embedding(padded), lengths, batch_first=True, enforce_sorted=False)
        _, (state, _) = self.lstm(packed)
        return self.out(torch.cat((state[0], state[1]), dim=1))


def collate(batch):
    numbers = [vocabulary(text) for text, _ in batch]
    lengths = torch.tensor([len(n) for n in numbers])
    labels = torch.tensor([label for _, label in batch])
    return pad_sequence(numbers, batch_first=True).to(args.device), lengths, labels.to(args.device)


torch.manual_seed(0)
random.seed(0)
names = list(topics)
data = [(sentence(names[i % 3]), i % 3) for i in range(2400)]
train, test = data[:2100], data[2100:]
vocabulary = Vocabulary(text for text, _ in train)
model = Classifier(len(vocabulary.tokens)).to(args.device)
optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
losses = []
for _ in (bar := trange(args.steps)):
    padded, lengths, labels = collate(random.sample(train, batch_size))
    loss = F.cross_entropy(model(padded, lengths), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
    bar.set_postfix(loss=f"{losses[-1]:.4f}", refresh=False)
print(f"{len(vocabulary.tokens)} tokens; loss {losses[0]:.4f} at first, {losses[-1]:.4f} after {args.steps} steps")

model.eval()
with torch.no_grad():
    padded, lengths, labels = collate(test)
    answers = model(padded, lengths).argmax(1)
print(f"{(answers == labels).float().mean().item():.3f} of 300 unseen sentences are right")
for text in ("The team saw a storm of rain and snow.", "We like soup with bread and unknown cheese!"):
    with torch.no_grad():
        padded, lengths, _ = collate([(text, 0)])
        chances = F.softmax(model(padded, lengths)[0], dim=0)
    print(text, "->", ", ".join(f"{name} {chance:.2f}" for name, chance in zip(names, chances.tolist(), strict=True)))
