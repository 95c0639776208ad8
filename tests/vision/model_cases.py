"""What the tests compare of a model under torchvision and under jtorch.vision: its repr, parameters, outputs and gradients."""

import hashlib
import warnings

import numpy as np

# The smallest model of each family: name -> (shape of the input, keyword arguments). The first ones run by default.
SEEN = {
    "squeezenet1_1": ((2, 3, 32, 32), {}),
    "shufflenet_v2_x0_5": ((2, 3, 64, 64), {}),
    "alexnet": ((2, 3, 64, 64), {}),
    "convnext_tiny": ((2, 3, 32, 32), {}),
    "densenet121": ((2, 3, 64, 64), {}),
    "efficientnet_b0": ((2, 3, 64, 64), {}),
    "googlenet": ((2, 3, 64, 64), {"init_weights": True, "transform_input": True}),
    "mnasnet0_5": ((2, 3, 64, 64), {}),
    "mobilenet_v2": ((2, 3, 64, 64), {"width_mult": 0.5}),
    "mobilenet_v3_small": ((2, 3, 64, 64), {}),
    "regnet_y_400mf": ((2, 3, 64, 64), {}),
    "resnet18": ((2, 3, 64, 64), {"zero_init_residual": True}),
    "resnext50_32x4d": ((2, 3, 64, 64), {"replace_stride_with_dilation": [False, False, True]}),
    "swin_t": ((2, 3, 64, 64), {}),
    "swin_v2_t": ((2, 3, 64, 64), {}),
    "vgg11_bn": ((2, 3, 32, 32), {"num_classes": 7}),
    "vit_b_32": ((2, 3, 64, 64), {"image_size": 64, "representation_size": 32}),
}
QUICK = ("squeezenet1_1", "shufflenet_v2_x0_5")
# Models that draw initial values for a long time, or warn.
QUIET = {"googlenet": {"init_weights": False}, "inception_v3": {"init_weights": False}}


def text_and_state(torch, models, name, device=None):
    """The text of a model, and the name, shape and dtype of each of its parameters and buffers."""
    with warnings.catch_warnings(), torch.device(device or "cpu"):
        warnings.simplefilter("ignore")
        model = models.get_model(name, weights=None, **QUIET.get(name, {}), **without_backbone(models, name))
    state = [[key, list(value.shape), str(value.dtype).split(".")[-1]] for key, value in model.state_dict().items()]
    return {"print": repr(model), "state": state}


def without_backbone(models, name):
    """The argument that keeps a model from asking for the weights of its backbone."""
    module = models.get_model_builder(name).__module__
    return {"weights_backbone": None} if ".detection." in module or ".segmentation." in module else {}


def outputs(torch, models, name):
    """What a seeded model gives, in float64, and the sizes of its gradients."""
    shape, options = SEEN[name]
    torch.manual_seed(0)
    model = models.get_model(name, weights=None, **options)
    digest = hashlib.md5()
    for key, value in model.state_dict().items():
        if not key.endswith("relative_coords_table"):  # holds logarithms, which libraries round differently
            digest.update(value.detach().numpy().tobytes())
    model = model.double()
    x = torch.from_numpy(np.random.RandomState(0).rand(*shape))
    with torch.no_grad():
        evaluated = model.eval()(x)
    model.train()
    torch.manual_seed(1)
    trained = model(x)
    if isinstance(trained, tuple):
        trained = torch.cat(list(trained), 1)
    (trained * torch.from_numpy(np.random.RandomState(1).rand(*trained.shape))).sum().backward()
    gradients = [0.0 if p.grad is None else float(np.abs(p.grad.numpy()).sum()) for p in model.parameters()]
    return {
        "init": digest.hexdigest(),
        "eval": evaluated.numpy().ravel()[:12].tolist(),
        "train": trained.detach().numpy().ravel()[:12].tolist(),
        "buffers": [float(np.abs(b.numpy()).astype(float).sum()) for b in model.buffers()],
        "gradients": gradients,
    }


def weights(models, name):
    """The name of a model's enum of weights, and a checksum of each member's metadata."""
    enum = models.get_model_weights(name)
    members = {}
    for member, value in enum.__members__.items():
        meta = sorted((key, each) for key, each in value.meta.items() if key != "_docs")
        known = repr((repr(value), value.url, repr(value.transforms()), meta))
        members[member] = hashlib.md5(known.encode()).hexdigest()
    return [enum.__name__, members]
