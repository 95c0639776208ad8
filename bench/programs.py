"""The workloads as plain PyTorch programs: one source, run by PyTorch and by jtorch alike.

The only thing that differs between the two is the module handed in as `torch`. The loop is the one every
tutorial shows: zero_grad, forward, loss, backward, step.
"""

from __future__ import annotations

from bench import weights


def build(torch, workload, compile=None):
    """A function `step()` that trains once, on the next of a few batches, and returns the loss tensor.

    Args:
        torch: the module that plays PyTorch.
        workload: a key of `weights.INPUTS`.
        compile: applied to the model (`torch.compile`), or None.
    """
    make = {"mlp": mlp, "cnn4": cnn, "cnn64": cnn, "resnet18": resnet18}[workload]
    model, optimizer, criterion = make(torch)
    state = {name: torch.from_numpy(w) for name, w in weights.initial(workload).items()}
    model.load_state_dict(state, strict=False)  # batch norm's running statistics keep their defaults
    data = [(torch.from_numpy(x), torch.from_numpy(y)) for x, y in weights.batches(workload)]
    forward = compile(model) if compile else model
    count = 0

    def step():
        nonlocal count
        x, y = data[count % len(data)]
        count += 1
        optimizer.zero_grad()
        loss = criterion(forward(x), y)
        loss.backward()
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
