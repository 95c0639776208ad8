"""A convolutional network learns to read handwritten digits.

    python examples/mnist_cnn.py                            # real digits, no download, under a minute
    python examples/mnist_cnn.py --data mnist --epochs 5

This is a PyTorch program: with `import torch` for `import jtorch as torch`, and the same in the four lines
below it, it runs under PyTorch and learns from the same numbers.
"""

import argparse
import sys
from itertools import islice
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image
from sklearn.datasets import load_digits
from tqdm import tqdm

import jtorch as torch
import jtorch.nn as nn
import jtorch.nn.functional as F
import jtorch.optim as optim
from jtorch.utils.data import DataLoader, TensorDataset


class Net(nn.Module):
    """Two convolutions and three fully connected layers; the comments follow a picture of 28 x 28."""

    def __init__(self, channels=1, side=28, dropout=0.0, batchnorm=False):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 10, 5)
        self.conv2 = nn.Conv2d(10, 20, 3)
        self.norm1 = nn.BatchNorm2d(10) if batchnorm else nn.Identity()
        self.norm2 = nn.BatchNorm2d(20) if batchnorm else nn.Identity()
        side = ((side - 4) // 2 - 2) // 2
        self.fc1 = nn.Linear(20 * side * side, 100)
        self.fc2 = nn.Linear(100, 50)
        self.fc3 = nn.Linear(50, 10)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):  # (N, 1, 28, 28)
        x = F.max_pool2d(F.relu(self.norm1(self.conv1(x))), 2)  # (N, 10, 12, 12)
        x = F.max_pool2d(F.relu(self.norm2(self.conv2(x))), 2)  # (N, 20, 5, 5)
        x = x.view(x.size(0), -1)  # (N, 500)
        x = self.dropout(F.relu(self.fc1(x)))
        x = self.dropout(F.relu(self.fc2(x)))
        return self.fc3(x)  # (N, 10), one score for each class


def digits():
    """Scikit-learn's 1,797 digits, enlarged from 8 x 8 to 28 x 28: 1,437 to learn from, 360 for the test."""
    small, labels = load_digits(return_X_y=True)
    small = (small * 255 / 16).astype(np.uint8).reshape(-1, 8, 8)
    pictures = np.stack([Image.fromarray(p).resize((28, 28), Image.Resampling.BILINEAR) for p in small])
    order = np.random.default_rng(0).permutation(len(labels))
    return [(pictures[part], labels[part].astype(np.int64)) for part in (order[360:], order[:360])]


def downloaded(name, root):
    """A data set of jtorch.vision, which torchvision has under the same names."""
    from jtorch.vision import datasets  # here, because only these data sets need it

    kinds = {"mnist": datasets.MNIST, "fashion_mnist": datasets.FashionMNIST, "cifar10": datasets.CIFAR10}
    halves = [kinds[name](root, train=train, download=True) for train in (True, False)]
    return [(np.asarray(half.data), np.asarray(half.targets, np.int64)) for half in halves]


def load(name, root):
    """The training and the test half: pictures (N, C, H, W) in -1..1, labels (N,) in 0..9."""
    halves = digits() if name == "digits" else downloaded(name, root)
    return [TensorDataset(as_floats(pictures), torch.from_numpy(labels)) for pictures, labels in halves]


def as_floats(pictures):
    """Bytes (N, H, W) or (N, H, W, C) as the floats (N, C, H, W) that a convolution reads."""
    pictures = pictures[:, None] if pictures.ndim == 3 else pictures.transpose(0, 3, 1, 2)
    return torch.from_numpy(pictures.astype(np.float32) / 127.5 - 1)


def train(model, loader, optimizer, device, title, steps=None):
    """One pass over the data; the mean loss and the share of right answers on the way."""
    model.train()
    bar = tqdm(islice(loader, steps), title, total=min(len(loader), steps or len(loader)), leave=False)
    loss_sum, right, seen = 0.0, 0, 0
    for pictures, labels in bar:
        pictures, labels = pictures.to(device), labels.to(device)
        optimizer.zero_grad()
        scores = model(pictures)
        loss = F.cross_entropy(scores, labels)
        loss.backward()
        optimizer.step()

        loss_sum += loss.item() * len(labels)
        right += (scores.argmax(1) == labels).sum().item()
        seen += len(labels)
        bar.set_postfix(loss=f"{loss_sum / seen:.4f}", refresh=False)
    return loss_sum / seen, right / seen


def evaluate(model, data, device):
    """The mean loss, the share of right answers, and the answers (N,) on unseen pictures."""
    model.eval()
    with torch.no_grad():
        scores = torch.cat([model(pictures.to(device)) for pictures, _ in DataLoader(data, batch_size=256)])
    labels, answers = data.tensors[1].to(device), scores.argmax(1)
    return F.cross_entropy(scores, labels).item(), (answers == labels).float().mean().item(), answers


def draw(history, path):
    """The learning curve: loss on the left, accuracy on the right, against the epoch."""
    epochs = range(1, len(history) + 1)
    train_loss, train_right, test_loss, test_right = zip(*history, strict=True)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
    for axes, trained, tested, label in (
        (left, train_loss, test_loss, "loss"),
        (right, [100 * r for r in train_right], [100 * r for r in test_right], "accuracy, %"),
    ):
        axes.plot(epochs, trained, marker=".", label="training")
        axes.plot(epochs, tested, marker=".", label="test")
        axes.set(xlabel="epoch", ylabel=label)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--data", choices=["digits", "mnist", "fashion_mnist", "cifar10"], default="digits")
    add("--root", default="data", help="folder that downloaded data sets are kept in")
    add("--device", default="cuda" if torch.cuda.is_available() else "cpu", help="cpu or cuda")
    add("--epochs", type=int, default=10)
    add("--batch-size", type=int, default=32)
    add("--lr", type=float, default=0.05, help="of the first epoch; falls to nothing along a line")
    add("--seed", type=int, default=0)
    add("--dropout", type=float, nargs="?", const=0.25, default=0.0, help="share of neurons dropped, 0 to 1")
    add("--batchnorm", action="store_true")
    add("--out", type=Path, default=Path(), help="folder for model.pth and learning_curve.png")
    add("--steps", type=int, help="at most this many steps an epoch, to try things quickly")
    return parser.parse_args()


def main():
    args = options()
    torch.manual_seed(args.seed)
    try:
        train_data, test_data = load(args.data, args.root)
    except (ImportError, RuntimeError) as error:
        sys.exit(f"{error}\n`--data digits` needs no download.")

    channels, side = train_data.tensors[0].shape[1:3]
    shape = {"channels": channels, "side": side, "dropout": args.dropout, "batchnorm": args.batchnorm}
    model = Net(**shape).to(args.device)
    print(model)
    optimizer = optim.SGD(model.parameters(), lr=args.lr, momentum=0.9, weight_decay=1e-3)
    schedule = optim.lr_scheduler.PolynomialLR(optimizer, total_iters=args.epochs)
    loader = DataLoader(train_data, batch_size=args.batch_size, shuffle=True)

    history = []
    for epoch in range(1, args.epochs + 1):
        title = f"epoch {epoch}/{args.epochs}"
        loss, right = train(model, loader, optimizer, args.device, title, args.steps)
        schedule.step()
        test_loss, test_right, answers = evaluate(model, test_data, args.device)
        history.append((loss, right, test_loss, test_right))
        print(f"{title}  loss {loss:.4f}, accuracy {right:.2%}", end="   ")
        print(f"test loss {test_loss:.4f}, accuracy {test_right:.2%}")

    args.out.mkdir(parents=True, exist_ok=True)
    torch.save(model.state_dict(), args.out / "model.pth")
    fresh = Net(**shape).to(args.device)
    fresh.load_state_dict(torch.load(args.out / "model.pth", map_location=args.device))
    same = torch.equal(evaluate(fresh, test_data, args.device)[2], answers)
    print(f"{args.out / 'model.pth'} in a fresh model predicts the same: {same}")
    draw(history, args.out / "learning_curve.png")
    print(f"{args.out / 'learning_curve.png'} shows the learning curve")
    sys.exit(not same)


if __name__ == "__main__":
    main()
