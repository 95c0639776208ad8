"""Pictures changed a little against the network: the fast gradient sign, and small projected steps of it."""

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)
model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.2), nn.Linear(36, 3))
labels = torch.arange(60) % 3
images = (torch.rand(60, 1, 8, 8) * 0.6).clamp(0, 1)
images[:, 0] += 0.4 * F.one_hot(labels * 2 + 1, 8).unsqueeze(2)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for _ in range(25):
    optimizer.zero_grad()
    F.cross_entropy(model(images), labels).backward()
    optimizer.step()
model.eval()


def fgsm(image, epsilon, gradient):
    return torch.clamp(image + epsilon * gradient.sign(), 0, 1)


def test(epsilon):
    correct = 0
    for image, label in zip(images.split(20), labels.split(20)):
        image = image.clone().requires_grad_(True)
        loss = F.nll_loss(F.log_softmax(model(image), dim=1), label)
        model.zero_grad()
        loss.backward()
        attacked = fgsm(image, epsilon, image.grad.data)
        correct += (model(attacked).max(1, keepdim=True)[1] == label.view(-1, 1)).sum().item()
    return correct / 60


for epsilon in (0, 0.05, 0.4):
    print(epsilon, f"{test(epsilon):.2f}")
start = images[:10].detach()
attacked = start + torch.empty_like(start).uniform_(-0.1, 0.1)
for _ in range(5):
    attacked = attacked.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(F.cross_entropy(model(attacked), labels[:10]), attacked)
    attacked = torch.min(torch.max(attacked + 0.05 * gradient.sign(), start - 0.1), start + 0.1).clamp(0, 1)
print(f"{(attacked - start).abs().max().item():.3f} {F.cross_entropy(model(attacked), labels[:10]).item():.2f}")
