"""variational inference with plates, an automatic guide, and NUTS"""

import pyro
import pyro.distributions as dist
import torch
from pyro.infer import MCMC, NUTS, SVI, Predictive, Trace_ELBO
from pyro.infer.autoguide import AutoNormal
from torch.distributions import constraints

x = torch.linspace(-1, 1, 20)
y = 2 * x + 0.5 + 0.1 * torch.randn(20, generator=torch.Generator().manual_seed(1))


def model(x, y=None):
    slope = pyro.sample("slope", dist.Normal(0.0, 3.0))
    bias = pyro.sample("bias", dist.Normal(0.0, 3.0))
    sigma = pyro.sample("sigma", dist.Gamma(2.0, 2.0))
    with pyro.plate("data", len(x)):
        return pyro.sample("obs", dist.Normal(slope * x + bias, sigma), obs=y)


def guide(x, y=None):
    for name in ("slope", "bias"):
        loc = pyro.param(f"{name}_loc", torch.tensor(0.0))
        scale = pyro.param(f"{name}_scale", torch.tensor(0.5), constraint=constraints.positive)
        pyro.sample(name, dist.Normal(loc, scale))
    pyro.sample("sigma", dist.LogNormal(pyro.param("sigma_loc", torch.tensor(-1.0)), 0.1))


pyro.set_rng_seed(0)
svi = SVI(model, guide, pyro.optim.Adam({"lr": 0.05}), Trace_ELBO())
print([svi.step(x, y) for _ in range(5)])
print({name: value.item() for name, value in pyro.get_param_store().items()})
pyro.clear_param_store()
pyro.set_rng_seed(1)
automatic = AutoNormal(model)
svi = SVI(model, automatic, pyro.optim.ClippedAdam({"lr": 0.05}), Trace_ELBO(num_particles=2))
print([svi.step(x, y) for _ in range(4)])
print({name: value.item() for name, value in automatic.median().items()})
print(Predictive(model, guide=automatic, num_samples=3)(x)["obs"].shape)
trace = pyro.poutine.trace(pyro.poutine.condition(model, {"slope": torch.tensor(2.0)})).get_trace(x, y)
print(trace.log_prob_sum().item(), list(trace.nodes))
pyro.set_rng_seed(2)
chain = MCMC(NUTS(model, jit_compile=False, max_tree_depth=3), num_samples=4, warmup_steps=4, disable_progbar=True)
chain.run(x, y)
print(
    {name: tuple(value.shape) for name, value in chain.get_samples().items()},
    chain.get_samples()["slope"].mean().item() > -9,
)
