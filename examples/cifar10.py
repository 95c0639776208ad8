"""The classifier of the 60-minute tutorial, on ten kinds of small colour pictures that are made on the spot.

python examples/cifar10.py
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
from toy_data import SHAPES, save_figure, shapes
from tqdm import tqdm

import jtorch as torch
import jtorch.nn as nn
import jtorch.nn.functional as F
import jtorch.optim as optim
from jtorch.utils.data import DataLoader, TensorDataset

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--steps", type=int, default=1500)
parser.add_argument("--device", default="cpu")
parser.add_argument("--out", type=Path, default=Path(), help="folder for cifar10.png and cifar10.pth")
args = parser.parse_args()

batch_size = 16
learning_rate = 0.01
momentum = 0.9


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


def data(n, seed):
    pictures, labels, _ = shapes(n, seed=seed)
    return TensorDataset(torch.from_numpy(pictures) * 2 - 1, torch.from_numpy(labels))


torch.manual_seed(0)
trainset, testset = data(4000, seed=0), data(1000, seed=1)
loader = DataLoader(trainset, batch_size=batch_size, shuffle=True)
net = Net().to(args.device)
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(net.parameters(), lr=learning_rate, momentum=momentum)

losses: list[float] = []
bar = tqdm(total=args.steps)
while len(losses) < args.steps:
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = criterion(net(inputs.to(args.device)), labels.to(args.device))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        bar.update()
        if len(losses) == args.steps:
            break
bar.close()
print(f"loss {losses[0]:.4f} at first, {losses[-1]:.4f} after {args.steps} steps")

args.out.mkdir(parents=True, exist_ok=True)
torch.save(net.state_dict(), args.out / "cifar10.pth")
net = Net()
net.load_state_dict(torch.load(args.out / "cifar10.pth", weights_only=True))
with torch.no_grad():
    answers = torch.cat([net(x).argmax(1) for x, _ in DataLoader(testset, batch_size=250)])
labels = testset.tensors[1]
right = [(answers[labels == k] == k).float().mean().item() for k in range(10)]
print(f"accuracy on 1000 test pictures: {(answers == labels).float().mean().item():.3f}")

figure, rows = plt.subplots(2, 8, figsize=(8, 2.5), layout="constrained")
for axes, (picture, label), answer in zip(rows.flat, testset, answers.tolist(), strict=False):
    axes.imshow((picture / 2 + 0.5).permute(1, 2, 0).numpy())
    axes.set_title(SHAPES[answer], fontsize=9, color="black" if answer == label else "red")
    axes.axis("off")
save_figure(figure, args.out / "cifar10.png")
for shape, share in zip(SHAPES, right, strict=True):
    print(f"{shape:9} {share:.3f}")
