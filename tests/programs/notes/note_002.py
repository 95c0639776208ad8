"""The snippets of notes/002, in order. Only slips are mended, where a comment says so; titles are the document's."""

# %% Forward
import torch  # mended: the document never says it
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)  # mended: so that the numbers can be compared


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        # mended: the comments were indented with tabs
        # 2d convolutional layer that takes 3 input images (3-colors)
        # returns 6 images,
        # and apply a convolution kernel of size 5x5
        self.conv1 = nn.Conv2d(3, 6, 5)
        # max pooling layer which only keeps max value in 2x2 squares (subsampling)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        # bunch of linear layers (y = Wx + b)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        # apply convolution kernel,
        # apply pointwise ReLU function
        # and max pooling
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        # change shape to go from multiple small images,
        # to one long vector
        x = x.view(-1, 16 * 5 * 5)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        x = self.fc3(x)
        return x


net = Net()
print(net)  # mended: a look

# %% Parameters of the network
len(list(net.parameters())), [tuple(p.shape) for p in net.parameters()]  # mended: the sentences as a program
net.fc3.bias.data = torch.zeros(10)
nn.init.constant_(net.fc2.bias, 0.1)

# %% Loss function
criterion = nn.CrossEntropyLoss()

# %% An optimizer
import torch.optim as optim  # mended: the document never says it

optimizer = optim.SGD(net.parameters(), lr=0.001, momentum=0.9)

# %% compute the loss
data, labels = torch.randn(4, 3, 32, 32), torch.tensor([3, 8, 0, 6])  # mended: a mini-batch
outputs = net(data)
loss = criterion(outputs, labels)
print(loss)

# %% calculate the gradient
loss.backward()

# %% apply one step of the optimizer
optimizer.step()

# %% Looking at the gradient
net.conv1.bias.grad

# %% or through the parameters
ii = 0
for x in net.parameters():
    if ii == 1:
        print(x.grad.data)
    ii += 1

# %% Gradient check
# mended: mynet.layer_nb_x.<bias or weight>.data = pytorch.tensor(....,device=same_device_as_net)
net.conv1.bias.data = torch.tensor([.1, .2, .3, .4, .5, .6], device=net.conv1.weight.device)


def gradient_check(dtype, h):  # mended: the check that the text tells of
    mynet = Net().to(dtype)
    mynet.load_state_dict(net.state_dict())
    batch = data.to(dtype)
    criterion(mynet(batch), labels).backward()
    cost = criterion(mynet(batch), labels).item()
    errors = []
    for i in range(6):
        mynet.conv1.bias.data[i] += h
        slope = (criterion(mynet(batch), labels).item() - cost) / h
        mynet.conv1.bias.data[i] -= h
        errors.append(abs(slope / mynet.conv1.bias.grad[i].item() - 1))
    return max(errors)


print("double precision:", gradient_check(torch.float64, 1e-6) < 1e-3)
print("single precision:", gradient_check(torch.float32, 1e-6) < 1e-3)

# %% PyTorch's own gradient check
small = nn.Linear(3, 2).double()  # mended: the double precision that the text asks for, as one call
torch.autograd.gradcheck(small, (torch.randn(4, 3, dtype=torch.double, requires_grad=True),))

# %% no_grad
learning_rate = 0.1  # mended: the names that the reader is to fill in
w1 = torch.tensor([1., 2.], requires_grad=True)
(w1 ** 2).sum().backward()
grad_w1 = w1.grad
with torch.no_grad():
    w1 -= learning_rate * grad_w1
print(w1, w1.is_leaf)
w1 -= learning_rate * grad_w1  # mended: the same line without no_grad

# %% you do not need to do that if you access the weights of a layer through the data method
net.layer1 = nn.Linear(2, 2)  # mended: the layer; and its parameter is called weight
net.layer1.weight.data = torch.eye(2)
net.layer1.weight

# %% train vs eval
layers = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))  # mended: the sentence as a program
x = torch.randn(6, 4)
layers.train()(x)
layers.eval()(x)
layers.training, [m.training for m in layers]

# %% Using CUDA
gpu0 = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
net.to(gpu0) is net  # mended: `is net`, for the sentence below the snippet

# %% You also need to transfer the input data onto the GPU
inputs = data  # mended: the name
inputs, labels = inputs.to(gpu0), labels.to(gpu0)
inputs.device == next(net.parameters()).device, labels

# %% Using more than 1 GPU
parallel = nn.DataParallel(net)  # mended: the sentence as a program
torch.equal(parallel(inputs), net(inputs))
print(parallel)
