"""fixtures/vision_models.json.xz: texts, parameters, outputs and gradients of torchvision's models.

Run it where torchvision is: see tests/vision/reference.py.
"""

import importlib
import json
import lzma
import unittest.mock
import warnings

from tests import FIXTURES
from tests.vision import model_cases, reference


def described(torch, models, name):
    """The text, the parameters and the names of the nodes of a model. Initial values are not drawn."""
    init, same = torch.nn.init, lambda tensor, *args, **kwargs: tensor
    drawing = [each for each in vars(init) if each.endswith("_") and not each.startswith("_")]
    with unittest.mock.patch.multiple(init, **dict.fromkeys(drawing, same)):
        model = model_cases.undrawn(torch, models, name)
    return model_cases.text_and_state(model) | {
        "nodes": model_cases.nodes(model, feature_extraction(models).get_graph_node_names)
    }


def feature_extraction(models):
    return importlib.import_module(f"{models.__name__}.feature_extraction")


def make(*names):
    """Names of models: make only their outputs anew."""
    torch, vision = reference.torchvision()
    models = vision.models
    warnings.simplefilter("ignore")
    path = FIXTURES / "vision_models.json.xz"
    if names:
        table = json.loads(lzma.decompress(path.read_bytes()))
    else:
        known = [name for name in models.list_models() if not name.startswith("quantized_")]
        table = {
            "torchvision": vision.__version__,
            "models": {name: described(torch, models, name) for name in known},
            "outputs": {},
            "weights": {name: model_cases.weights(models, name) for name in known},
        }
    for name in names or model_cases.SEEN:
        table["outputs"][name] = model_cases.outputs(torch, models, name)
    table["outputs"] = {name: table["outputs"][name] for name in model_cases.SEEN}
    data = json.dumps(table, separators=(",", ":"), sort_keys=True).encode()
    path.write_bytes(lzma.compress(data, preset=9))
