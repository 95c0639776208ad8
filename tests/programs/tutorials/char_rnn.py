"""Names told apart by a recurrent network written out by hand, one letter at a time; then letters made by it."""

import torch
import torch.nn as nn

NAMES = {
    "sea": ["marina", "nerida", "kaimana", "morgan", "dylan"],
    "sky": ["aurora", "celeste", "skye", "orion", "stella"],
    "rock": ["peter", "ebenezer", "slate", "jade", "garnet"],
}
LETTERS = "abcdefghijklmnopqrstuvwxyz"


class RNN(nn.Module):
    def __init__(self, size, hidden, classes):
        super().__init__()
        self.hidden = hidden
        self.i2h = nn.Linear(size + hidden, hidden)
        self.h2o = nn.Linear(hidden, classes)
        self.softmax = nn.LogSoftmax(dim=1)

    def forward(self, letter, memory):
        memory = torch.tanh(self.i2h(torch.cat((letter, memory), 1)))
        return self.softmax(self.h2o(memory)), memory


def to_tensor(name):
    tensor = torch.zeros(len(name), 1, len(LETTERS))
    for i, letter in enumerate(name):
        tensor[i][0][LETTERS.index(letter)] = 1
    return tensor


torch.manual_seed(1)
model = RNN(len(LETTERS), 16, len(NAMES))
criterion = nn.NLLLoss()
print(model)
print(to_tensor("ab").size(), to_tensor("b").argmax().item())


def train(category, name, lr=0.05):
    memory = torch.zeros(1, model.hidden)
    model.zero_grad()
    for letter in to_tensor(name):
        output, memory = model(letter, memory)
    loss = criterion(output, torch.tensor([category]))
    loss.backward()
    for p in model.parameters():
        p.data.add_(p.grad.data, alpha=-lr)
    return output, loss.item()


kinds = list(NAMES)
total = 0.0
for i in range(45):
    category = i % 3
    output, loss = train(category, NAMES[kinds[category]][i // 3 % 5])
    total += loss
    if i % 15 == 14:
        guess = output.topk(1)[1][0].item()
        print(i, f"{total / 15:.4f}", kinds[guess], "✓" if guess == category else f"✗ ({kinds[category]})")
        total = 0.0

with torch.no_grad():
    memory = torch.zeros(1, model.hidden)
    for letter in to_tensor("stella"):
        output, memory = model(letter, memory)
    values, indices = output.topk(3, 1, True)
    for value, index in zip(values[0], indices[0]):
        print(f"({value.item():.2f}) {kinds[index.item()]}")
