"""The snippets of notes/003, in order. Only slips are mended, where a comment says so; titles are the document's."""

# %% Let's verify this with code as well
import torch  # mended: the document never says it

w = torch.tensor([1.], requires_grad=True)
x = torch.tensor([2.], requires_grad=True)
a = torch.add(w, x)
b = torch.add(w, 1)
y = torch.mul(a, b)
y.backward()
print(w.grad) # tensor([5.])

# %% is_leaf
print("is_leaf:\n", w.is_leaf, x.is_leaf, a.is_leaf, b.is_leaf, y.is_leaf) # is_leaf: # True True False False False

# %% But why leaf node?
print("gradient:\n", w.grad, x.grad, a.grad, b.grad, y.grad) # gradient: # tensor([5.]) tensor([2.]) None None None

# %% retain_grad()
w = torch.tensor([1.], requires_grad=True)
x = torch.tensor([2.], requires_grad=True)
a = torch.add(w, x)
# we want to keep the gradient in a
a.retain_grad()
b = torch.add(w, 1)
y = torch.mul(a, b)
y.backward()
print("gradient:\n", w.grad, x.grad, a.grad, b.grad, y.grad) ## gradient of a is preserved # gradient: # tensor([5.]) tensor([2.]) tensor([2.]) None None

# %% grad_fn
print("grad_fn:\n", w.grad_fn, x.grad_fn, a.grad_fn, b.grad_fn, y.grad_fn) #None None <AddBackward0 object at 0x0000029AECF56D08> <AddBackward0 object at 0x0000029AEEFEB248> <MulBackward0 object at 0x0000029AEEFEB748>

# %% Dynamic v.s. Static
# the document shows TensorFlow 1 here; no torch in it
w, x = 1., 2.
(w + x) * (w + 1)

# %% while in PyTorch, again
w = torch.tensor([1.], requires_grad=True)
x = torch.tensor([2.], requires_grad=True)
a = torch.add(w, x)
b = torch.add(w, 1)
y = torch.mul(a, b)
print(y) # tensor([6.], grad_fn=<MulBackward0>)

# %% Backward()
torch.autograd.backward(y,  # mended: tensors and the punctuation of a signature, as a call
grad_tensors=None,
retain_graph=None,
create_graph=False)
w.grad, x.grad

# %% About retain_graph
w = torch.tensor([1.], requires_grad=True)
x = torch.tensor([2.], requires_grad=True)
a = torch.add(w, x)
# we want to keep the gradient in a
a.retain_grad()
b = torch.add(w, 1)
y = torch.mul(a, b)
y.backward()
print(w.grad)
y.backward() # RuntimeError: Trying to backward through the graph a second time, .....

# %% But if we set the first backward() to backward(retain_graph=True)
w = torch.tensor([1.], requires_grad=True)  # mended: the sentence as a program
x = torch.tensor([2.], requires_grad=True)
y = torch.mul(torch.add(w, x), torch.add(w, 1))
y.backward(retain_graph=True)
y.backward()
print(w.grad)

# %% About grad_tensors
w = torch.tensor([1.], requires_grad=True)
x = torch.tensor([2.], requires_grad=True)
a = torch.add(w, x)
# we want to keep the gradient in a
a.retain_grad()
b = torch.add(w, 1)
y0 = torch.mul(a, b)
y1 = torch.add(a, 10)
loss = torch.cat([y0,y1], dim=0)
loss.backward() # RuntimeError: grad can be implicitly created only for scalar inputs

# %% We simply add a weight for the gradients to the grad_tensors parameter
grad_tensors = torch.tensor([1., 1.])
loss.backward(gradient=grad_tensors, retain_graph=True)  # mended: retain_graph, for the second call below
print(w.grad) # tensor([6.]) because 5+1
w.grad = None  # mended: else the gradients add up
grad_tensors = torch.tensor([1., 2.])
loss.backward(gradient=grad_tensors)
print(w.grad) # tensor([7.]) because 5+1*2

# %% grad()
x = torch.tensor([3.], requires_grad=True)  # mended: the signature as a call, and retain-graph spelt out
torch.autograd.grad(x * x,
x,
grad_outputs=None,
retain_graph=None,
create_graph=False)

# %% Basics
x = torch.tensor([3.], requires_grad=True)
y = torch.pow(x, 2) # y=x^2
# First derivative
grad_1 = torch.autograd.grad(y, x, create_graph=True) # We must have computation graph saved here # grad_1 = dy/dx = 2x
print(grad_1) # (tensor([6.], grad_fn=<MulBackward0>),) # This is a tuple output, and we only need the first component grad_1[0] # when taking second derivative
# Second derivative
grad_2 = torch.autograd.grad(grad_1[0], x) # grad_2 = d(dy/dx) /dx = 2
print(grad_2) # (tensor([2.]),)

# %% Taking Gradients for Multiple x(s) and y(s)
x1 = torch.tensor(1.0,requires_grad = True)
x2 = torch.tensor(2.0,requires_grad = True) # x1, x2 needed to take gradients
y1 = x1*x2
y2 = x1+x2
# Allowing more than one x here
(dy1_dx1,dy1_dx2) = torch.autograd.grad(outputs=y1,inputs = [x1,x2],retain_graph = True)
# dy1/dx1 = x2
# dy1/dx2 = x1
print(dy1_dx1,dy1_dx2) # tensor(2.) tensor(1.)
# For more than one y, we sum over y(s)
(dy12_dx1,dy12_dx2) = torch.autograd.grad(outputs=[y1,y2],inputs = [x1,x2])
# dy2/dx1 = 1
# dy2/dx2 = 1
# dy12_dx1 = dy1/dx1+dy2/dx1
# dy12_dx2 = dy1/dx2+dy2/dx2
print(dy12_dx1,dy12_dx2) # tensor(3.) tensor(2.)

# %% Gradient will not be released once retain_graph = True
w = torch.tensor([1.], requires_grad=True)
x = torch.tensor([2.], requires_grad=True)
for i in range(4):
    a = torch.add(w, x)
    b = torch.add(w, 1)
    y = torch.mul(a, b)
    y.backward()
    print(w.grad)
# Result: #tensor([5.]) #tensor([10.]) #tensor([15.]) #tensor([20.])

# %% we need to zero out the gradient manually instead
w = torch.tensor([1.], requires_grad=True)
x = torch.tensor([2.], requires_grad=True)
for i in range(4):
    a = torch.add(w, x)
    b = torch.add(w, 1)
    y = torch.mul(a, b)
    y.backward()
    print(w.grad)
    w.grad.zero_()
# Result: #tensor([5.]) #tensor([5.]) #tensor([5.]) #tensor([5.])

# %% Nodes depends on leaf nodes will have field requires_grad=True by default
w = torch.tensor([1.], requires_grad=True)
x = torch.tensor([2.], requires_grad=True)
a = torch.add(w, x)
b = torch.add(w, 1)
y = torch.mul(a, b)
# y0=(x+w) * (w+1)
# dy0 / dw = 5
print(w.requires_grad, a.requires_grad, b.requires_grad) # True, True, True

# %% No in-place operation for leaf node
a = torch.ones((1,))
print(id(a), a) # 1407221517102 tensor([1.])
# a = a + 1
a = a + torch.ones((1,))
print(id(a), a) # 1407509382238 tensor([2.])
# the two 'a' are not in the same address. This is not a in-place
# what about in-place?
a = torch.ones((1,))
print(id(a), a) # 2112218352120 tensor([1.])
a += torch.ones((1,))
print(id(a), a) # 2112218352120 tensor([2.])

# %% in the example we use torch.add(w, 1) rather than w.add_(1)
w.add_(1)

# %% Data Generation
# fixed result
torch.manual_seed(1)
sample_nums = 100
mean_value = 1.7
bias = 1
n_data = torch.ones(sample_nums, 2)
x0 = torch.normal(mean_value*n_data, 1) + bias # category 0, x1, shape=(100,2)
y0 = torch.zeros(sample_nums) # category 0,y1, shape=(100,1)
x1 = torch.normal(-mean_value*n_data, 1) + bias # category 1,x2, shape=(100,2)
y1 = torch.ones(sample_nums) # category 1, y2, shape=(100,1)
train_x = torch.cat([x0, x1], 0)
train_y = torch.cat([y0, y1], 0) # we concat the data vertically to make a entire dataset
train_x[:3], train_x.shape, train_y.shape  # mended: a look

# %% nn.Sequential
lr_net = torch.nn.Sequential(
torch.nn.Linear(2, 1), # Linear is a sub-module, it takes input of size 2 and output of size 1
torch.nn.Sigmoid() )
print(lr_net)  # mended: a look

# %% nn.Module
class LR(torch.nn.Module):
    def __init__(self):
        super(LR, self).__init__()
        self.features = torch.nn.Linear(2, 1)
        self.sigmoid = torch.nn.Sigmoid()
    def forward(self, x):
        x = self.features(x)
        x = self.sigmoid(x)
        return x
lr_net = LR() # make a LR object

# %% Loss Function
loss_fn = torch.nn.BCELoss()

# %% Optimizer
lr = 0.01
optimizer = torch.optim.SGD(lr_net.parameters(), lr=lr, momentum=0.9)

# %% Iterative Training
import matplotlib.pyplot as plt  # mended: the two imports
import numpy as np

for iteration in range(1000):
    # forward propagation
    y_pred = lr_net(train_x)
    # calculate loss
    loss = loss_fn(y_pred.squeeze(), train_y)
    # back propagation
    loss.backward()
    # update parameters
    optimizer.step()
    # zeroing gradients
    optimizer.zero_grad()
    # graph
    if iteration % 20 == 0:
        mask = y_pred.ge(0.5).float().squeeze()
        # use 0.5 as a threshold
        correct = (mask == train_y).sum()
        # calculate how many are correctly categorized
        acc = correct.item() / train_y.size(0)
        # calculate categorization accuracy
        plt.scatter(x0.data.numpy()[:, 0], x0.data.numpy()[:, 1], c='r', label='class 0')
        # scatter plot for class 0, ground truth
        plt.scatter(x1.data.numpy()[:, 0], x1.data.numpy()[:, 1], c='b', label='class 1')
        # scatter plot for class 1, ground truth
        w0, w1 = lr_net.features.weight[0]
        w0, w1 = float(w0.item()), float(w1.item())
        # get the weights where y' = w0*x0 + w1*x1 + b, and dataset in form (x0, x1) mapped to y'
        # y = sigmoid(y')
        plot_b = float(lr_net.features.bias[0].item())
        # get the bias term b
        plot_x = np.arange(-6, 6, 0.1)
        plot_y = (-w0 * plot_x - plot_b) / w1
        # x2 = (-w0*x1-b)/w1, where y'=0
        plt.xlim(-5, 7)
        plt.ylim(-7, 7)
        plt.plot(plot_x, plot_y)
        plt.title("Iteration: {}\nw0:{:.2f} w1:{:.2f} b: {:.2f} accuracy:{:.2%} loss:{:.4f}".format(iteration, w0, w1, plot_b, acc, loss.data.numpy()))
        plt.legend()
        plt.show()
        plt.pause(0.001)  # mended: nobody watches for half a second
        print(plt.gca().get_title(), len(plt.gca().lines), len(plt.gca().collections))  # mended: what was drawn
        plt.clf()  # mended: PyCharm shows each plot anew, pyplot without a window draws over the last
        if acc > 0.99:
            break
