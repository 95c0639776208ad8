"""What the tests compare of a model under torchvision and under jtorch.vision: its repr, parameters, outputs and gradients."""

import hashlib
import warnings

import numpy as np

# Models, as small as they can be made: name -> (shapes of the inputs, keyword arguments). QUICK ones run by default. Every
# class and every kind of block is in one of them; the others of a family differ by a row of numbers, which their text holds.
PICTURE, SMALL, CLIP = [(2, 3, 64, 64)], [(2, 3, 32, 32)], [(1, 3, 4, 32, 32)]
FEW = {"num_classes": 5}
SCALED = {"min_size": 64, "max_size": 96}
BOXES = FEW | SCALED | {"box_score_thresh": 0.0, "box_detections_per_img": 12, "box_batch_size_per_image": 24}
BOXES |= {"rpn_post_nms_top_n_test": 40, "rpn_post_nms_top_n_train": 40, "rpn_batch_size_per_image": 32}
SCORED = FEW | {"score_thresh": 0.0, "detections_per_img": 12}
MULTISCALE = FEW | {
    "spatial_size": (32, 32),
    "temporal_size": 4,
    "residual_with_cls_embed": False,
    "stochastic_depth_prob": 0.2,
    "block_setting": [
        [1, 8, 16, [3, 3, 3], [3, 3, 3], [1, 1, 1], [1, 4, 4]],
        [2, 16, 32, [3, 3, 3], [3, 3, 3], [1, 2, 2], [1, 2, 2]],
        [2, 32, 32, [], [3, 3, 3], [], [1, 2, 2]],
    ],
}
SEEN = {
    "squeezenet1_1": (SMALL, {}),
    "shufflenet_v2_x0_5": (PICTURE, {}),
    "alexnet": (PICTURE, {}),
    "convnext_tiny": (SMALL, {}),
    "densenet121": (PICTURE, {}),
    "efficientnet_b0": (PICTURE, {}),
    "efficientnet_v2_s": (PICTURE, FEW),
    "googlenet": (PICTURE, {"init_weights": True, "transform_input": True}),
    "inception_v3": ([(2, 3, 80, 80)], FEW | {"init_weights": False, "aux_logits": False}),
    "MaxVit": (
        [(2, 3, 64, 64)],
        {
            "input_size": (64, 64),
            "stem_channels": 16,
            "partition_size": 4,
            "block_channels": [16, 32],
            "block_layers": [1, 2],
            "head_dim": 8,
            "stochastic_depth_prob": 0.2,
            "num_classes": 5,
        },
    ),
    "mnasnet0_5": (PICTURE, {}),
    "mobilenet_v2": (PICTURE, {"width_mult": 0.5}),
    "mobilenet_v3_small": (PICTURE, {}),
    "regnet_x_400mf": (PICTURE, FEW),
    "regnet_y_400mf": (PICTURE, {}),
    "resnet18": (PICTURE, {"zero_init_residual": True}),
    "resnext50_32x4d": (PICTURE, {"replace_stride_with_dilation": [False, False, True]}),
    "swin_t": (PICTURE, {}),
    "swin_v2_t": (PICTURE, {}),
    "vgg11": (SMALL, FEW),
    "vgg11_bn": (SMALL, {"num_classes": 7}),
    "vit_b_32": (PICTURE, {"image_size": 64, "representation_size": 32}),
    "wide_resnet50_2": (PICTURE, FEW),
    "deeplabv3_mobilenet_v3_large": (PICTURE, FEW | {"aux_loss": True}),
    "deeplabv3_resnet50": (SMALL, FEW),
    "fcn_resnet50": (SMALL, FEW | {"aux_loss": True}),
    "lraspp_mobilenet_v3_large": (PICTURE, FEW),
    "mc3_18": (CLIP, FEW),
    "MViT v1": (CLIP, MULTISCALE | {"residual_pool": False, "rel_pos_embed": False, "proj_after_attn": False}),
    "MViT v2": (CLIP, MULTISCALE | {"residual_pool": True, "rel_pos_embed": True, "proj_after_attn": True}),
    "r2plus1d_18": (CLIP, FEW),
    "r3d_18": (CLIP, FEW),
    "s3d": ([(1, 3, 14, 224, 224)], FEW),
    "swin3d_t": ([(1, 3, 4, 64, 64)], FEW),
    "raft_large": ([(1, 3, 128, 128)] * 2, {}),
    "raft_small": ([(1, 3, 128, 128)] * 2, {}),
    "fasterrcnn_mobilenet_v3_large_fpn": ([(3, 60, 70), (3, 64, 50)], BOXES),
    "fasterrcnn_resnet50_fpn": ([(3, 60, 70), (3, 64, 50)], BOXES),
    "fasterrcnn_resnet50_fpn_v2": ([(3, 60, 70), (3, 64, 50)], BOXES),
    "fcos_resnet50_fpn": ([(3, 60, 70), (3, 64, 50)], SCORED | SCALED),
    "keypointrcnn_resnet50_fpn": ([(3, 60, 70), (3, 64, 50)], BOXES | {"num_classes": 2, "num_keypoints": 3}),
    "maskrcnn_resnet50_fpn": ([(3, 60, 70), (3, 64, 50)], BOXES),
    "maskrcnn_resnet50_fpn_v2": ([(3, 60, 70), (3, 64, 50)], BOXES),
    "retinanet_resnet50_fpn": ([(3, 60, 70), (3, 64, 50)], SCORED | SCALED),
    "retinanet_resnet50_fpn_v2": ([(3, 60, 70), (3, 64, 50)], SCORED | SCALED),
    "ssd300_vgg16": ([(3, 60, 70), (3, 64, 50)], SCORED),
    "ssdlite320_mobilenet_v3_large": ([(3, 60, 70), (3, 64, 50)], SCORED),
}
TIED = ("ssdlite320_mobilenet_v3_large",)  # equal scores, so that rounding decides which boxes are found
# In float32: torchvision's RAFT takes no float64, and S3D takes XLA minutes in it.
SINGLE = ("raft_large", "raft_small", "s3d")
QUICK = (
    "squeezenet1_1",
    "shufflenet_v2_x0_5",
    "MaxVit",
    "MViT v2",
    "lraspp_mobilenet_v3_large",
    "fcos_resnet50_fpn",
)
# Models that draw initial values for a long time, or warn.
QUIET = {"googlenet": {"init_weights": False}, "inception_v3": {"init_weights": False}}


def text_and_state(model):
    """The text of a model, and the name, shape and dtype of each of its parameters and buffers."""
    state = [[key, list(value.shape), str(value.dtype).split(".")[-1]] for key, value in model.state_dict().items()]
    return {"print": repr(model), "state": state}


def undrawn(torch, models, name, device=None):
    """A model whose initial values do not matter."""
    with warnings.catch_warnings(), torch.device(device or "cpu"):
        warnings.simplefilter("ignore")
        return models.get_model(name, weights=None, **QUIET.get(name, {}), **without_backbone(models, name))


def nodes(model, get_graph_node_names):
    """The names of what a model computes in training and in evaluation, or the error that says why they cannot be told."""
    try:
        return list(get_graph_node_names(model, suppress_diff_warning=True))
    except ValueError as error:
        return f"{type(error).__name__}: {error}"


def without_backbone(models, name):
    """The argument that keeps a model from asking for the weights of its backbone."""
    module = models.get_model_builder(name).__module__
    return {"weights_backbone": None} if ".detection." in module or ".segmentation." in module else {}


def outputs(torch, models, name):
    """What a seeded model gives, in float64 where it can, and the sizes of its gradients."""
    shapes, options = SEEN[name]
    dtype = np.float32 if name in SINGLE else np.float64
    torch.manual_seed(0)
    model = _made(models, name, options)
    digest = hashlib.md5()
    for key, value in model.state_dict().items():
        if not key.endswith("relative_coords_table"):  # holds logarithms, which libraries round differently
            digest.update(value.detach().numpy().tobytes())
    draws = np.random.RandomState(0)
    if dtype is np.float64:
        model = model.double()
    for p in model.parameters():
        if p.detach().abs().max() < 1e-3:  # what begins at zero would hide what is before it
            p.data = torch.from_numpy(np.asarray(draws.rand(*p.shape) * 0.1, dtype))
    inputs = [torch.from_numpy(draws.rand(*shape).astype(dtype)) for shape in shapes]
    detects = len(shapes[0]) == 3
    model.eval()
    with torch.no_grad():
        evaluated = flat(model(inputs) if detects else model(*inputs))
    model.train()
    torch.manual_seed(1)
    for x in inputs:
        x.requires_grad_()
    trained = flat(model(inputs, targets(torch, shapes, options, dtype)) if detects else model(*inputs))
    total = sum((value * torch.from_numpy(np.asarray(draws.rand(*value.shape), dtype))).sum() for _, value in trained)
    total.backward()
    gradients = [0.0 if p.grad is None else float(np.abs(p.grad.numpy()).sum()) for p in model.parameters()]
    return {
        "init": digest.hexdigest(),
        "eval": _told([(key, value) for key, value in evaluated if name not in TIED or key.endswith("scores")]),
        "train": _told(trained),
        "buffers": [float(np.abs(b.numpy()).astype(float).sum()) for b in model.buffers()],
        "gradients": gradients,
        "inputs": [float(np.abs(x.grad.numpy()).sum()) for x in inputs],
    }


def _made(models, name, options):
    """A model by its name, or by that of its class."""
    made = getattr(models, name.split()[0], None) or getattr(models.video, name.split()[0], None)
    if isinstance(made, type):
        if "block_setting" in options:
            block = models.video.mvit.MSBlockConfig
            options = options | {"block_setting": [block(*each) for each in options["block_setting"]]}
        return made(**options)
    return models.get_model(name, weights=None, **options, **without_backbone(models, name))


def flat(value, key=""):
    """(key, tensor) of each tensor in what a model gives."""
    if isinstance(value, dict):
        return [pair for k in value for pair in flat(value[k], f"{key}.{k}")]
    if isinstance(value, tuple | list):
        return [pair for i, each in enumerate(value) for pair in flat(each, f"{key}.{i}")]
    return [] if value is None else [(key, value)]


def _told(pairs):
    """key -> the shape, the sum of the sizes and some numbers of each tensor."""
    told = {}
    for key, value in pairs:
        numbers = value.detach().numpy().astype(float).ravel()
        some = numbers[:: max(1, len(numbers) // 12)][:12]
        told[key] = [list(value.shape), [float(np.abs(numbers).sum()), *map(float, some)]]
    return told


def targets(torch, shapes, options, dtype):
    """Two boxes in each picture, with their masks and key points where the model learns these."""
    found = []
    for _, height, width in shapes:
        boxes = np.array([[4.0, 6.0, 30.0, 40.0], [20.0, 10.0, width - 2.0, height - 8.0]])
        masks = np.zeros((2, height, width), np.uint8)
        masks[0, 6:40, 4:30] = masks[1, 10:30, 20:40] = 1
        points = np.stack([np.linspace(boxes[:, :2] + 1, boxes[:, 2:] - 1, options.get("num_keypoints", 1))], 1)[:, 0]
        points = np.concatenate([points, np.ones_like(points[..., :1])], -1).transpose(1, 0, 2)
        boxes, points = boxes.astype(dtype), points.astype(np.float32)  # torchvision takes no others
        each = {
            "boxes": boxes,
            "labels": np.array([1, options["num_classes"] - 1]),
            "masks": masks,
            "keypoints": points,
        }
        found.append({key: torch.from_numpy(np.ascontiguousarray(array)) for key, array in each.items()})
    return found


def weights(models, name):
    """The name of a model's enum of weights, and a checksum of each member's metadata."""
    enum = models.get_model_weights(name)
    members = {}
    for member, value in enum.__members__.items():
        meta = sorted((key, each) for key, each in value.meta.items() if key != "_docs")
        known = repr((repr(value), value.url, repr(value.transforms()), meta))
        members[member] = hashlib.md5(known.encode()).hexdigest()
    return [enum.__name__, members]
