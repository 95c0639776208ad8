"""The snippets of notes/004, in order. Only slips are mended, where a comment says so; titles are the document's."""

# %% Create a vector of evenly spaced values
import numpy as np  # mended: the document never says them
import torch

x = torch.arange(12, dtype=torch.float32)
# Output: tensor([ 0., 1., 2., 3., 4., 5., 6., 7., 8., 9., 10., 11.])
x  # mended: a look

# %% Creates a (3,4) tensor with elements drawn from a standard Gaussian (normal) distribution
torch.manual_seed(0)  # mended: so that the numbers can be compared
torch.randn(3, 4)

# %% So we can create a tensor N(5,2)
X = torch.randn(3,4)
mean = 5
variance = 2
Z = mean + torch.sqrt(torch.tensor(variance)) * X
Z  # mended: a look

# %% Create a tensor from a list
torch.tensor([[2, 1, 4, 3], [1, 2, 3, 4], [4, 3, 2, 1]])

# %% Create an all-zero or all-one tensor
torch.zeros((2, 3, 4))
torch.ones((2, 3, 4))

# %% Get the number of elements in a tensor
x.numel()

# %% shape
x.shape

# %% reshape
X = x.reshape(3, 4)
X, x.reshape(-1, 4).shape, x.reshape(3, -1).shape  # mended: the text's other ways to say it

# %% Tensor.item() → number
x = torch.tensor([1.0])
x.item()

# %% unary operators
torch.exp(x)

# %% binary operators
x = torch.tensor([1.0, 2, 4, 8])
y = torch.tensor([2, 2, 2, 2])
x + y, x - y, x * y, x / y, x ** y

# %% the == operator
Y = torch.tensor([[2.0, 1, 4, 3], [1, 2, 3, 4], [4, 3, 2, 1]])  # mended: Y comes only in the next snippet
X == Y

# %% concatenate
X = torch.arange(12, dtype=torch.float32).reshape((3,4))
Y = torch.tensor([[2.0, 1, 4, 3], [1, 2, 3, 4], [4, 3, 2, 1]])
P = torch.cat((X, Y), dim=0) # Get a (3+3) * 4 tensor.
print(P.shape) # torch.Size([6, 4])
Q = torch.cat((X, Y), dim=1) # Get a (3) * (4+4) tensor.
print(Q.shape) # torch.Size([3, 8])

# %% Broadcasting
a = torch.arange(3).reshape((3, 1))
b = torch.arange(2).reshape((1, 2))
a + b  # mended: what the text is about

# %% Saving Memory
before = id(Y)
Y = Y + X
id(Y) == before
# False

# %% Y[:] = <expression>
Z = torch.zeros_like(Y)
print('id(Z):', id(Z))
Z[:] = X + Y
print('id(Z):', id(Z))

# %% X += Y
before = id(X)
X += Y
id(X) == before

# %% Change BCHW to BHWC
inputs = torch.randn(2, 64, 8, 8, requires_grad=True)  # mended: a batch, smaller than the document's 256
given = inputs
# convert inputs from BCHW -> BHWC
inputs = inputs.permute(0, 2, 3, 1).contiguous() # (256, 64, 8, 8) BCHW --> (256, 8, 8, 64) BHWC
input_shape = inputs.shape # BHWC
input_shape, inputs.is_contiguous(), given.permute(0, 2, 3, 1).stride()

# %% Flatten
class VectorQuantizer(torch.nn.Module):  # mended: the self of the snippets
    def __init__(self):
        super().__init__()
        self._embedding_dim, self._num_embeddings = 64, 16
        self._embedding = torch.nn.Embedding(self._num_embeddings, self._embedding_dim)
self = VectorQuantizer()
# Flatten input
# Now set C'=64 (_embedding_dim), flatten `inputs` into (N, C'), where N=B*H*W, i.e., we have N=B*H*W vectors, each vector has dimension=C.
flat_input = inputs.view(-1, self._embedding_dim)
flat_input.shape

# %% Create one-hot encoding
# Calculate distances
distances = (torch.sum(flat_input**2, dim=1, keepdim=True)
+ torch.sum(self._embedding.weight**2, dim=1)
- 2 * torch.matmul(flat_input, self._embedding.weight.t())) # Each vector `z_e` has distances with all the quantized vectors `e_j` in the codebook, where j in K = `_num_embeddings`.

# Encoding
encoding_indices = torch.argmin(distances, dim=1).unsqueeze(1)# For each vector `z_e`, select the index of the **closest** quantized vector `e_j` in the codebook.

# For each each vector `z_e`, use the index of its corresponding `z_q` to create a one-hot encoding.
encodings = torch.zeros(encoding_indices.shape[0], self._num_embeddings, device=inputs.device)
encodings.scatter_(1, encoding_indices, 1)
distances[:2], encoding_indices[:4], encodings.sum(0)  # mended: a look

# %% self[index[i][j][k]][j][k] = src[i][j][k]
# mended: the three formulas as a program
src, index = torch.arange(1., 9.).view(2, 2, 2), torch.tensor([[[0, 1], [1, 0]], [[1, 0], [0, 1]]])
for dim in range(3):
    by_hand = torch.zeros(2, 2, 2)
    for i in range(2):
        for j in range(2):
            for k in range(2):
                place = [i, j, k]
                place[dim] = index[i][j][k]
                by_hand[tuple(place)] = src[i][j][k]
    print(torch.zeros(2, 2, 2).scatter_(dim, index, src).equal(by_hand))

# %% The Straight Through Estimator Operation
quantized = torch.matmul(encodings, self._embedding.weight).view(input_shape)  # mended: the line before it
quantized = inputs + (quantized - inputs).detach()
quantized.pow(2).sum().backward()  # mended: and what it is good for
print(given.grad[0, 0, 0], self._embedding.weight.grad)

# %% Define u = f(x) = 3x^2-4x
def f(x):
    return 3 * x ** 2 - 4 * x

# %% we evaluate numerical value of f'(1) given h
# np.arange(-1, -6, -1): Create an array of values ranging from -1 to -6 (exclusive) with a step of -1.
for h in 10.0**np.arange(-1, -6, -1):
    print(f'h={h:.5f}, numerical limit={(f(1+h)-f(1))/h:.5f}')

# %% Plot
import matplotlib.pyplot as plt  # mended: the picture of the document, drawn

x = torch.arange(0, 3, 0.1)
plt.plot(x, f(x), label='f(x)')
plt.plot(x, 2 * x - 3, label='tangent line (x=1)')  # mended: -3, as f(1) = -1
plt.legend()
[[len(line.get_xdata()), float(line.get_ydata()[-1])] for line in plt.gca().lines]

# %% Automatic Differentiation
# Can also create x = torch.arange(4.0, requires_grad=True)

x = torch.arange(4.0) # tensor([0., 1., 2., 3.], requires_grad=True)
x.requires_grad_(True) # Store the gradient

y = 2 * torch.dot(x, x) # tensor(28., grad_fn=<MulBackward0>)
y

# %% We can now take the gradient of y with respect to x by calling its backward method.
y.backward()
print(f"x.grad: {x.grad}")
# x.grad: tensor([ 0., 4., 8., 12.])

# %% the gradient should be 4x
print(x.grad == 4*x)
print(f"4*x = {4*x } when x = {x}")
print(f"x.grad = {x.grad } when x = {x}")
print(x.grad == 4*x)

# %% To reset the gradient buffer
x.grad.zero_()  # Reset the gradient

# %% Example: y = sum of x
y = x.sum()
y.backward()
x.grad # x.grad: tensor([1., 1., 1., 1.])

# %% Loading dataset
from torchvision import datasets, transforms  # mended: the document never says it

training_data = datasets.CIFAR10(root="data", train=True, download=True,
transform=transforms.Compose([
transforms.ToTensor(),
transforms.Normalize((0.5,0.5,0.5), (1.0,1.0,1.0))
]))

# The train=False parameter specifies that the test set should be loaded instead of the training set.
validation_data = datasets.CIFAR10(root="data", train=False, download=True,
transform=transforms.Compose([
transforms.ToTensor(),
transforms.Normalize((0.5,0.5,0.5), (1.0,1.0,1.0))
]))
image, label = training_data[0]  # mended: a look
len(training_data), len(validation_data), image.shape, label, image[:, 0, :2], image.min(), image.max()

# %% Saving a Checkpoint
import os

# mended: the names that the reader is to fill in
num_training_updates, learning_rate = 200, 0.01
class MyModel(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Tanh(), torch.nn.Dropout(0.1), torch.nn.Linear(8, 4))
    def forward(self, x):
        return self.layers(x)
def train_step():
    batch = torch.randn(16, 4)
    loss = torch.nn.functional.mse_loss(model(batch), batch)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    train_res_recon_error.append(loss.item())
    train_res_perplexity.append(loss.exp().item())
    return loss
model = MyModel()
optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
train_res_recon_error, train_res_perplexity = [], []

checkpoint_path = "path/to/save/checkpoint.pth" # Define the path where you want to save the checkpoint
os.makedirs("path/to/save")  # mended: the folder must be there

for i in range(num_training_updates):  # mended: xrange is Python 2
    # Your training code remains the same...
    loss = train_step()

    if (i+1) % 100 == 0:
        # Print training status
        print('%d iterations' % (i+1))
        print('recon_error: %.3f' % np.mean(train_res_recon_error[-100:]))
        print('perplexity: %.3f' % np.mean(train_res_perplexity[-100:]))

        # Save checkpoint
        checkpoint = {
        'iteration': i + 1,
        'model_state_dict': model.state_dict(),
        'optimizer_state_dict': optimizer.state_dict(),
        'train_res_recon_error': train_res_recon_error,
        'train_res_perplexity': train_res_perplexity,
        'loss': loss.item(),
        'rng_state': torch.get_rng_state(),  # mended: without it a run does not go on as it would have
        # Add any other information you need
        }
        torch.save(checkpoint, checkpoint_path)
        print("Checkpoint saved at iteration %d" % (i+1))

# %% the run goes on, to compare the resumed one with
for i in range(20):
    loss = train_step()
went_on = [p.detach().clone() for p in model.parameters()]
print(loss)

# %% Loading a Checkpoint
# Initialize your model and optimizer here
model = MyModel() # Make sure to initialize your model with the same parameters as before
optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate) # Similarly for the optimizer

# Load the checkpoint
checkpoint = torch.load(checkpoint_path)

# Update model and optimizer states
model.load_state_dict(checkpoint['model_state_dict'])
optimizer.load_state_dict(checkpoint['optimizer_state_dict'])

# You can also load other saved training information
current_iteration = checkpoint['iteration']
train_res_recon_error = checkpoint['train_res_recon_error']
train_res_perplexity = checkpoint['train_res_perplexity']
last_loss = checkpoint['loss']
torch.set_rng_state(checkpoint['rng_state'])  # mended: see above

# If you plan to continue training, don't forget to set the model to training mode
model.train()

# Now you can resume training or perform evaluation using the model
current_iteration, last_loss, len(train_res_recon_error)

# %% resumed, it goes on exactly as it went on
for i in range(20):
    loss = train_step()
print(loss)
all(torch.equal(p, q) for p, q in zip(model.parameters(), went_on))

# %% print(dir(torch.distributions))
print(dir(torch.distributions))

# %% help(torch.ones)
help(torch.ones)
