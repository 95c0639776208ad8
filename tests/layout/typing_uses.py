"""Typical uses of jtorch, for a type checker: `mypy tests/layout/typing_uses.py` finds nothing. Nothing here is run.

In a line with `assert_type` the checker must infer exactly that type.
"""

from typing import Any, assert_type

import jtorch as torch
import jtorch.nn as nn
import jtorch.nn.functional as F
from jtorch import Tensor, optim
from jtorch.optim.lr_scheduler import CosineAnnealingLR, StepLR
from jtorch.utils.data import DataLoader, Dataset, TensorDataset


def tensors() -> None:
    x = torch.zeros(2, 3)
    assert_type(x, Tensor)
    assert_type(torch.zeros((2, 3), dtype=torch.float64), Tensor)
    assert_type(torch.rand(2, 3, device="cpu", requires_grad=True), Tensor)
    assert_type(torch.randint(0, 10, (3,)), Tensor)
    assert_type(torch.randint(10, (3,)), Tensor)
    assert_type(torch.tensor([[1, 2], [3, 4]], dtype=torch.float32), Tensor)
    assert_type(torch.arange(3), Tensor)
    assert_type(x.shape, torch.Size)
    assert_type(x.dtype, torch.dtype)
    assert_type(x.device, torch.device)
    assert_type(x.grad, Tensor | None)
    assert_type(x.requires_grad, bool)
    assert_type(x.numel(), int)
    assert_type(x.dim(), int)
    assert_type(x.is_contiguous(), bool)
    batch, width = x.shape
    assert_type(batch, int)
    assert_type(torch.float32, torch.dtype)
    assert_type(x.device.type, str)
    assert_type(torch.finfo(torch.float32).eps, float)
    assert_type(x.is_cuda, bool)
    assert_type(x.size(0), int)
    assert_type(x.stride(), tuple[int, ...])
    assert_type(x.T.data, Tensor)
    labels: torch.LongTensor = torch.LongTensor([1, 2])
    assert_type(labels.sum(), Tensor)
    if torch.cuda.is_available():
        x = x.to("cuda").cuda()


def arithmetic(x: Tensor, y: Tensor) -> Tensor:
    assert_type(x + 1, Tensor)
    assert_type(2.0 * x, Tensor)
    assert_type(x @ y, Tensor)
    assert_type(-(x**2) / y, Tensor)
    assert_type(x == y, Tensor)
    assert_type(x[0, :, None], Tensor)
    assert_type(x[x > 0], Tensor)
    x[0] = 1.0
    x += y
    x.add_(y, alpha=0.5).mul_(2).clamp_(min=0)
    assert_type(torch.cat([x, y], dim=0), Tensor)
    assert_type(torch.stack((x, y)), Tensor)
    assert_type(torch.einsum("ij,jk->ik", x, y), Tensor)
    assert_type(torch.where(x > 0, x, y).sum(), Tensor)
    assert_type(torch.split(x, 2, dim=1)[0], Tensor)
    assert_type(torch.linalg.svd(x).S, Tensor)
    first, *others = torch.unbind(x)
    assert_type(x.sum(), Tensor)
    assert_type(x.mean(dim=(0, 1), keepdim=True), Tensor)
    assert_type(x.view(-1, 3).permute(1, 0).reshape((3, -1)).transpose(0, 1).contiguous(), Tensor)
    assert_type(x.view(x.size(0), -1), Tensor)
    assert_type(x.expand(2, -1).repeat(1, 2), Tensor)
    assert_type(x.max(), Tensor)
    assert_type(x.max(dim=1).values, Tensor)
    values, indices = x.max(1)
    assert_type(indices, Tensor)
    assert_type(torch.max(x, y), Tensor)
    assert_type(x.sort(descending=True).indices, Tensor)
    top, where = x.topk(3)
    assert_type(where, Tensor)
    assert_type(x.split(2), tuple[Tensor, ...])
    assert_type(torch.allclose(x, y, atol=1e-5), bool)
    assert_type(torch.linalg.norm(x), Tensor)
    assert_type(torch.fft.rfft(x), Tensor)
    assert_type(torch.special.expit(x), Tensor)
    assert_type(x.float().long().bool(), Tensor)
    assert_type(x.float().detach().cpu().clone(), Tensor)
    print(x.item() + 1.0, x.tolist(), x.numpy().mean(), len(x), float(x), int(x))
    for row in x:
        assert_type(row, Tensor)
    return x.softmax(-1).log()


class Net(nn.Module):
    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, width, 3, padding=1)
        self.norm = nn.BatchNorm2d(width)
        self.body = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Dropout(0.1), nn.Linear(width, 10))
        self.scale = nn.Parameter(torch.ones(1))
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.norm(self.conv(x))), 2)
        x = F.adaptive_avg_pool2d(x, 1).flatten(1)
        return self.scale * self.body(F.dropout(x, 0.1, self.training))


class Reader(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(100, 16, padding_idx=0)
        self.layers = nn.ModuleList([nn.LSTM(16, 16, batch_first=True) for _ in range(2)])
        self.attention = nn.MultiheadAttention(16, 4, batch_first=True)
        nn.init.xavier_uniform_(self.embed.weight)

    def forward(self, words: Tensor, lengths: list[int]) -> Tensor:
        x = self.embed(nn.utils.rnn.pad_sequence([words[0], words[1]], batch_first=True))
        for layer in self.layers:
            x, (h, c) = layer(x)
        x, weights = self.attention(x, x, x)
        return F.scaled_dot_product_attention(x, x, x, is_causal=True)


class Squares(Dataset):
    def __len__(self) -> int:
        return 10

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return torch.tensor([float(index)]), index**2


def train(model: nn.Module, epochs: int = 2) -> float:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = model.to(device).train()
    criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
    optimizer = optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
    scheduler = CosineAnnealingLR(optimizer, T_max=epochs)
    other = StepLR(optim.SGD(model.parameters(), lr=0.1, momentum=0.9), step_size=1)
    loader = DataLoader(TensorDataset(torch.rand(8, 1, 4, 4), torch.arange(8)), batch_size=4, shuffle=True)
    scaler = torch.amp.GradScaler("cpu")
    total = 0.0
    for _ in range(epochs):
        for pictures, labels in loader:
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = criterion(model(pictures.to(device)), labels.to(device))
            scaler.scale(loss).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            scaler.step(optimizer)
            scaler.update()
            total += loss.item()
        scheduler.step()
        other.step()
    model.eval()
    with torch.no_grad():
        accuracy = (model(torch.rand(2, 1, 4, 4)).argmax(1) == 0).float().mean().item()
    torch.save(model.state_dict(), "model.pth")
    model.load_state_dict(torch.load("model.pth", map_location="cpu"))
    return total + accuracy


class Double(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * 2

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return grad * 2


def gradients() -> None:
    x = torch.ones(3, requires_grad=True)
    handle = x.register_hook(lambda grad: grad * 2)
    y = Double.apply(x).sum()
    y.backward(retain_graph=True)
    (grad,) = torch.autograd.grad(y, x)
    handle.remove()
    assert x.grad is not None
    x.grad.zero_()
    torch.manual_seed(0)
    normal = torch.distributions.Normal(torch.zeros(2), torch.ones(2))
    print(normal.log_prob(normal.sample()), grad, torch.func.grad(lambda t: (t**2).sum())(x))
