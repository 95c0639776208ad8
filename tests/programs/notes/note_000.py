"""The snippets of notes/000, in order. Only slips are mended, where a comment says so; titles are the document's."""

# %% Tensor
import torch  # mended: the document never says it

x = torch.tensor([1,2,3,4], dtype = torch.float)
x

# %% Tensor: or
torch.manual_seed(0)  # mended: so that the numbers can be compared
x = torch.randn(1,4)
x

# %% To reshape
x = x.view(2,2)
x

# %% Convert a tensor to numpy or load a numpy into tensor
a = x.numpy()

x = torch.from_numpy(a)
a[0, 0] = 7  # mended: a line that shows that the memory is shared
x
x[1, 1] = -7  # mended: and the other way
print(a)

# %% CUDA Tensor
if torch.cuda.is_available():
    device1 = torch.device("cuda")          # a CUDA device object

device2 = torch.device("cpu")           # a cpu device object

if torch.cuda.is_available():  # mended: the guard of the line above belongs to this one, too
    x = torch.randn((1,4), device=device1)  # directly create a tensor on GPU

x = x.to(device2)                       # move x to cpu
x, device2

# %% Auto Gradient
x = torch.tensor([2.0, 3.0], requires_grad=True)

# %% Specify y as a function of x
y = x*2 + 1

# %% It assigns a gradient function aotomatically to y.
print(y)

# %% Calling y[0].backward() triggers the calculation of gradient w.r.t. to x.
y[0].backward()

# %% Print the gradient
x.grad

# %% If you call backward() again, even on the different element y[1], it will throw an error
# mended: y = x*2 + 1 saves nothing for backward, so PyTorch raises no error here; x * x does save something
y[1].backward()
z = x * x
z[0].backward()
z[1].backward()

# %% So lets try it again with
x = torch.tensor([2.0, 3.0], requires_grad=True)

y = x ** 2

y[0].backward(retain_graph=True)

print(x.grad)

# %% Will get tensor([4., 0.])
y[1].backward(retain_graph=True)

print(x.grad)

# %% Note if you might run y[1].backward(retain_graph=True) again!!!
y[1].backward(retain_graph=True)

print(x.grad)

# %% The array form of calculating gradient
x = torch.tensor([2.0, 3.0], requires_grad=True)

y = x ** 2

y.backward(torch.ones(y.size()))

print(x.grad)

# %% If you run y.backward(torch.tensor([2.0,2.0])), will get tensor([8., 12.])
x = torch.tensor([2.0, 3.0], requires_grad=True)  # mended: on a fresh x, else the gradients add up
y = x ** 2
y.backward(torch.tensor([2.0,2.0]))
print(x.grad)

# %% torch.no_grad()
with torch.no_grad():
    y = x ** 2  # mended: your code
print(y, y.requires_grad)

# %% Helloworld Neural Network
import torch.nn as nn

import torch.nn.functional as F

class Net(nn.Module):

    def __init__(self):

        super(Net, self).__init__()

        # first convolutional layer:
        self.conv1 = nn.Conv2d(1, 10, 5)

        self.conv2 = nn.Conv2d(10, 20, 3)

        # first fully connected layer
        self.fc1 = nn.Linear(20 * 5 * 5, 100)

        # second fully connected layer
        self.fc2 = nn.Linear(100, 50)

        # output layer, use softmax
        self.fc3 = nn.Linear(50, 10)

    def forward(self, x):

        #first conv layer
        x = self.conv1(x) #first conv

        x = F.relu(x)     #activation.

        x = F.max_pool2d(x, (2, 2)) # 2x2 maxpool

        #second conv layer
        x = self.conv2(x) #first conv

        x = F.relu(x)     #

        x = F.max_pool2d(x, (2, 2)) # 2x2 maxpool

        #first fully connected layer
        num_features = x.shape[1] * x.shape[2] * x.shape[3]  #ie. C * H * W

        x = x.view(-1, num_features) #flatten x into (N, C * H * W)

        x = self.fc1(x)   #fist fc layer

        x = F.relu(x)

        #second fully connected layer
        x = self.fc2(x)

        x = F.relu(x)

        #thrid layer, output
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

# %% SGD
input = torch.randn(10, 1, 28, 28)  #random input data with 10 samples, single channel and 28 x 28 images.

target = torch.randn(10, 10)     # mended: (10, 1, 10) would be broadcast against the output, with a warning

output = net(input)                 #this runs through the feedforward

criterion = nn.MSELoss()            #use mean square error loss function

loss = criterion(output, target)    #calculate the loss value

net.zero_grad()             #zero the gradients

loss.backward()             #autograd, calculate the gradient for all tensors within the network

print(net.conv1.bias.grad)  #e.g. print the gradient of the first convolutional layer's bias

# %% SGD: as written, with the shapes that do not fit
target = torch.randn(10, 1, 10)     #10 random labels, single channel and 10 output neurons per label
loss = criterion(net(input), target)
print(loss)

# %% Recall that weight = weight - learning_rate * gradient
learning_rate = 0.01        #set learning rate and adjust weights

for f in net.parameters():

    f.data.sub_(f.grad.data * learning_rate) #adjust the weights/biases of every layer by gradient * learning _rate, the sub_ applies changes on f.data itself.

print(net.conv1.bias)  # mended: a look at what came of it

# %% Optimizer
import torch.optim as optim                                      #optimizer

model = net  # mended: the document calls the net model here
target = torch.randn(10, 10)
optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9) #learning rate, momentum, weight_decay(L2), etc.

optimizer.zero_grad()                                            # zero the gradient buffers

output = net(input)

loss = criterion(output, target)

loss.backward()

optimizer.step()    # Does the update

print(loss, net.conv1.bias)  # mended: a look at what came of it

# %% Cross Entropy loss function in pytorch
inputs = torch.randn(3, 5)  # mended: inputs and target of the kind that the text describes
target = torch.tensor([1, 0, 4])
loss_fn = nn.CrossEntropyLoss()

loss = loss_fn(inputs, target)
print(loss)

# %% SGD again
training_data = [(torch.randn(4, 1, 28, 28), torch.randint(10, (4,))) for _ in range(3)]  # mended: some data
test_data = torch.randn(4, 1, 28, 28)
cross_entropy = nn.CrossEntropyLoss()
for epoch in range(2):  # mended: the pseudo code as Python, and net.prameters() spelt out
    for data, label in [training_data[i] for i in torch.randperm(3)]:

        net.zero_grad()     #zero the parameter gradients for the whole net

        output = net(data)  #feed forward

        loss = cross_entropy(output, label)  #calculate the loss

        loss.backward()     #calculate the gradients

        for param in net.parameters():

            param.data.sub_(param.grad.data * learning_rate) #adjust the weights by gradient * learning rate

    print("epoch", epoch, loss.item())

# %% If a GPU and CUDA library is available.
data = (torch.randn(2, 1, 28, 28), torch.tensor([1, 2]))  # mended: some data
device = torch.device("cuda:0") if torch.cuda.is_available() else torch.device("cpu")  # mended: the guard

net.to(device) is net                                           #convert the whole network to cuda tensors

inputs, labels = data[0].to(device), data[1].to(device)  #make sure data at every step is sent to gpu as well
inputs.device == device, labels.device == device

# %% If you have multiple GPUs, use DataParallel.
net(inputs).equal(nn.DataParallel(net)(inputs))

# %% Dropout
class Dropping(nn.Module):  # mended: the lines in the methods that the text names

    def __init__(self):
        super().__init__()

        self.fc = nn.Linear(100, 50)

        self.dropout = nn.Dropout(p=0.5)

    def forward(self, x):

        x = self.fc(x)

        x = F.relu(x)

        x = self.dropout(x)
        return x

dropping = Dropping()
x = torch.randn(2, 100)
dropping(x)
dropping.eval()(x)

# %% Batch Normalization
norm = nn.BatchNorm1d(3)  # mended: the formulas of the text, and the layer that has them
x = torch.randn(8, 3)
u, var = x.mean(0), x.var(0, unbiased=False)
by_hand = (x - u) / torch.sqrt(var + norm.eps) * norm.weight + norm.bias
print(torch.allclose(norm(x), by_hand, atol=1e-6))
norm.running_mean, norm.running_var, norm.num_batches_tracked
norm.eval()(x)

# %% Save and load model
list(model.state_dict())

# %% optimizer (optim)'s super parameters and momentum buffers, etc.
optimizer.state_dict()["param_groups"]
optimizer.state_dict()["state"][1]["momentum_buffer"]

# %% torch.save(model.state_dict(), 'c:/Temp/model.pth')
import os; os.makedirs('c:/Temp')  # mended: the folder must be there

torch.save(model.state_dict(), 'c:/Temp/model.pth')

# %% model = TheModelClass(*args, **kwargs)
TheModelClass, args, kwargs = Net, (), {}  # mended: the names that the reader is to fill in
model = TheModelClass(*args, **kwargs)

model.load_state_dict(torch.load('c:/Temp/model.pth'))

model.eval()
torch.equal(model(inputs), net.eval()(inputs))

# %% Alternatively you can save the whole model
PATH = 'c:/Temp/whole.pth'  # mended: a name to save under

torch.save(model, PATH)

# %% Model class must be defined somewhere
model = torch.load(PATH)  # PyTorch from 2.6 on refuses the line of the document
model = torch.load(PATH, weights_only=False)  # mended: and loads a whole model like this

model.eval()
torch.equal(model(inputs), net(inputs))
