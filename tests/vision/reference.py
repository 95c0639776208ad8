"""torchvision, the reference: in an environment of its own, or beside PyTorch's CPU build.

    pip install torch==2.14.1 torchvision==0.29.1 scipy pycocotools

torchvision's published build needs the CUDA libraries. Without them its compiled operators fail to load; `io` and `ops` need those.
Some of its data sets need scipy and pycocotools.
"""

import importlib

MODULES = ("transforms.v2.functional", "io", "utils", "datasets", "tv_tensors")


def torchvision():
    """(torch, torchvision), with the modules that the rows use."""
    import torch

    register_fake = torch.library.register_fake
    torch.library.register_fake = lambda name, *args, **kwargs: (
        (lambda f: f) if str(name).startswith("torchvision::") else register_fake(name, *args, **kwargs)
    )
    try:
        vision = importlib.import_module("torchvision")
    except RuntimeError:  # the operators do not load
        vision = importlib.import_module("torchvision")
    finally:
        torch.library.register_fake = register_fake
    for module in MODULES:
        importlib.import_module(f"torchvision.{module}")
    torch.set_num_threads(1)
    return torch, vision
