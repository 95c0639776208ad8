"""`jtorch port` rewrites imports, and nothing else, and reports what is missing, what differs and what is slow."""

import ast
import json
import sys

import pytest

from jtorch.cli import main
from jtorch.cli.port.comparing import agreement, compared
from jtorch.cli.port.findings import findings_of
from jtorch.cli.port.rewriting import rewritten
from jtorch.cli.port.sources import Source
from tests import ROOT

REWRITTEN = {
    "import torch": "import jtorch as torch",
    "import torch  # why\n": "import jtorch as torch  # why\n",
    "import torch as th": "import jtorch as th",
    "import torch.nn": "import jtorch as torch",
    "import torch.nn as nn": "import jtorch.nn as nn",
    "import torch.nn.functional as F": "import jtorch.nn.functional as F",
    "import os, torch, torch.nn as nn , sys": "import os, jtorch as torch, jtorch.nn as nn , sys",
    "import torch.utils.never": "import jtorch.utils.never, jtorch as torch",
    "import torchvision": "import jtorch.vision as torchvision",
    "import torchvision.transforms": "import jtorch.vision.transforms, jtorch.vision as torchvision",
    "import torchvision.transforms as T": "import jtorch.vision.transforms as T",
    "from torch import nn, optim": "from jtorch import nn, optim",
    "from torch.utils.data import (\n    DataLoader,  # a\n    Dataset,\n)": (
        "from jtorch.utils.data import (\n    DataLoader,  # a\n    Dataset,\n)"
    ),
    "from torchvision import datasets as d": "from jtorch.vision import datasets as d",
    "from torch import *": "from jtorch import *",
    "try:\n\timport torch\nexcept ImportError:\n\ttorch = None\n": (
        "try:\n\timport jtorch as torch\nexcept ImportError:\n\ttorch = None\n"
    ),
    "from torchmetrics import Accuracy": "from torchmetrics import Accuracy",
    "from . import torch": "from . import torch",
    "from .torch import nn": "from .torch import nn",
    "x = 'import torch'": "x = 'import torch'",
}


@pytest.mark.parametrize("code", REWRITTEN, ids=repr)
def test_imports_are_rewritten_and_nothing_else(code):
    assert rewritten(code) == REWRITTEN[code]


FOUND = {
    # code: (line:column CODE) of each finding
    "import torch\ntorch.relu(1)": [],
    "import torch\ntorch.never()": ["2:1 J101"],
    "import torch as t\nt.never(), t.never()": ["2:1 J101"],
    "from torch import never": ["1:1 J102"],
    "import torch.never as n\nn.f()": ["1:1 J102"],
    "import torchvision\ntorchvision.never": ["2:1 J101"],
    "from torch import nn\nclass A(nn.Never):\n    pass": ["2:9 J101"],
    "import torch\nF = torch.nn.functional\nF.never(1)": ["3:1 J101"],
    "def f():\n    import torch\n    return torch.never": ["3:12 J101"],
    "import torch\ntorch.float32.whatever, torch.ones(1).anything": [],
    # looks like PyTorch's name, but is not
    "import torch\ndef f(torch):\n    return torch.never": [],
    "from torch import nn\ndef f():\n    nn = g()\n    return nn.never, lambda nn: nn.never": [],
    "import torchmetrics\ntorchmetrics.never": [],
    # missing names that the program handles itself
    "try:\n    from torch import never\nexcept ImportError:\n    never = None": [],
    "try:\n    from torch import never\nexcept KeyError:\n    pass": ["2:5 J102"],
    "import torch\nif hasattr(torch, 'never'):\n    torch.never()\nelse:\n    torch.nothing()": ["5:5 J101"],
    "import torch\nx = torch.never() if torch.cuda.is_available() else 0": [],
    # differs
    "import torch\ntorch.nn.Embedding(1, 1)\ntorch.nn.Embedding(1, 1)": ["2:1 J201"],
    "import torch\ntorch.functional.relu(1), torch.functional.relu(2)": ["2:1 J202"],  # nor in PyTorch
    # built against PyTorch's inside
    "import functorch as ft\nft.vmap": ["1:1 J102"],
    "from torchaudio.transforms import Vol": ["1:1 J102"],
    "try:\n    import functorch\nexcept ImportError:\n    pass": [],
    # only raises
    "import torch\ntorch.jit.save(1, 2)": ["2:1 J103"],
    "import torch\nif x:\n    torch.jit.save(1, 2)": ["3:5 J203"],
    "import torch\nif __name__ == '__main__':\n    torch.onnx.export(1)": ["3:5 J103"],
    "import torch\ndef f():\n    torch.onnx.export(1)\nf()": ["3:5 J103"],
    "import torch\ndef f():\n    torch.onnx.export(1)\nif x:\n    f()": ["3:5 J203"],
    # of TorchScript
    "import torch\nm = torch.jit.trace(n, x)\nm.save('m.pt')\nm.fc, m(x)": ["2:5 J201", "3:1 J101"],
    "import torch\ntorch.jit.script(n).save('m.pt')\nm.save('x')": ["2:1 J101"],
    "import torch\n@torch.jit.script\ndef f(x):\n    return x\nprint(f.graph)": ["5:7 J101"],
    "import torch\nm = torch.jit.script(n)\nm = n\nm.save('m.pt')": [],
    # hazards
    "for a in b:\n    for c in a:\n        c.item()": ["3:9 J301"],
    "for a in b:\n    a.backward()\n    a.item()": ["3:5 J301"],
    "for a in b:\n    a.backward()\n    if a % 100 == 0:\n        a.item()": [],
    "for a in b:\n    a.item()": [],
    "import torch\nfor a in b:\n    a.step()\n    if torch.isnan(a).any():\n        pass": ["4:5 J301"],
    "x.data_ptr()": ["1:1 J302"],
    "from torch.utils.cpp_extension import load": ["1:1 J303"],
    "import torch\nwhile 1:\n    x = torch.cat((x, y), dim=1)": ["3:5 J304"],
    "import torch\nwhile 1:\n    x = torch.cat((z, y), dim=1)": [],
    "import torch\ntorch.compile(f, mode='max-autotune')\ntorch.compile(f)": ["2:1 J305"],
    "import torch\ns = torch.cuda.Stream()": ["2:5 J306"],
    "import torch\ntorch.load(f, weights_only=True)": ["2:1 J201"],
    "import torch\ntorch.load(f, weights_only=False)": ["2:1 J201", "2:1 J307"],
    "import importlib\nimportlib.import_module('torch.nn')": ["2:1 J308"],
}


@pytest.mark.parametrize("code", FOUND, ids=repr)
def test_what_is_missing_differs_or_is_slow_is_found(code, tmp_path):
    (tmp_path / "p.py").write_text(code)
    found = findings_of(Source(tmp_path / "p.py")).findings
    assert [str(finding).partition("p.py:")[2].split(" ")[:2] for finding in found] == [
        row.split() for row in FOUND[code]
    ]


PROGRAMS = [*(ROOT / "tests/programs/tutorials").glob("*.py"), *(ROOT / "tests/programs/notes").glob("note_*.py")]


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_of_a_program_that_runs_it_says_so_and_its_imports_are_changed(path):
    """These programs run unchanged in other tests."""
    source = Source(path)
    assert findings_of(source).runs
    names = set()
    for node in ast.walk(ast.parse(rewritten(source.text))):
        names |= {alias.name for alias in getattr(node, "names", ()) if isinstance(node, ast.Import)}
        names |= {node.module} if isinstance(node, ast.ImportFrom) else set()
    assert not {name for name in names if name.partition(".")[0] in ("torch", "torchvision")}


BOOK = {
    "cells": [
        {"cell_type": "markdown", "source": ["import torch"]},
        {
            "cell_type": "code",
            "source": ["%matplotlib inline\n", "!pip install torch\n", "import torch  # here\n", "torch.ones?"],
        },
        {"cell_type": "code", "source": "%%bash\nimport torch"},
        {"cell_type": "code", "source": ["if torch:\n", "    %time torch.never()\n", "torch.gone_too"]},
    ],
    "metadata": {"title": "ä"},
}


def test_a_notebook_is_ported_with_its_magics(tmp_path, capsys):
    book, out = tmp_path / "book.ipynb", tmp_path / "new/book.ipynb"
    book.write_text(json.dumps(BOOK))
    assert main(["port", str(book), "-o", str(out)]) == 1
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{book}[3]:3:1 J101 torch.gone_too is not here: ")
    assert second == ("1 programs with 2 uses of PyTorch's names: 50.0% are here; 0 programs should run unchanged")
    ported = json.loads(out.read_text())
    sources = ["".join(cell["source"]) for cell in ported["cells"]]
    expected = ["".join(cell["source"]) for cell in BOOK["cells"]]
    expected[1] = expected[1].replace("import torch", "import jtorch as torch")
    assert sources == expected
    assert ported["metadata"] == BOOK["metadata"]
    assert json.loads(book.read_text()) == BOOK


def test_a_folder_is_ported_in_place_or_only_checked(tmp_path, capsys):
    (tmp_path / "a.py").write_text("import torch\n")
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner/b.py").write_text("from torch import nn\n")
    (tmp_path / "c.py").write_text("import torch as\n")
    (tmp_path / "d.py").write_bytes(b"x = '\xe4'\n")
    (tmp_path / "e.ipynb").write_text("{}")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden/d.py").write_text("import torch\n")
    assert main(["port", "--check", "--json", str(tmp_path)]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["summary"] == {"files": 5, "uses": 2, "here": 2, "rate": 1.0, "unchanged": 2}
    assert [(f["file"], f["line"], f["code"]) for f in told["findings"]] == [
        (str(tmp_path / name), 1, "J001") for name in ("c.py", "d.py", "e.ipynb")
    ]
    assert (tmp_path / "a.py").read_text() == "import torch\n"
    for name in ("c.py", "d.py", "e.ipynb"):
        (tmp_path / name).unlink()
    assert main(["port", str(tmp_path), "-o", str(tmp_path.with_suffix(".out"))]) == 0
    assert (tmp_path.with_suffix(".out") / "inner/b.py").read_text() == "from jtorch import nn\n"
    assert main(["port", str(tmp_path)]) == 0
    assert (tmp_path / "a.py").read_text() == "import jtorch as torch\n"
    assert (tmp_path / "inner/b.py").read_text() == "from jtorch import nn\n"
    assert (tmp_path / ".hidden/d.py").read_text() == "import torch\n"


def test_what_does_not_exist_and_a_missing_libcst_are_told(tmp_path, capsys, monkeypatch):
    assert main(["port", str(tmp_path / "none.py")]) == 2
    assert "there is no" in capsys.readouterr().err
    (tmp_path / "a.py").write_text("import torch\n")
    monkeypatch.setitem(sys.modules, "libcst", None)
    monkeypatch.delitem(sys.modules, "jtorch.cli.port.rewriting")
    assert main(["port", str(tmp_path)]) == 2
    assert "pip install 'jtorch-xla[port]'" in capsys.readouterr().err
    assert main(["port", str(tmp_path), "--check"]) == 0


AGREE = {
    ("loss 1.0\n", "loss 1.0001\n"): ("J400", "1 printed numbers agree"),
    ("loss 1.0\n", "loss 1.1\n"): ("J401", "prints 'loss 1.1' where PyTorch prints 'loss 1.0'"),
    ("loss 1.0\n", "LOSS 1.0\n"): ("J401", "prints 'LOSS 1.0'"),
    ("step 1 took 3 ms, 1.0\na 2\n", "step 1 took 9 ms, 1.0\na 2\n"): ("J400", "3 printed"),
    ("step 1 took 3 ms, 1.0\na 2\n", "step 1 took 3 ms, 1.5\na 2\n"): ("J401", "prints 'step 1  ms, 1.5'"),
    ("iter 3: loss 4.2, time 12.3ms, mfu -1.00%", "iter 3: loss 4.2, time 1.3ms, mfu 2.5%"): ("J400", "2 printed"),
    ("0m 3s (- 1m 2s) (5 10%) 2.3", "1m 3s (- 0m 22s) (5 10%) 2.3"): ("J400", "3 printed"),
    ("ms/batch 12.22 | loss  5.22", "ms/batch 2.22 | loss  5.22"): ("J400", "1 printed"),
    ("a\n", "a\nb\n"): ("J401", "prints 2 lines, PyTorch 1"),
    ("tensor([1e-3, -2.])", "tensor([1e-3, -2.])"): ("J400", "2 printed"),
}


@pytest.mark.parametrize("texts", AGREE, ids=repr)
def test_printed_numbers_are_compared(texts):
    code, text = agreement(*texts)
    assert code == AGREE[texts][0]
    assert text.startswith(AGREE[texts][1])


@pytest.mark.parity
@pytest.mark.long
def test_a_program_is_run_for_some_steps_under_both(tmp_path):
    pytest.importorskip("torch", reason="parity: PyTorch is not installed")
    program = """
import sys, torch
torch.manual_seed(0)
model = torch.nn.Linear(3, 1)
optimizer = torch.optim.Adam(model.parameters())
while True:
    optimizer.zero_grad()
    loss = model(torch.randn(4, 3)).square().mean()
    loss.backward()
    print(sys.argv[1:], loss.item())
    optimizer.step()
"""
    (tmp_path / "endless.py").write_text(program)
    assert compared(str(tmp_path / "endless.py"), 5, ["a"], 200) == (
        "J400",
        "5 printed numbers agree with PyTorch's within 0.001",
    )
    (tmp_path / "fails.py").write_text("raise KeyError(3)")
    assert compared(str(tmp_path / "fails.py"), 5) == ("J402", "fails under PyTorch: KeyError: 3")
