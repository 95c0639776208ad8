"""an exact Gaussian process trained and evaluated, and a variational one"""

import math

import gpytorch
import torch
from gpytorch.distributions import MultivariateNormal
from gpytorch.kernels import MaternKernel, RBFKernel, ScaleKernel
from gpytorch.means import ConstantMean
from gpytorch.variational import CholeskyVariationalDistribution, VariationalStrategy

torch.manual_seed(0)
x = torch.linspace(0, 1, 24)
y = torch.sin(x * 2 * math.pi) + 0.1 * torch.randn(24)


class Exact(gpytorch.models.ExactGP):
    def __init__(self, x, y, likelihood):
        super().__init__(x, y, likelihood)
        self.mean = ConstantMean()
        self.kernel = ScaleKernel(RBFKernel())

    def forward(self, x):
        return MultivariateNormal(self.mean(x), self.kernel(x))


likelihood = gpytorch.likelihoods.GaussianLikelihood()
model = Exact(x, y, likelihood)
optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
aim = gpytorch.mlls.ExactMarginalLogLikelihood(likelihood, model)
for step in range(6):
    optimizer.zero_grad()
    loss = -aim(model(x), y)
    loss.backward()
    optimizer.step()
    print(step, loss.item(), model.kernel.base_kernel.lengthscale.item(), likelihood.noise.item())
model.eval()
likelihood.eval()
with torch.no_grad(), gpytorch.settings.fast_pred_var():
    found = likelihood(model(torch.tensor([0.1, 0.35, 0.9])))
    print(found.mean, found.variance, *found.confidence_region())


class Variational(gpytorch.models.ApproximateGP):
    def __init__(self, points):
        kept = CholeskyVariationalDistribution(points.size(0))
        super().__init__(VariationalStrategy(self, points, kept, learn_inducing_locations=True))
        self.mean = ConstantMean()
        self.kernel = ScaleKernel(MaternKernel(nu=2.5))

    def forward(self, x):
        return MultivariateNormal(self.mean(x), self.kernel(x))


torch.manual_seed(1)
model, likelihood = Variational(x[::4].clone()), gpytorch.likelihoods.BernoulliLikelihood()
labels = (y > 0).float()
aim = gpytorch.mlls.VariationalELBO(likelihood, model, 24)
optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
for step in range(4):
    optimizer.zero_grad()
    loss = -aim(model(x), labels)
    loss.backward()
    optimizer.step()
    print(step, loss.item())
