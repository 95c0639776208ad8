"""Programs with distributions, and their results under PyTorch or jtorch."""

from tests.rows import Near, Table, plain, run, seen

MADE = {
    "Normal": ["torch.tensor([0., 1.]), torch.tensor([1., 2.])", "0., 1."],
    "Uniform": ["torch.tensor([0., 1.]), torch.tensor([1., 3.])"],
    "Exponential": ["torch.tensor([.5, 2.])"],
    "Laplace": ["torch.tensor([0., 1.]), torch.tensor([1., 2.])"],
    "Bernoulli": ["torch.tensor([.2, .7])", "logits=torch.tensor([.2, -.7])"],
    "Categorical": ["torch.tensor([[.2, .7, .1], [1., 1., 2.]])", "logits=torch.tensor([.2, -.7])"],
    "OneHotCategorical": ["torch.tensor([[.2, .7, .1], [1., 1., 2.]])"],
    "Poisson": ["torch.tensor([2., 12.])"],
    "MultivariateNormal": [
        "torch.tensor([0., 1.]), torch.tensor([[2., .5], [.5, 1.]])",
        "torch.tensor([0., 1.]), precision_matrix=torch.tensor([[2., .5], [.5, 1.]])",
        "torch.zeros(3, 2), scale_tril=torch.tensor([[2., 0.], [.5, 1.]])",
    ],
}
MORE = {  # with fewer calls each
    "Gamma": ["torch.tensor([.5, 2.]), torch.tensor([1., 3.])"],
    "Beta": ["torch.tensor([.5, 2.]), torch.tensor([1., 3.])"],
    "Dirichlet": ["torch.tensor([[.5, 2., 1.], [3., 1., .7]])"],
    "Chi2": ["torch.tensor([1., 4.])"],
    "StudentT": ["torch.tensor([1.5, 5.]), torch.tensor([0., 1.]), torch.tensor([1., 2.])"],
    "Cauchy": ["torch.tensor([0., 1.]), torch.tensor([1., 2.])"],
    "HalfCauchy": ["torch.tensor([1., 2.])"],
    "HalfNormal": ["torch.tensor([1., 2.])"],
    "LogNormal": ["torch.tensor([0., 1.]), torch.tensor([1., .5])"],
    "Gumbel": ["torch.tensor([0., 1.]), torch.tensor([1., 2.])"],
    "Weibull": ["torch.tensor([1., 2.]), torch.tensor([.7, 3.])"],
    "Pareto": ["torch.tensor([1., 2.]), torch.tensor([3., 2.5])"],
    "Kumaraswamy": ["torch.tensor([1.5, 2.]), torch.tensor([.7, 3.])"],
    "LogisticNormal": ["torch.tensor([0., 1.]), torch.tensor([1., .5])"],
    "InverseGamma": ["torch.tensor([3., 2.5]), torch.tensor([1., 2.])"],
    "Geometric": ["torch.tensor([.3, .7])", "logits=torch.tensor([.3, -.7])"],
    "Binomial": ["5, torch.tensor([.3, .7])", "torch.tensor([5., 30.]), logits=torch.tensor([.3, -.7])"],
    "NegativeBinomial": ["torch.tensor([5., 3.]), torch.tensor([.3, .7])"],
    "Multinomial": ["4, torch.tensor([[.3, .7], [.5, .5]])"],
    "OneHotCategoricalStraightThrough": ["torch.tensor([.2, .3, .5])"],
    "RelaxedBernoulli": ["torch.tensor(.5), torch.tensor([.3, .7])"],
    "RelaxedOneHotCategorical": ["torch.tensor(.7), torch.tensor([.2, .3, .5])"],
    "FisherSnedecor": ["torch.tensor([5., 6.]), torch.tensor([4.5, 8.])"],
    "VonMises": ["torch.tensor([0., 1.]), torch.tensor([1., 5.])"],
    "ContinuousBernoulli": ["torch.tensor([.2, .5, .9])"],
    "LowRankMultivariateNormal": ["torch.zeros(3), torch.tensor([[1.], [.5], [2.]]), torch.tensor([1., .5, 2.])"],
    "LKJCholesky": ["3, torch.tensor(.7)"],
    "Wishart": ["torch.tensor(5.), torch.tensor([[2., .5], [.5, 1.]])"],
    "MixtureSameFamily": [
        "D.Categorical(torch.tensor([.3, .7])), D.Normal(torch.tensor([0., 3.]), torch.tensor([1., .5]))",
    ],
    "TransformedDistribution": [
        "D.Normal(torch.tensor([0., 1.]), torch.tensor([1., 2.])), [D.AffineTransform(1., 2.), D.ExpTransform()]",
    ],
    "GeneralizedPareto": ["torch.tensor([0., 1.]), torch.tensor([1., 2.]), torch.tensor([.3, 0.])"],
}
FEWER_LOOKS = [
    "d", "d.sample((3,))", "d.mean", "d.variance", "d.mode", "d.entropy()", "d.log_prob(d.sample((2,)))", "d.cdf(d.sample())",
    "d.icdf(torch.tensor(.3))", "repr(d.support)", "d.expand((3, *d.batch_shape)).sample()", "D.kl_divergence(d, d)",
]  # fmt: skip
TRANSFORMS = [
    "D.biject_to(D.constraints.{})", "D.transform_to(D.constraints.{})(torch.tensor([[.3, -1.2], [.7, .1]]))",
    "(lambda t, x: t.inv(t(x)))(D.biject_to(D.constraints.{}), torch.tensor([[.3, -1.2], [.7, .1]]))",
    "(lambda t, x: t.log_abs_det_jacobian(x, t(x)))(D.biject_to(D.constraints.{}), torch.tensor([[.3, -1.2], [.7, .1]]))",
]  # fmt: skip
SETS = [
    "real",
    "positive",
    "greater_than(2.)",
    "less_than(1.)",
    "interval(1., 3.)",
    "unit_interval",
    "simplex",
    "real_vector",
]
FAMILIES = [
    "D.Beta(2., 3.)", "D.Gamma(2., 3.)", "D.Exponential(.5)", "D.Normal(.3, 2.)", "D.Laplace(.3, 2.)", "D.Gumbel(.5, 1.5)",
    "D.Pareto(1., 2.)", "D.Uniform(0., 1.)", "D.HalfNormal(2.)", "D.Cauchy(.4, 2.)", "D.Geometric(.4)", "D.Binomial(4, .3)",
    "D.LogNormal(.2, .8)",
]  # fmt: skip
LOOKS = [
    "d.sample()", "d.sample((3,))", "d.rsample((2,))", "d.mean", "d.variance", "d.stddev", "d.mode", "d.entropy()",
    "d.perplexity()", "d.log_prob(d.sample((4,)))", "d.cdf(d.sample())", "d.icdf(torch.tensor([.2, .6]))", "d",
    "d.enumerate_support()", "d.enumerate_support(expand=False)", "d.batch_shape", "d.event_shape", "d.support",
    "d.probs", "d.logits", "d.has_rsample", "d.expand((5, *d.batch_shape))", "d.expand((5, *d.batch_shape)).sample()",
    "d.log_prob(torch.full((7,), 9.))", "d.log_prob(3)", "D.kl_divergence(d, d)", "D.Independent(d, len(d.batch_shape))",
]  # fmt: skip
OTHERS = [
    "D.Independent(D.Normal(torch.zeros(2, 3), 1.), 1).log_prob(torch.ones(2, 3))",
    "D.Independent(D.Normal(torch.zeros(2, 3), 1.), 1).entropy()",
    "D.Independent(D.Normal(0., 1.), 2)",
    "D.kl_divergence(*[D.Independent(D.Normal(torch.full((2, 3), m), 1.), 1) for m in (0., 1.)])",
    "D.kl_divergence(D.Uniform(0., 1.), D.Normal(1., 2.))",
    "D.kl_divergence(D.Uniform(0., 1.), D.Uniform(-1., 2.))",
    "D.kl_divergence(D.Normal(0., 1.), D.Uniform(-1., 2.))",
    "D.kl_divergence(D.Bernoulli(.3), D.Bernoulli(.6))",
    "D.kl_divergence(D.Categorical(torch.tensor([.2, .8])), D.Categorical(torch.tensor([.5, .5])))",
    "D.kl_divergence(D.Laplace(0., 1.), D.Laplace(1., 2.))",
    "D.kl_divergence(D.Poisson(2.), D.Poisson(3.))",
    "D.kl_divergence(D.Exponential(2.), D.Exponential(3.))",
    "D.kl_divergence(*[D.MultivariateNormal(torch.full((2,), m), (1 + m) * torch.eye(2)) for m in (0., 1.)])",
    "D.kl_divergence(D.Laplace(0., 1.), D.Bernoulli(.3))",
    "D.Normal('a', 1)", "D.Normal(0., -1.)", "D.Normal(0., torch.tensor([1., -1.]))", "D.Uniform(1., 0.)",
    "D.Uniform(0., 1.).log_prob(torch.tensor(2.))", "D.Normal(0., 1., validate_args=False).log_prob(3.)",
    "D.Bernoulli(.3, .3)", "D.Bernoulli(.3).log_prob(torch.tensor(.5))", "D.Categorical(torch.tensor(1.))",
    "D.Categorical(torch.ones(3)).log_prob(torch.tensor(5))", "D.MultivariateNormal(torch.zeros(2))",
    "D.MultivariateNormal(torch.tensor(0.), torch.eye(2))", "D.Poisson(-1.)", "D.Exponential(0.)",
    "D.Normal(0., torch.ones(1, requires_grad=True)).rsample()",
    "D.Normal(0., torch.ones(1, requires_grad=True)).sample()",
    "D.constraints.simplex.check(torch.tensor([[.5, .5], [.2, .2]]))",
    "D.constraints.positive_definite.check(torch.eye(2))", "D.constraints.symmetric.check(torch.ones(2, 3))",
    "D.constraints.lower_cholesky", "D.constraints.real_vector", "D.constraints.integer_interval(0, 4)",
    "D.constraints.dependent.check(torch.ones(2))",
]  # fmt: skip
CASES = [f"d = D.{name}({args}); {look}" for name, made in MADE.items() for args in made for look in LOOKS] + OTHERS
CASES += [f"d = D.{name}({args}); {look}" for name, made in MORE.items() for args in made for look in FEWER_LOOKS]
CASES.remove(f"d = D.Wishart({MORE['Wishart'][0]}); D.kl_divergence(d, d)")  # PyTorch's requires grad for no reason
CASES += [look.format(of) for look in TRANSFORMS for of in SETS]
CASES += [f"D.kl_divergence({p}, {q})" for p in FAMILIES for q in FAMILIES]


def row(torch, case):
    torch.manual_seed(0)
    fields = ("shape", "requires_grad", "value")
    return seen(lambda: plain(torch, run(torch, case, {"D": torch.distributions}), fields))


TABLE = Table("distributions", {case: case for case in CASES}, row, Near(1e-5, 1e-6))
