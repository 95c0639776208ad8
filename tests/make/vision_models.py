"""fixtures/vision_models.json.xz: texts, parameters, outputs and gradients of torchvision's models.

Run it where torchvision is: see tests/vision/reference.py.
"""

import json
import lzma
import unittest.mock
import warnings

from tests import FIXTURES
from tests.vision import model_cases, reference


def described(torch, models, name):
    """The text and the parameters of a model. Initial values are not drawn."""
    init, same = torch.nn.init, lambda tensor, *args, **kwargs: tensor
    drawing = [each for each in vars(init) if each.endswith("_") and not each.startswith("_")]
    with unittest.mock.patch.multiple(init, **dict.fromkeys(drawing, same)):
        return model_cases.text_and_state(torch, models, name)


def make():
    torch, vision = reference.torchvision()
    models = vision.models
    warnings.simplefilter("ignore")
    names = [name for name in models.list_models() if not name.startswith("quantized_")]
    table = {
        "torchvision": vision.__version__,
        "models": {name: described(torch, models, name) for name in names},
        "outputs": {name: model_cases.outputs(torch, models, name) for name in model_cases.SEEN},
        "weights": {name: model_cases.weights(models, name) for name in names},
    }
    data = json.dumps(table, separators=(",", ":"), sort_keys=True).encode()
    (FIXTURES / "vision_models.json.xz").write_bytes(lzma.compress(data, preset=9))
