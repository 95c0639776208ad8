"""First steps: tensors, views, broadcasting, the graph of a computation, and its gradients.

python examples/tensors_and_autograd.py
"""

import jtorch as torch

# Tensors are made from data, or filled.
x = torch.arange(12, dtype=torch.float32).reshape(3, 4)
y = torch.tensor([[2.0, 1, 4, 3], [1, 2, 3, 4], [4, 3, 2, 1]])
print(x)
print(torch.cat((x, y), dim=0).shape, x.sum(), x[-1], x[1:3, 2])

# Shapes of one are stretched; a comparison gives True and False.
a, b = torch.arange(3).reshape(3, 1), torch.arange(2).reshape(1, 2)
print(a + b)
print((x == y).sum())

# A view shows the same memory: a write through it changes the tensor.
column = x[:, 0]
column += 100
print(x)
print(x.t().is_contiguous(), x.permute(1, 0).contiguous().is_contiguous())

# An operation in place keeps the memory.
before = id(y)
y += x
print(id(y) == before)

# The graph of y = (x + w) * (w + 1), and the gradient of y for w: (w + 1) + (x + w) = 5.
w = torch.tensor([1.0], requires_grad=True)
x = torch.tensor([2.0], requires_grad=True)
a = torch.add(w, x)
b = torch.add(w, 1)
y = torch.mul(a, b)
a.retain_grad()  # else only leaves keep theirs
y.backward()
print(w.grad, x.grad, a.grad)
print(w.is_leaf, a.is_leaf, a.grad_fn is not None)

# Gradients add up until they are set to zero.
x = torch.arange(4.0, requires_grad=True)
(2 * torch.dot(x, x)).backward()
print(x.grad, x.grad == 4 * x)
x.sum().backward()
print(x.grad)
assert x.grad is not None
x.grad.zero_()

# A derivative of a derivative: y = x³ at 2 has 3·2² = 12 and 6·2 = 12.
x = torch.tensor(2.0, requires_grad=True)
(slope,) = torch.autograd.grad(x**3, x, create_graph=True)
(curvature,) = torch.autograd.grad(slope, x)
print(slope, curvature)

# Ordinary Python decides what the graph is, anew each time.
x = torch.tensor(0.7, requires_grad=True)
z = x
while z.abs() < 100:
    z = z * 2 if z.sum() > 0 else z + 1
z.backward()
print(z, x.grad)

# Gradient descent by hand: the line through four points.
inputs, targets = torch.tensor([0.0, 1, 2, 3]), torch.tensor([1.0, 3, 5, 7])
slope, offset = torch.zeros((), requires_grad=True), torch.zeros((), requires_grad=True)
for _ in range(200):
    loss = ((slope * inputs + offset - targets) ** 2).mean()
    loss.backward()
    assert slope.grad is not None
    assert offset.grad is not None
    with torch.no_grad():
        slope -= 0.1 * slope.grad
        offset -= 0.1 * offset.grad
    slope.grad = offset.grad = None
print(f"y = {slope.item():.4f} x + {offset.item():.4f}")
