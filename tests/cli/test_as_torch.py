"""What a program sees of jtorch under the name of torch: by `jtorch run`, and by `import jtorch.as_torch`."""

import importlib
import os
import sys
import types

import pytest

import jtorch
from jtorch.cli import hook
from jtorch.cli.scoped import scope
from tests.cli import COMMAND, finished

# One process for all lines, because each process would import JAX anew. Every line is checked.
NAMES = """
import importlib.metadata, importlib.util, inspect, io, pickle, random, sys
assert importlib.util.find_spec("torch").origin.endswith("__init__.py") and "jax" not in sys.modules
assert importlib.metadata.version("torch") == "2.13.0" and "jax" not in sys.modules
import torch, torch.nn.functional as F, torchvision.transforms
import torch.optim.lr_scheduler as schedules
from torch import nn
import jtorch
assert torch is jtorch and nn is jtorch.nn and F is jtorch.nn.functional and sys.modules["torch.nn.functional"] is F
assert schedules is jtorch.optim.lr_scheduler and torchvision.transforms is jtorch.vision.transforms
assert (torch.__name__, F.__name__, torchvision.transforms.__name__) == (
    "torch", "torch.nn.functional", "torchvision.transforms")
assert repr(torch).startswith("<module 'torch' from"), torch
assert [repr(c) for c in (nn.Linear, torch.Tensor, torch.optim.SGD, nn.Parameter)] == [
    "<class 'torch.nn.modules.linear.Linear'>", "<class 'torch.Tensor'>", "<class 'torch.optim.sgd.SGD'>",
    "<class 'torch.nn.parameter.Parameter'>"]
assert F.relu.__module__ == "torch.nn.functional" and torch.no_grad.__module__ == "torch.autograd.grad_mode"
assert b"torch.nn.modules.linear" in pickle.dumps(nn.Linear) and b"jtorch" not in pickle.dumps(nn.Linear(1, 1))
again = pickle.loads(pickle.dumps({"a": nn.Linear(2, 2), "t": torch.ones(2), "d": torch.float32, "f": F.relu}))
assert type(again["a"]) is nn.Linear and again["t"].tolist() == [1, 1] and again["f"] is F.relu
file = io.BytesIO()
torch.save(nn.Linear(2, 2), file)
file.seek(0)
assert type(torch.load(file, weights_only=False)) is nn.Linear
assert importlib.util.find_spec("torch.nn").name == "torch.nn" and importlib.util.find_spec("torch.nothing") is None
assert importlib.metadata.version("torchvision") == torchvision.__version__
assert importlib.metadata.packages_distributions()["torch"][0] == "torch"
assert "class Linear(Module)" in inspect.getsource(nn.Linear) and "def wrapper" in inspect.getsource(torch.relu)
assert inspect.getmodule(nn.Linear).__name__ == "torch.nn.modules.linear"
scope = {}
exec("import random\\nfrom torch import *\\nrandom.shuffle([1])\\nassert isinstance(ones(2), Tensor)", scope)
assert "nn" not in scope
assert isinstance(torch.ones(2).sum(), torch.Tensor) and isinstance(torch.float32, torch.dtype)
try:
    nn.Linear(1, 1).to([], 2)
except TypeError as error:
    assert "got (list, int)" in str(error)
from torch import overrides
assert [overrides.resolve_name(f) for f in (torch.add, F.relu)] == ["torch.add", "torch.nn.functional.relu"]
assert len(overrides.get_overridable_functions()[torch]) > 400
print(torch.ones(2))
"""

MISSING = {
    "torch.ones(1).nothing": "AttributeError: 'Tensor' object has no attribute 'nothing'",
    "torch.ones(1).gone": "AttributeError: 'Tensor' object has no attribute 'gone'. jtorch does not have Tensor.gone: why.",
    "torch.Tensor.gone": "AttributeError: type object 'Tensor' has no attribute 'gone'. jtorch does not have Tensor.gone: why.",
    "import torch.nothing": "ModuleNotFoundError: No module named 'torch.nothing'",
    "import torch.gone": "ModuleNotFoundError: No module named 'torch.gone'. jtorch does not have torch.gone: use `this`.",
    "import torch.gone.inner": "ModuleNotFoundError: No module named 'torch.gone'. jtorch does not have torch.gone: use `this`.",
    "import torchvision.gone": "ModuleNotFoundError: No module named 'torchvision.gone'. jtorch does not have torchvision.gone: why.",
    "torch.nothing": "AttributeError: module 'torch' has no attribute 'nothing'",
    "torch.nn.gone": "AttributeError: module 'torch.nn' has no attribute 'gone'. jtorch does not have torch.nn.gone: why.",
    "from torch import nothing": "ImportError: cannot import name 'nothing' from 'torch' (FILE)",
    "from torch import gone": "ImportError: cannot import name 'gone' from 'torch' (FILE). jtorch does not have torch.gone: use `this`.",
}
ASKED = """
import jtorch.cli.missing as missing, traceback
from jtorch import vision
assert vision is torchvision
missing.reasons = lambda: {"torch.gone": "use `this`", "torch.nn.gone": "why", "torchvision.gone": "why", "Tensor.gone": "why"}
missing.explain_attributes(torch.Tensor)
class Mine(torch.Tensor):
    pass
assert not hasattr(torch.ones(1).as_subclass(Mine), "gone") and torch.ones(1).as_subclass(Mine).add(1).item() == 2
for code in sys.argv[1:]:
    try:
        exec(code)
    except Exception as error:
        print(traceback.format_exception(error)[-1].strip().replace(torch.__file__, "FILE"))
        if code.startswith("import"):
            assert [frame.name for frame in traceback.extract_tb(error.__traceback__)] == ["<module>"] * 2
assert torch.distributed.__name__ == "torch.distributed"
assert not hasattr(torch, "gone") and not hasattr(torch.Tensor, "gone") and getattr(torch.nn, "nothing", 3) == 3
"""

CHILDREN = """
import multiprocessing, os, subprocess, sys, torch
from torch.utils.data import DataLoader, Dataset

class Numbers(Dataset):
    def __len__(self):
        return 4
    def __getitem__(self, at):
        import torch
        return torch.tensor([at, torch.__name__ == "torch"])

def module(_):
    import torch
    return torch.__name__, torch.nn.Linear

if __name__ == "__main__":
    print([batch.tolist() for batch in DataLoader(Numbers(), 2, num_workers=1)])
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map(module, [0]))
    told = "import sys; print('jax' in sys.modules); import torch; print(torch.__name__, torch.__file__)"
    print(subprocess.run([sys.executable, "-c", told], text=True, capture_output=True, check=True, cwd="/").stdout)
"""


def test_a_program_sees_pytorchs_names_and_for_a_missing_one_its_error_and_why(tmp_path):
    (tmp_path / "names.py").write_text(NAMES + ASKED)
    code, printed, error = finished([*COMMAND, "run", "names.py", *MISSING], tmp_path)
    assert (code, error) == (0, "")
    assert printed.splitlines() == ["tensor([1., 1.])", *MISSING.values()]


def test_the_processes_of_a_program_see_the_same(tmp_path):
    (tmp_path / "children.py").write_text(CHILDREN)
    code, printed, error = finished([*COMMAND, "run", "children.py"], tmp_path)
    assert (code, error) == (0, "")
    assert printed.splitlines()[:3] == [
        "[[[0, 1], [1, 1]], [[2, 1], [3, 1]]]",
        "[('torch', <class 'torch.nn.modules.linear.Linear'>)]",
        "False",
    ]
    assert "jtorch/__init__.py" in printed


def test_pytorch_that_is_already_imported_is_not_replaced(monkeypatch):
    imported = types.ModuleType("torch")
    imported.__file__ = "/elsewhere/torch/__init__.py"
    monkeypatch.setitem(sys.modules, "torch", imported)
    with pytest.raises(ImportError) as caught:
        hook.turn_on()
    assert str(caught.value) == (
        "torch is already imported from /elsewhere/torch/__init__.py: import jtorch.as_torch before it, "
        "or start the program with `jtorch run`"
    )


LIBRARY = {
    "__init__.py": """
import sys, torch, torch.nn as nn
from torch.nn import functional as F
from torch import ones
from . import inner
assert sys.modules["torch"] is torch and "os" in sys.modules
def later():
    import torch.optim, library_in_scope.late
    return torch
""",
    "inner.py": "import torch",
    "late.py": "import torch, torchvision.transforms as transforms",
    "wrong.py": "import torch.nothing",
}


def test_a_scope_is_for_the_modules_of_its_libraries_only(tmp_path, monkeypatch):
    for name, text in LIBRARY.items():
        (tmp_path / "library_in_scope").mkdir(exist_ok=True)
        (tmp_path / "library_in_scope" / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    monkeypatch.setenv("PYTHONPATH", "")
    for name in [n for n in sys.modules if n.partition(".")[0] in ("torch", "torchvision")]:
        monkeypatch.delitem(sys.modules, name)  # an earlier test may have imported PyTorch
    hook.turn_on()
    other = types.ModuleType("torch")
    with scope("library_in_scope"):
        library = importlib.import_module("library_in_scope")
    monkeypatch.setitem(sys.modules, "torch", other)
    assert importlib.import_module("torch") is other
    assert library.torch is library.inner.torch is library.later() is library.late.torch is jtorch
    assert library.nn is jtorch.nn
    with pytest.raises(ModuleNotFoundError, match="No module named 'torch.nothing'"):
        importlib.import_module("library_in_scope.wrong")
    assert library.late.transforms is jtorch.vision.transforms
    assert os.environ["PYTHONPATH"] == ""
    with pytest.raises(ImportError, match="library_in_scope is already imported"), scope("library_in_scope"):
        pass


def test_the_plugin_of_pytest(tmp_path):
    (tmp_path / "test_it.py").write_text("import torch\n\ndef test_it():\n    assert 'jtorch' in torch.__file__\n")
    code, printed, _ = finished(
        [sys.executable, "-m", "pytest", "-q", "-p", "jtorch.as_torch", "-p", "no:cacheprovider", "test_it.py"],
        tmp_path,
    )
    assert code == 0, printed


VERSIONS = [
    "2.4",
    "2.13",
    "2.13.0",
    "2.13.1",
    "3",
    "2.13.0a1",
    "parrot",
    (2, 4),
    (2, 13),
    (2, 13, 1),
    (3,),
    ["2", "14"],
]


@pytest.mark.parametrize("other", VERSIONS, ids=str)
def test_the_version_compares_as_pytorchs_does(other):
    torch_version = pytest.importorskip("torch.torch_version", reason="parity: PyTorch is not installed")
    ours, theirs = jtorch.__version__, torch_version.TorchVersion("2.13.0")
    for compare in ("__lt__", "__le__", "__eq__", "__ge__", "__gt__", "__ne__"):
        assert getattr(ours, compare)(other) == getattr(theirs, compare)(other), compare
    assert hash(ours) == hash("2.13.0")
    assert isinstance(ours, str)
