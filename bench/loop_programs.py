"""Loops that do not repeat exactly, and interactive ones: the same PyTorch source under either library.

A workload is a function of a `Library` that makes models and data, and calls `library.run(steps, step)`. It gives a figure
by which the libraries must agree.
"""

from __future__ import annotations

import random
from importlib import import_module

import numpy as np


class Library:
    """PyTorch or jtorch, and the seconds that each step took by `clock`."""

    def __init__(self, name, clock):
        self.clock = clock
        self.torch = import_module(name)
        self.nn = import_module(f"{name}.nn")
        self.F = import_module(f"{name}.nn.functional")
        self.data = import_module(f"{name}.utils.data")
        self.distributions = import_module(f"{name}.distributions")
        self.seconds = []
        if name == "torch":
            self.torch.set_num_threads(1)

    def run(self, steps, step):
        """Call `step(i)` for each i below `steps`. Returns the last result."""
        result = None
        for i in range(steps):
            start = self.clock()
            result = step(i)
            self.seconds.append(self.clock() - start)
        return result


WORKLOADS = {}


def workload(title):
    """Put a function into `WORKLOADS`."""

    def put(fn):
        WORKLOADS[fn.__name__] = title, fn
        return fn

    return put


# ---- loops that repeat, and short ones


@workload("three lines and two reads a step")
def looks(lib):
    x = lib.torch.randn(1000)

    def step(i):
        nonlocal x
        x = x * 1.01 + 0.1
        if x.abs().max() > 5:
            x = x / 2
        return x.mean().item()

    return lib.run(2000, step)


@workload("one image at a time through a CNN")
def cnn1(lib):
    torch, nn = lib.torch, lib.nn
    net = nn.Sequential(
        nn.Conv2d(1, 10, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(10, 20, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(500, 100), nn.ReLU(), nn.Linear(100, 10),
    ).eval()  # fmt: skip
    x = torch.randn(1, 1, 28, 28)

    def step(i):
        with torch.no_grad():
            return net(x).argmax(1)[0].item()

    return lib.run(200, step)


@workload("a CNN on digits, a DataLoader, 8 epochs")
def digits(lib):
    from sklearn.datasets import load_digits

    torch, nn, F = lib.torch, lib.nn, lib.F
    digits = load_digits()
    images = torch.tensor(digits.images / 16, dtype=torch.float32).unsqueeze(1)
    loader = lib.data.DataLoader(
        lib.data.TensorDataset(images, torch.tensor(digits.target)), batch_size=32, shuffle=True
    )
    net = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(), nn.Flatten(), nn.Dropout(0.25), nn.Linear(512, 10),
    )  # fmt: skip
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)

    losses = []

    def epoch(e):
        for x, y in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(net(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())

    lib.run(8, epoch)
    return sum(losses[:20])  # after about thirty steps rounding differences have grown to visible digits


@workload("a GAN of two MLPs")
def gan(lib):
    torch, nn = lib.torch, lib.nn
    make = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 784), nn.Tanh())
    judge = nn.Sequential(
        nn.Linear(784, 256), nn.LeakyReLU(0.2), nn.Linear(256, 256), nn.LeakyReLU(0.2), nn.Linear(256, 1), nn.Sigmoid()
    )
    of_make, of_judge = torch.optim.Adam(make.parameters(), 2e-4), torch.optim.Adam(judge.parameters(), 2e-4)
    loss, real = nn.BCELoss(), torch.rand(100, 784)

    def step(i):
        one, zero = torch.ones(100, 1), torch.zeros(100, 1)
        total = loss(judge(real), one) + loss(judge(make(torch.randn(100, 64))), zero)
        of_judge.zero_grad()
        of_make.zero_grad()
        total.backward()
        of_judge.step()
        total = loss(judge(make(torch.randn(100, 64))), one)
        of_judge.zero_grad()
        of_make.zero_grad()
        total.backward()
        of_make.step()
        return total.item()

    return lib.run(80, step)


# ---- language models


def small_gpt(lib, vocabulary=65, width=64, layers=4, heads=4, block=64):
    """nanoGPT's model, small."""
    torch, nn, F = lib.torch, lib.nn, lib.F

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.project = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

        def forward(self, x):
            batch, length, _ = x.size()
            parts = self.qkv(self.norm1(x)).split(width, dim=2)
            q, k, v = (t.view(batch, length, heads, width // heads).transpose(1, 2) for t in parts)
            scores = (q @ k.transpose(-2, -1)) / (width // heads) ** 0.5
            scores = scores.masked_fill(torch.tril(torch.ones(length, length)) == 0, float("-inf"))
            y = (F.softmax(scores, dim=-1) @ v).transpose(1, 2).contiguous().view(batch, length, width)
            x = x + self.project(y)
            return x + self.mlp(self.norm2(x))

    class GPT(nn.Module):
        def __init__(self):
            super().__init__()
            self.tokens, self.positions = nn.Embedding(vocabulary, width), nn.Embedding(block, width)
            self.blocks = nn.ModuleList([Block() for _ in range(layers)])
            self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, vocabulary)

        def forward(self, tokens):
            x = self.tokens(tokens) + self.positions(torch.arange(tokens.size(1)))
            for layer in self.blocks:
                x = layer(x)
            return self.head(self.norm(x))

    return GPT()


@workload("nanoGPT's generate: 300 tokens, block 64")
def generate(lib):
    torch, F = lib.torch, lib.F
    model = small_gpt(lib).eval()
    text = torch.zeros((1, 1), dtype=torch.long)

    def step(i):
        nonlocal text
        with torch.no_grad():
            last = model(text[:, -64:])[:, -1, :]
            text = torch.cat((text, torch.multinomial(F.softmax(last, dim=-1), 1)), dim=1)
        return int(text[0, -1])

    lib.run(300, step)
    return int(text.sum())


@workload("nanoGPT's training step, batches by stack")
def gpt_train(lib):
    torch, F = lib.torch, lib.F
    model, data = small_gpt(lib), torch.randint(0, 65, (5000,))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)

    def step(i):
        starts = torch.randint(5000 - 65, (8,))
        x = torch.stack([data[k : k + 64] for k in starts])
        y = torch.stack([data[k + 1 : k + 65] for k in starts])
        loss = F.cross_entropy(model(x).view(-1, 65), y.view(-1))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.item() if i % 10 == 9 else None

    return lib.run(100, step)


@workload("one token at a time, keys and values kept in a growing cache")
def growing_cache(lib):
    torch, nn, F = lib.torch, lib.nn, lib.F
    width = 64
    embed, qkv, head = nn.Embedding(65, width), nn.Linear(width, 3 * width), nn.Linear(width, 65)
    keys = values = torch.zeros(1, 0, width)
    token = torch.zeros(1, dtype=torch.long)

    def step(i):
        nonlocal keys, values, token
        with torch.no_grad():
            q, k, v = qkv(embed(token)).unsqueeze(1).chunk(3, dim=2)
            keys, values = torch.cat([keys, k], 1), torch.cat([values, v], 1)
            weights = F.softmax(q @ keys.transpose(1, 2) / width**0.5, dim=-1)
            token = head((weights @ values)[:, 0]).argmax(-1)
        return token.item()

    lib.run(250, step)
    return keys.sum().item()


# ---- sequences of many lengths


@workload("char-RNN: 500 names of 2 to 19 letters")
def char_rnn(lib):
    torch, nn = lib.torch, lib.nn

    class RNN(nn.Module):
        def __init__(self):
            super().__init__()
            self.to_hidden, self.to_output = nn.Linear(57 + 128, 128), nn.Linear(128, 18)
            self.log_softmax = nn.LogSoftmax(dim=1)

        def forward(self, x, hidden):
            hidden = torch.tanh(self.to_hidden(torch.cat((x, hidden), 1)))
            return self.log_softmax(self.to_output(hidden)), hidden

    net, criterion = RNN(), nn.NLLLoss()

    def step(i):
        length = random.randint(2, 19)
        letters = torch.zeros(length, 1, 57)
        for k in range(length):
            letters[k][0][random.randint(0, 56)] = 1
        label = torch.tensor([random.randint(0, 17)])
        hidden = torch.zeros(1, 128)
        net.zero_grad()
        for k in range(length):
            output, hidden = net(letters[k], hidden)
        loss = criterion(output, label)
        loss.backward()
        for p in net.parameters():
            p.data.add_(p.grad.data, alpha=-0.005)
        return loss.item()

    return lib.run(500, step)


@workload("seq2seq: a GRU with attention, 200 pairs of 3 to 12 words")
def seq2seq(lib):
    torch, nn, F = lib.torch, lib.nn, lib.F
    width = 64

    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.gru = nn.Embedding(50, width), nn.GRU(width, width)

        def forward(self, x, hidden):
            return self.gru(self.embed(x).view(1, 1, -1), hidden)

    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.attend = nn.Embedding(50, width), nn.Linear(2 * width, 12)
            self.combine, self.gru, self.out = nn.Linear(2 * width, width), nn.GRU(width, width), nn.Linear(width, 50)

        def forward(self, x, hidden, outputs):
            embedded = self.embed(x).view(1, 1, -1)
            weights = F.softmax(self.attend(torch.cat((embedded[0], hidden[0]), 1)), dim=1)
            context = torch.bmm(weights.unsqueeze(0), outputs.unsqueeze(0))
            combined = F.relu(self.combine(torch.cat((embedded[0], context[0]), 1)).unsqueeze(0))
            output, hidden = self.gru(combined, hidden)
            return F.log_softmax(self.out(output[0]), dim=1), hidden

    encoder, decoder, criterion = Encoder(), Decoder(), nn.NLLLoss()
    optimizers = [torch.optim.SGD(part.parameters(), lr=0.01) for part in (encoder, decoder)]

    def step(i):
        n, m = random.randint(3, 12), random.randint(3, 12)
        source, target = torch.randint(2, 50, (n, 1)), torch.randint(2, 50, (m, 1))
        for optimizer in optimizers:
            optimizer.zero_grad()
        hidden, outputs = torch.zeros(1, 1, width), torch.zeros(12, width)
        for k in range(n):
            output, hidden = encoder(source[k], hidden)
            outputs[k] = output[0, 0]
        word, loss, forced = torch.tensor([[0]]), 0, random.random() < 0.5
        for k in range(m):
            output, hidden = decoder(word, hidden, outputs)
            loss = loss + criterion(output, target[k])
            if forced:
                word = target[k]
            else:
                word = output.topk(1)[1].squeeze().detach()
                if word.item() == 1:
                    break
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
        return loss.item() / m

    return lib.run(200, step)


@workload("an LSTM cell, 20 steps in Python, 150 times")
def lstm_cell(lib):
    torch, nn, F = lib.torch, lib.nn, lib.F
    cell, head = nn.LSTMCell(32, 64), nn.Linear(64, 10)
    optimizer = torch.optim.RMSprop([*cell.parameters(), *head.parameters()], lr=1e-3)
    inputs, labels = torch.randn(20, 16, 32), torch.randint(0, 10, (20, 16))

    def step(i):
        hidden, state, loss = torch.zeros(16, 64), torch.zeros(16, 64), 0
        for t in range(20):
            hidden, state = cell(inputs[t], (hidden, state))
            loss = loss + F.cross_entropy(head(hidden), labels[t])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return lib.run(150, step)


@workload("batches padded to the longest of 8 sentences, embedded and averaged")
def padded_batches(lib):
    torch, nn, F = lib.torch, lib.nn, lib.F
    embed, head = nn.Embedding(100, 32, padding_idx=0), nn.Linear(32, 4)
    optimizer = torch.optim.Adam([*embed.parameters(), *head.parameters()], lr=0.01)

    def step(i):
        sentences = [[random.randint(1, 99) for _ in range(random.randint(3, 40))] for _ in range(8)]
        longest = max(map(len, sentences))
        words = torch.tensor([s + [0] * (longest - len(s)) for s in sentences])
        mask = (words != 0).unsqueeze(2).float()
        mean = (embed(words) * mask).sum(1) / mask.sum(1)
        loss = F.cross_entropy(head(mean), torch.tensor([len(s) % 4 for s in sentences]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return lib.run(300, step)


# ---- structures that change


@workload("a tree network on random trees of 2 to 12 leaves")
def trees(lib):
    torch, nn, F = lib.torch, lib.nn, lib.F
    embed, join, head = nn.Embedding(20, 24), nn.Linear(48, 24), nn.Linear(24, 3)
    parameters = [*embed.parameters(), *join.parameters(), *head.parameters()]
    optimizer = torch.optim.SGD(parameters, lr=0.05)

    def encode(leaves):
        if len(leaves) == 1:
            return embed(torch.tensor(leaves))
        cut = random.randint(1, len(leaves) - 1)
        return torch.tanh(join(torch.cat([encode(leaves[:cut]), encode(leaves[cut:])], 1)))

    def step(i):
        leaves = [random.randint(0, 19) for _ in range(random.randint(2, 12))]
        loss = F.cross_entropy(head(encode(leaves)), torch.tensor([sum(leaves) % 3]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return lib.run(200, step)


@workload("a graph network on graphs of 5 to 30 nodes")
def graphs(lib):
    torch, nn, F = lib.torch, lib.nn, lib.F
    first, second, head = nn.Linear(8, 32), nn.Linear(32, 32), nn.Linear(32, 2)
    optimizer = torch.optim.Adam([*first.parameters(), *second.parameters(), *head.parameters()], lr=0.01)

    def step(i):
        nodes = random.randint(5, 30)
        edges = torch.randint(0, nodes, (2, 3 * nodes))
        x = torch.randn(nodes, 8)
        for layer in (first, second):
            sent = layer(x)[edges[0]]
            x = F.relu(torch.zeros(nodes, 32).index_add(0, edges[1], sent))
        loss = F.cross_entropy(head(x.mean(0, keepdim=True)), torch.tensor([nodes % 2]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return lib.run(200, step)


# ---- reinforcement learning


@workload("REINFORCE: 60 episodes of 10 to 40 actions")
def reinforce(lib):
    torch, nn = lib.torch, lib.nn
    policy = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 2))
    optimizer = torch.optim.Adam(policy.parameters(), lr=0.01)
    draw = np.random.RandomState(0)

    def episode(i):
        state, log_probs, rewards = draw.randn(4).astype("f4"), [], []
        for _ in range(draw.randint(10, 40)):
            choice = lib.distributions.Categorical(logits=policy(torch.from_numpy(state).unsqueeze(0)))
            action = choice.sample()
            log_probs.append(choice.log_prob(action))
            rewards.append(1.0)
            state = (state * 0.9 + (0.1 if action.item() else -0.1) + draw.randn(4) * 0.1).astype("f4")
        returns, total = [], 0
        for r in reversed(rewards):
            total = r + 0.99 * total
            returns.insert(0, total)
        returns = torch.tensor(returns)
        returns = (returns - returns.mean()) / (returns.std() + 1e-6)
        loss = torch.cat([-p * r for p, r in zip(log_probs, returns, strict=True)]).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return lib.run(60, episode)


@workload("DQN: a replay of 64 with a mask of final states, 400 steps")
def dqn(lib):
    torch, nn = lib.torch, lib.nn
    net, target = (
        nn.Sequential(nn.Linear(4, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 2)) for _ in range(2)
    )
    target.load_state_dict(net.state_dict())
    optimizer, criterion = torch.optim.AdamW(net.parameters(), lr=1e-4, amsgrad=True), nn.SmoothL1Loss()
    memory, draw = [], np.random.RandomState(0)
    new_state = lambda: torch.tensor(draw.randn(1, 4), dtype=torch.float32)
    state = new_state()

    def step(i):
        nonlocal state
        with torch.no_grad():
            greedy = random.random() > 0.3
            action = net(state).max(1).indices.view(1, 1) if greedy else torch.tensor([[random.randint(0, 1)]])
        after = new_state() if action.item() == 0 or random.random() > 0.05 else None
        memory.append((state, action, after, torch.tensor([1.0])))
        state = after if after is not None else new_state()
        if len(memory) < 64:
            return 0.0
        states, actions, afters, rewards = zip(*random.sample(memory, 64), strict=True)
        mask = torch.tensor([s is not None for s in afters], dtype=torch.bool)
        values = net(torch.cat(states)).gather(1, torch.cat(actions))
        next_values = torch.zeros(64)
        with torch.no_grad():
            next_values[mask] = target(torch.cat([s for s in afters if s is not None])).max(1).values
        loss = criterion(values, (next_values * 0.99 + torch.cat(rewards)).unsqueeze(1))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_value_(net.parameters(), 100)
        optimizer.step()
        slow, fast = target.state_dict(), net.state_dict()
        for k in fast:
            slow[k] = fast[k] * 0.005 + slow[k] * 0.995
        target.load_state_dict(slow)
        return loss.item()

    return lib.run(400, step)
