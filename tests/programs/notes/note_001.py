"""The snippets of notes/001, in order. Only slips are mended, where a comment says so; titles are the document's."""

# %% Tensors
# for python 2.* users
from __future__ import print_function
import torch

torch.manual_seed(0)  # mended: so that the numbers can be compared
x = torch.Tensor(4, 3)
print(x.size())  # mended: of a tensor that is not filled only the size can be compared
x = torch.rand(4, 3)
print(x)

print(x.size())

# %% Tensor Operations
y = torch.rand(4, 3)

# addition using + operator
print(x + y)

# addition using add function
print(torch.add(x, y))

# addition using out parameter of add function
result = torch.Tensor(5, 3)
torch.add(x, y, out=result)
# result is casted for the new dimensions [4*3]
print(result)

# in-place addition
y.add_(x)
print(y)

# %% Standard NumPy-like indexing works on PyTorch Tensors.
print(x[:, 1])

# %% Resizing can be done using torch.view.
x = torch.randn(4, 4)
y = x.view(16)
# the size -1 is inferred from other dimensions
z = x.view(-1, 8)
print(x.size(), y.size(), z.size())

# %% Some operations available on Tensors are
# mended: the list of names as a program
import numpy as np

torch.numel(x), torch.eye(2), torch.linspace(0, 1, 5), torch.ones(2), torch.zeros(1, 2)
shared = np.zeros(2, dtype=np.float32)
t = torch.from_numpy(shared)
shared[0] = 5
t
torch.cat([t, t]), torch.chunk(torch.arange(5), 2)

# %% CUDA Tensors
y = torch.rand(4, 3)  # mended: y of shape (16,) cannot be added to x of shape (4, 3)
if torch.cuda.is_available():
    x = x.cuda()
    y = y.cuda()
    print(x+y)
x = torch.rand(4, 3)
# raises TypeError because of Type Mismatch [torch.FloatTensor, torch.cuda.FloatTensor]
print(x + y)

# %% Variable
import torch
from torch.autograd import Variable

x = Variable(torch.ones(2, 2), requires_grad=True)
y = x + 2
print(y.grad_fn)

z = y * y * 3
out = z.mean()
print(z, out)

out.backwards()  # the slip of the document: its error is compared, too
out.backward()  # mended: backward
print(x.grad)

# %% Neural Networks
import torch
from torch.autograd import Variable
import torch.nn as nn
import torch.nn.functional as F

# inherit from nn.Module
class Net(nn.Module):

    def __init__(self):

        super(Net, self).__init__()
        # 1 input image channel, 6 output channels, 5x5 square convolution
        # kernel
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        # an affine operation: y = Wx + b
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        # Max pooling over a (2, 2) window
        x = F.max_pool2d(F.relu(self.conv1(x)), (2, 2))
        # If the size is a square you can only specify a single number
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = x.view(-1, self.num_flat_features(x))
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        x = self.fc3(x)
        return x

    def num_flat_features(self, x):
        size = x.size()[1:]  # all dimensions except the batch dimension
        num_features = 1
        for s in size:
            num_features *= s
        return num_features


net = Net()
print(net)

# %% the learnable parameters of the network are returned by net.parameters
params = list(net.parameters())
print(len(params))
print(params[0].size())

# %% The input to the forward method is autograd.Variable, and so is the output.
input = Variable(torch.randn(1, 1, 32, 32))
out = net(input)
print(out)

# %% The gradients of all the parameters should be reset to zero before calling the backprops.
net.zero_grad()
out.backward(torch.randn(1, 10))

# %% Loss Function
output = net(input)
target = Variable(torch.arange(1, 11))  # a dummy target, for example
criterion = nn.MSELoss()

loss = criterion(output, target)
print(loss)  # it warns: (1, 10) against (10,); and the target is of integers
target = target.float().view(1, -1)  # mended: a target of the output's type and shape
loss = criterion(output, target)
print(loss)

# %% Using the .grad and .next_functions one can see the entire graph in the backward direction from the loss
print(loss.grad_fn)  # mended: the sentence as a program
print(loss.grad_fn.next_functions[0][0])
print(loss.grad_fn.next_functions[0][0].next_functions)

# %% Before calling the backward function, existing gradients need to be cleared
net.zero_grad()

print('conv1.bias.grad before backward')
print(net.conv1.bias.grad)

loss.backward()

print('conv1.bias.grad after backward')
print(net.conv1.bias.grad)

# %% The simplest way to update the weights is the Stochastic Gradient Descent (SGD).
learning_rate = 0.01
for f in net.parameters():
    f.data.sub_(f.grad.data * learning_rate)

# %% torch.optim
import torch.optim as optim

optimizer = optim.SGD(net.parameters(), lr=0.01)

optimizer.zero_grad()
output = net(input)
loss = criterion(output, target)
loss.backward()
optimizer.step()
print(loss, net.conv1.bias)  # mended: a look at what came of it
