"""Wrong settings of optimizers, and texts of right ones."""

from tests.rows import Table, run, seen

WRONG = (
    """
SGD([p], lr=-1)|SGD([p], momentum=-1)|SGD([p], weight_decay=-1)|SGD([p], nesterov=True)
Adam([p], betas=(1.5, .9))|Adam([p], betas=(.9, 1.0))|Adam([p], eps=-1)|Adam([p], weight_decay=-1)
Adam([p], lr=torch.tensor([1., 2.]))|Adam([p], lr=torch.tensor(1.), foreach=True)|Adam([p], betas=(torch.tensor(.9), .9))
Adamax([p], betas=(0.0, 1.0))|NAdam([p], momentum_decay=-0.2)|RAdam([p], weight_decay=-1)|Adagrad([p], lr_decay=-0.5)
Adagrad([p], initial_accumulator_value=-0.5)|Adagrad([p], fused=True, differentiable=True)|Adadelta([p], rho=1.1)
RMSprop([p], momentum=-1)|RMSprop([p], alpha=-1)|Rprop([p], etas=(1.0, 0.5))|ASGD([p], weight_decay=-0.5)
Adafactor([p], lr=-1)|Adafactor([p], beta2_decay=0.8)|Adafactor([p], eps=(-1e-30, 1e-3))|Adafactor([p], d=0.0)
Muon([p])|Muon([m], momentum=-1)|Muon([m], adjust_lr_fn='arbitrary')|SparseAdam([p], lr=0)|SparseAdam([p], betas=(1., 0.))
SparseAdam([torch.ones(2, dtype=torch.complex64)])|LBFGS([{'params': [p]}, {'params': [m]}])|LBFGS([p]).step()|LBFGS([p], lr=-1)
SGD([])|SGD(p)|SGD([1])|SGD([p * 2])|SGD({p})|SGD([{'params': [p]}, {'params': [p]}])|SGD([p, p])|SGD([('a', p), m])
SGD([{'params': [p]}, {'params': [('a', m)]}])|SGD([p]).add_param_group({'params': [p]})|SGD([p]).add_param_group([m])
SGD([p]).add_param_group({'params': {m}})|SGD([p]).load_state_dict(SGD([p, m]).state_dict())
SGD([p]).load_state_dict({'state': {}, 'param_groups': []})|repr(SGD([{'params': p}, {'params': m, 'lr': 2}], lr=.1))
repr(Adamax([p]))|repr(Rprop([p]))|repr(Adafactor([p]))|repr(Muon([m]))|repr(SparseAdam([p]))|repr(LBFGS([p]))
swa_utils.SWALR(SGD([p]), [1, 2])|swa_utils.SWALR(SGD([p]), 1, anneal_strategy='x')|swa_utils.SWALR(SGD([p]), 1, -1)
swa_utils.get_ema_multi_avg_fn(1.5)|swa_utils.AveragedModel(torch.nn.Linear(1, 1), avg_fn=1, multi_avg_fn=1)
""".strip()
    .replace("\n", "|")
    .split("|")
)


def row(torch, code):
    space = {**vars(torch.optim), "p": torch.ones(2, requires_grad=True), "m": torch.ones(2, 2, requires_grad=True)}

    def look():
        made = run(torch, code, space)
        return made if isinstance(made, str) else None

    return seen(look)


TABLE = Table("wrong_settings", {code: code for code in WRONG}, row)
