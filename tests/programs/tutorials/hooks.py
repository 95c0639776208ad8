"""What a layer saw and what came back to it: hooks for feature maps, a class activation map, gradients watched."""

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)
net = nn.Sequential()
net.add_module("conv1", nn.Conv2d(1, 4, 3, padding=1))
net.add_module("relu1", nn.ReLU())
net.add_module("conv2", nn.Conv2d(4, 6, 3, padding=1))
net.add_module("relu2", nn.ReLU())
net.add_module("pool", nn.AdaptiveAvgPool2d(1))
net.add_module("flat", nn.Flatten())
net.add_module("fc", nn.Linear(6, 3))
seen, grads = {}, {}


def keep(name):
    def hook(module, args, output):
        seen[name] = output.detach()

    return hook


handles = [layer.register_forward_hook(keep(name)) for name, layer in net.named_children()]
handles.append(net.conv2.register_full_backward_hook(lambda m, gi, go: grads.update(conv2=go[0])))
handles.append(net.fc.register_forward_pre_hook(lambda m, args: (args[0] * 2,)))
image = torch.rand(1, 1, 6, 6)
out = net(image)
for name, value in seen.items():
    print(name, tuple(value.shape), f"{value.mean().item():.4f}")
best = out.argmax(1).item()
out[0, best].backward()
print(best, tuple(grads["conv2"].shape), f"{grads['conv2'].abs().sum().item():.4f}")

weights = grads["conv2"].mean((2, 3), keepdim=True)
cam = F.relu((weights * seen["conv2"]).sum(1, keepdim=True))
cam = F.interpolate(cam, size=(12, 12), mode="bilinear", align_corners=False)
cam = (cam - cam.min()) / (cam.max() - cam.min() + 1e-8)
print(tuple(cam.shape), f"{cam.mean().item():.4f}", cam[0, 0].argmax().item())

for handle in handles:
    handle.remove()
seen.clear()
net(image)
print(seen)
image.requires_grad_()
image.register_hook(lambda g: print("gradient of the image", tuple(g.shape), f"{g.norm().item():.4f}"))
hidden = net[:4](image)
hidden.retain_grad()
hidden.register_hook(lambda g: g * 0.5)
F.cross_entropy(net[4:](hidden), torch.tensor([1])).backward()
print(f"{hidden.grad.abs().mean().item():.6f}", f"{image.grad.abs().max().item():.6f}")
saliency = image.grad.abs().max(1)[0]
print(saliency.shape, saliency.flatten().topk(3).indices.tolist())
