"""The workloads as plain PyTorch programs: one source, run by PyTorch and by jtorch alike.

The only thing that differs between the two is the module handed in as `torch`. The loop is the one every
tutorial shows: zero_grad, forward, loss, backward, step.
"""

from __future__ import annotations

from bench import weights


def build(torch, workload, compile=None, device="cpu"):
    """A function `step()` that trains once, on the next of a few batches, and returns the loss tensor.

    Args:
        torch: the module that plays PyTorch.
        workload: one of `weights.WORKLOADS`.
        compile: applied to the model (`torch.compile`), or None.
        device: where it trains, by PyTorch's name.
    """
    make = {
        "mlp": mlp, "cnn4": cnn, "cnn64": cnn, "resnet18": resnet18, "lstm": lstm, "gpt": gpt, "vae": vae,
    }[workload]  # fmt: skip
    model, optimizer, criterion = make(torch)
    clip = 0.25 if workload == "lstm" else None
    state = {name: torch.from_numpy(w) for name, w in weights.initial(workload).items()}
    model.load_state_dict(state, strict=False)  # batch norm's running statistics keep their defaults
    model.to(device)
    data = [tuple(torch.from_numpy(a).to(device) for a in pair) for pair in weights.batches(workload)]
    forward = compile(model) if compile else model
    count = 0

    def step():
        nonlocal count
        x, y = data[count % len(data)]
        count += 1
        optimizer.zero_grad()
        loss = criterion(forward(x), y)
        loss.backward()
        if clip:
            torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        return loss

    return step


def mlp(torch):
    """Eight Linear layers of width 32, ReLU between them, mean squared error, Adam."""
    nn = torch.nn
    F = torch.nn.functional

    class MLP(nn.Module):
        def __init__(self):
            super().__init__()
            width = weights.MLP_WIDTH
            self.layers = nn.ModuleList([nn.Linear(width, width) for _ in range(weights.MLP_DEPTH)])

        def forward(self, x):
            *hidden, last = self.layers
            for layer in hidden:
                x = F.relu(layer(x))
            return last(x)

    model = MLP()
    return model, torch.optim.Adam(model.parameters(), lr=1e-3), nn.MSELoss()


def cnn(torch):
    """Two convolutions, each with ReLU and a 2×2 max pool, and three Linear layers; SGD with momentum."""
    nn = torch.nn
    F = torch.nn.functional

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(1, 10, 5)
            self.conv2 = nn.Conv2d(10, 20, 3)
            self.fc1 = nn.Linear(20 * 5 * 5, 100)
            self.fc2 = nn.Linear(100, 50)
            self.fc3 = nn.Linear(50, 10)

        def forward(self, x):
            x = F.max_pool2d(F.relu(self.conv1(x)), (2, 2))  # (N, 10, 12, 12)
            x = F.max_pool2d(F.relu(self.conv2(x)), (2, 2))  # (N, 20, 5, 5)
            x = x.view(-1, x.shape[1] * x.shape[2] * x.shape[3])
            x = F.relu(self.fc1(x))
            x = F.relu(self.fc2(x))
            return self.fc3(x)

    model = Net()
    return model, torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9), nn.CrossEntropyLoss()


def resnet18(torch):
    """ResNet-18 for 32×32 images (a 3×3 stem, no pooling before the stages); SGD with momentum."""
    nn = torch.nn
    F = torch.nn.functional

    class Block(nn.Module):
        def __init__(self, inner, outer, stride):
            super().__init__()
            self.conv1 = nn.Conv2d(inner, outer, 3, stride=stride, padding=1, bias=False)
            self.bn1 = nn.BatchNorm2d(outer)
            self.conv2 = nn.Conv2d(outer, outer, 3, padding=1, bias=False)
            self.bn2 = nn.BatchNorm2d(outer)
            self.shortcut = nn.Sequential()
            if stride != 1 or inner != outer:
                self.shortcut = nn.Sequential(
                    nn.Conv2d(inner, outer, 1, stride=stride, bias=False), nn.BatchNorm2d(outer)
                )

        def forward(self, x):
            y = F.relu(self.bn1(self.conv1(x)))
            y = self.bn2(self.conv2(y))
            return F.relu(y + self.shortcut(x))

    class ResNet18(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(3, 64, 3, padding=1, bias=False)
            self.bn1 = nn.BatchNorm2d(64)
            blocks = [Block(*shape) for _, *shape in weights.resnet_blocks()]
            self.layer1, self.layer2, self.layer3, self.layer4 = (
                nn.Sequential(*blocks[i : i + 2]) for i in range(0, 8, 2)
            )
            self.linear = nn.Linear(512, 10)

        def forward(self, x):
            x = F.relu(self.bn1(self.conv1(x)))
            x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
            x = torch.flatten(F.avg_pool2d(x, 4), 1)
            return self.linear(x)

    model = ResNet18()
    return model, torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9), nn.CrossEntropyLoss()


def lstm(torch):
    """A word language model: embedding, two LSTM layers whose state goes on from batch to batch, a decoder; SGD and
    clipped gradients."""
    nn = torch.nn
    sizes = weights.LSTM

    class LanguageModel(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = nn.Embedding(sizes["words"], sizes["width"])
            self.rnn = nn.LSTM(sizes["width"], sizes["width"], sizes["layers"])
            self.decoder = nn.Linear(sizes["width"], sizes["words"])
            start = torch.zeros(sizes["layers"], sizes["batch"], sizes["width"])
            self.hidden = (start, start)

        def forward(self, x):
            hidden = tuple(h.detach().to(x.device) for h in self.hidden)
            out, self.hidden = self.rnn(self.encoder(x), hidden)
            return self.decoder(out)

    def criterion(out, y):
        return nn.functional.cross_entropy(out.view(-1, sizes["words"]), y.view(-1))

    model = LanguageModel()
    return model, torch.optim.SGD(model.parameters(), lr=1.0), criterion


def gpt(torch):
    """A small GPT: pre-norm blocks of causal attention and a GELU MLP; AdamW."""
    nn = torch.nn
    F = torch.nn.functional
    sizes = weights.GPT
    width, heads = sizes["width"], sizes["heads"]

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.ln1 = nn.LayerNorm(width)
            self.qkv = nn.Linear(width, 3 * width)
            self.proj = nn.Linear(width, width)
            self.ln2 = nn.LayerNorm(width)
            self.up = nn.Linear(width, 4 * width)
            self.down = nn.Linear(4 * width, width)

        def attend(self, x):
            B, T, C = x.size()
            q, k, v = self.qkv(x).split(C, dim=2)
            q, k, v = (t.view(B, T, heads, C // heads).transpose(1, 2) for t in (q, k, v))
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            return self.proj(y.transpose(1, 2).contiguous().view(B, T, C))

        def forward(self, x):
            x = x + self.attend(self.ln1(x))
            return x + self.down(F.gelu(self.up(self.ln2(x))))

    class GPT(nn.Module):
        def __init__(self):
            super().__init__()
            self.wte = nn.Embedding(sizes["words"], width)
            self.wpe = nn.Embedding(sizes["length"], width)
            self.blocks = nn.ModuleList([Block() for _ in range(sizes["layers"])])
            self.ln = nn.LayerNorm(width)
            self.head = nn.Linear(width, sizes["words"], bias=False)

        def forward(self, x):
            x = self.wte(x) + self.wpe(torch.arange(x.size(1), device=x.device))
            for block in self.blocks:
                x = block(x)
            return self.head(self.ln(x))

    def criterion(out, y):
        return F.cross_entropy(out.view(-1, sizes["words"]), y.view(-1))

    model = GPT()
    return model, torch.optim.AdamW(model.parameters(), lr=1e-3), criterion


def vae(torch):
    """A variational autoencoder of Linear layers, as PyTorch's examples have it; Adam."""
    nn = torch.nn
    F = torch.nn.functional
    pixels, hidden, latent = weights.VAE["pixels"], weights.VAE["hidden"], weights.VAE["latent"]

    class VAE(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1 = nn.Linear(pixels, hidden)
            self.mean = nn.Linear(hidden, latent)
            self.logvar = nn.Linear(hidden, latent)
            self.fc3 = nn.Linear(latent, hidden)
            self.fc4 = nn.Linear(hidden, pixels)

        def forward(self, x):
            h = F.relu(self.fc1(x))
            mean, logvar = self.mean(h), self.logvar(h)
            std = torch.exp(0.5 * logvar)
            z = mean + torch.randn_like(std) * std
            return torch.sigmoid(self.fc4(F.relu(self.fc3(z)))), mean, logvar

    def criterion(out, x):
        image, mean, logvar = out
        reconstruction = F.binary_cross_entropy(image, x, reduction="sum")
        return reconstruction - 0.5 * torch.sum(1 + logvar - mean.pow(2) - logvar.exp())

    model = VAE()
    return model, torch.optim.Adam(model.parameters(), lr=1e-3), criterion
