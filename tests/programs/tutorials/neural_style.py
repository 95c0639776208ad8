"""A picture with the content of one and the style of another: Gram matrices, total variation, LBFGS and its closure."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class Content(nn.Module):
    def __init__(self, target):
        super().__init__()
        self.target = target.detach()

    def forward(self, x):
        self.loss = F.mse_loss(x, self.target)
        return x


def gram(x):
    a, b, c, d = x.size()
    features = x.view(a * b, c * d)
    return torch.mm(features, features.t()).div(a * b * c * d)


class Style(nn.Module):
    def __init__(self, target):
        super().__init__()
        self.target = gram(target).detach()

    def forward(self, x):
        self.loss = F.mse_loss(gram(x), self.target)
        return x


torch.manual_seed(0)
cnn = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.Tanh(), nn.Conv2d(6, 8, 3, padding=1), nn.Tanh()).eval()
content, style = torch.rand(1, 3, 10, 10), torch.rand(1, 3, 10, 10).round()
model, styles, contents = nn.Sequential(), [], []
for i, layer in enumerate(cnn.children()):
    model.add_module(f"layer_{i}", layer)
    if i == 1:
        styles.append(Style(model(style).detach()))
        model.add_module("style", styles[-1])
    if i == 3:
        contents.append(Content(model(content).detach()))
        model.add_module("content", contents[-1])
image = content.clone()
image.requires_grad_(True)
model.requires_grad_(False)
optimizer = torch.optim.LBFGS([image], max_iter=5)
run = [0]
while run[0] < 20:

    def closure():
        with torch.no_grad():
            image.clamp_(0, 1)
        optimizer.zero_grad()
        model(image)
        style_score = sum(s.loss for s in styles) * 1e4
        content_score = sum(c.loss for c in contents)
        variation = (image[..., 1:] - image[..., :-1]).abs().mean()
        loss = style_score + content_score + 0.01 * variation
        loss.backward()
        run[0] += 1
        if run[0] % 5 == 0:
            print(run[0], f"{style_score.item():.4f} {content_score.item():.4f}")
        return style_score + content_score

    optimizer.step(closure)
with torch.no_grad():
    image.clamp_(0, 1)
print(image.shape, f"{image.mean().item():.3f}", list(dict(model.named_children())))
