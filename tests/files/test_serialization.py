"""torch.save and torch.load against PyTorch: each library reads the other's files, and unusual files raise the same errors."""

import io
import struct
import warnings
import zipfile
from functools import partial

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

import jtorch
from jtorch import serialization
from jtorch.serialization import load, save
from tests import rows
from tests.files.checkpoints import (
    EXPRESSIONS,
    FILES,
    FOLDER,
    LEGACY,
    MODULES,
    OBJECTS,
    PLACES,
    TENSOR,
    archive,
    deflated,
    describe,
    loading,
    long_number,
    made,
    members,
    written,
)

EXPECTED = rows.load("checkpoints/expected.json", "checkpoints")
# name of a file -> its suffixes
SAVED = [(n, ".pt") for n in OBJECTS] + [(n, ".legacy.pt") for n in LEGACY]


class Marked(jtorch.Tensor):
    """A tensor class of a user's."""


class Net(jtorch.nn.Module):
    """A module of a user's."""  # as it was

    def __init__(self):
        super().__init__()
        self.layer = jtorch.nn.Linear(2, 1)


saved = partial(written, save)


def reloaded(obj, **options):
    return load(saved(obj), **options)


# ---- PyTorch's files


@pytest.mark.parametrize("name, suffix", SAVED)
@pytest.mark.parametrize("weights_only", [True, False])
def test_reads_pytorchs_files(name, suffix, weights_only):
    loaded = load(FOLDER / (name + suffix), weights_only=weights_only)
    assert describe(loaded, jtorch) == EXPECTED["held"][name]


@pytest.mark.parametrize("name", OBJECTS)
def test_reads_mapped_files(name):
    assert describe(load(FOLDER / f"{name}.pt", mmap=True), jtorch) == EXPECTED["held"][name]


@pytest.mark.parametrize("name", MODULES)
def test_reads_pytorchs_modules(name):
    loaded = load(FOLDER / f"{name}.pt", weights_only=False)
    assert describe(loaded, jtorch) == EXPECTED["held"][name]


@pytest.mark.parametrize("name", FILES)
def test_unusual_files_raise_what_they_raise_in_pytorch(name):
    data, options = FILES[name]
    assert loading(jtorch, data, **options) == EXPECTED["files"][name]


@pytest.mark.parametrize("code", PLACES)
def test_map_location_is_pytorchs(code):
    where = eval(code, {"torch": jtorch})
    assert loading(jtorch, TENSOR, map_location=where) == EXPECTED["places"][code]


# ---- our files


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_writes_pytorchs_bytes(name, tmp_path):
    """Compares every record byte for byte, except the one that PyTorch fills with its own hash."""
    file = tmp_path / f"{name}.pt"
    save(made(name, jtorch), file)
    if name in MODULES:  # weights are random, and built-in functions have no path there
        assert list(members(file)) == list(members(FOLDER / file.name))
        return
    assert _but_the_id(file.read_bytes()) == _but_the_id((FOLDER / file.name).read_bytes())


def _but_the_id(data):
    with zipfile.ZipFile(io.BytesIO(data)) as z:
        last = z.infolist()[-1]
    assert last.filename.endswith("/.data/serialization_id")
    content = data.index(b"serialization_id") + len(b"serialization_id")
    entry = data.rindex(b"PK\1\2")
    # The hash and its checksum: after the padding of its header, and in the directory.
    start = data.index(b"PK\7\x08", content)
    return data[: start - 40] + data[start + 8 : entry + 16] + data[entry + 20 :]


@pytest.mark.parametrize("name", OBJECTS)
@pytest.mark.parametrize("options", [{}, {"_use_new_zipfile_serialization": False}, {"pickle_protocol": 3}])
def test_reads_what_it_wrote(name, options):
    if options == {"pickle_protocol": 3} and name == "plain":
        return  # PyTorch cannot read these bytes either
    file = saved(made(name, jtorch), **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # loading protocol 3 warns
        assert describe(load(file), jtorch) == EXPECTED["held"][name]


@pytest.mark.parametrize("protocol", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("zipped", [True, False])
def test_every_protocol_is_read_in_full(protocol, zipped):
    file = saved([jtorch.ones(2), "text"], pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    tensor, text = load(file, weights_only=False)
    assert (tensor.tolist(), text) == ([1.0, 1.0], "text")


@pytest.mark.parity
@pytest.mark.parametrize("name", OBJECTS)
def test_pytorch_reads_ours(name, tmp_path):
    torch = pytest.importorskip("torch")
    obj = made(name, jtorch)
    save(obj, tmp_path / "new.pt")
    for options in ({"weights_only": True}, {"weights_only": False}, {"mmap": True}):
        assert describe(torch.load(tmp_path / "new.pt", **options), torch) == EXPECTED["held"][name]
    if name in LEGACY:
        save(obj, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
        assert describe(torch.load(tmp_path / "old.pt"), torch) == EXPECTED["held"][name]


@pytest.mark.parity
@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("zipped", [True, False])
def test_modules_go_to_pytorch_and_back(name, zipped):
    torch = pytest.importorskip("torch")
    ours = load(FOLDER / f"{name}.pt", weights_only=False)
    theirs = torch.load(saved(ours, _use_new_zipfile_serialization=zipped), weights_only=False)
    assert describe(theirs, torch) == EXPECTED["held"][name]
    file = io.BytesIO()
    torch.save(theirs, file, _use_new_zipfile_serialization=zipped)
    file.seek(0)
    assert describe(load(file, weights_only=False), jtorch) == EXPECTED["held"][name]


@pytest.mark.parity
def test_training_goes_to_pytorch_and_back():
    torch = pytest.importorskip("torch")

    def made(torch):
        layers = torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 1)
        model = torch.nn.Sequential(*layers)
        return model, torch.optim.Adam(model.parameters(), lr=0.1)

    def step(torch, model, optimizer):
        optimizer.zero_grad()
        loss = (model(torch.ones(2, 3)) ** 2).sum()
        loss.backward()
        optimizer.step()
        return loss.item()

    def moved(model, optimizer, write, read, torch):
        file = io.BytesIO()
        write({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, file)
        file.seek(0)
        state = read(file)
        model, optimizer = made(torch)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        return model, optimizer

    ours = made(jtorch)
    step(jtorch, *ours)
    theirs = moved(*ours, save, torch.load, torch)
    assert step(torch, *theirs) == pytest.approx(step(jtorch, *ours), rel=1e-5)
    back = moved(*theirs, torch.save, load, jtorch)
    assert step(jtorch, *back) == pytest.approx(step(torch, *theirs), rel=1e-5)


@pytest.mark.parametrize("zipped", [True, False])
def test_users_modules_come_back(zipped):
    net = Net()
    loaded = load(saved(net, _use_new_zipfile_serialization=zipped), weights_only=False)
    assert type(loaded) is Net
    assert loaded.layer.weight.tolist() == net.layer.weight.tolist()


def test_streams_tell_when_the_source_of_a_class_has_changed():
    data = saved(Net(), _use_new_zipfile_serialization=False).getvalue()
    assert b"# as it was" in data
    with pytest.warns(serialization.SourceChangeWarning, match=r"source code of class '.*Net' has changed"):
        load(io.BytesIO(data.replace(b"# as it was", b"# as it WAS")), weights_only=False)


def test_tensors_of_users_classes_come_back():
    made = jtorch.ones(2)._alias(Marked)
    made.note = "hi"
    loaded = load(saved(made), weights_only=False)
    assert (type(loaded), loaded.note, loaded.tolist()) == (Marked, "hi", [1.0, 1.0])


def test_hooks_are_left_out_with_a_warning():
    x = jtorch.ones(2, requires_grad=True)
    x.register_hook(lambda grad: grad)
    with pytest.warns(UserWarning, match="on tensor will not be serialized"):
        file = saved(x)
    assert load(file).requires_grad


def test_results_with_history_are_saved_without_it():
    x = jtorch.ones(2, requires_grad=True)
    loaded = reloaded(x * 2)
    assert (loaded.is_leaf, loaded.requires_grad, loaded.tolist()) == (True, True, [2.0, 2.0])


def test_named_tuples_of_results_come_back():
    found = load(saved(jtorch.max(jtorch.tensor([[1.0, 2.0]]), 1)), weights_only=False)
    assert (type(found).__name__, found.values.tolist()) == ("max", [2.0])


# ---- memory


def test_writes_to_loaded_tensors_reach_their_aliases():
    base, same, tail, flat = reloaded((lambda x: [x, x.detach(), x[1:], x.view(-1)])(jtorch.zeros(3, 2)))
    tail[0, 0] = 5
    flat[5] = 7
    same[0, 0] = 1
    assert base.tolist() == [[1.0, 0.0], [5.0, 0.0], [0.0, 7.0]]
    assert tail.tolist() == [[5.0, 0.0], [0.0, 7.0]]


def test_loaded_views_are_nobodys_views():
    base, tail = reloaded((lambda x: [x, x[1:]])(jtorch.zeros(3)))
    assert not tail._is_view()
    tail.requires_grad_()
    (tail * 2).sum().backward()
    assert tail.grad.tolist() == [2.0, 2.0]
    assert base.grad is None


def test_the_file_is_read_once_and_not_held(tmp_path):
    path = tmp_path / "m.pt"
    save({"w": jtorch.ones(4)}, path)
    loaded = load(path)
    save({"w": jtorch.zeros(4)}, path)
    assert loaded["w"].tolist() == [1.0] * 4


def test_writing_to_a_mapped_tensor_leaves_the_file(tmp_path):
    path = tmp_path / "m.pt"
    save(jtorch.ones(4), path)
    before = path.read_bytes()
    loaded = load(path, mmap=True)
    loaded += 1
    assert loaded.tolist() == [2.0] * 4
    assert path.read_bytes() == before


def test_memory_shared_with_numpy_is_saved_as_it_is_now():
    array = np.arange(6.0).reshape(2, 3)
    tensors = [jtorch.from_numpy(array), jtorch.from_numpy(array.T), jtorch.from_numpy(array[:, ::2])]
    array[0, 0] = 9
    loaded = reloaded(tensors)
    assert [t.tolist() for t in loaded] == [array.tolist(), array.T.tolist(), array[:, ::2].tolist()]
    assert [t.stride() for t in loaded] == [(3, 1), (1, 3), (3, 2)]


def test_promised_values_are_computed_to_be_saved():
    x = jtorch.arange(4.0)
    assert reloaded([x.t() if x.dim() == 2 else x * 2 + 1])[0].tolist() == [1.0, 3.0, 5.0, 7.0]


@pytest.mark.parametrize("zipped", [True, False])
def test_bare_storages_come_back(zipped):
    x = jtorch.tensor([1.0, 2.0], dtype=jtorch.float32)
    storage, again = load(saved([x.untyped_storage()] * 2, _use_new_zipfile_serialization=zipped))
    assert bytes(storage.tolist()) == struct.pack("<2f", 1, 2)
    assert storage == again


def test_same_memory_as_two_types_is_refused():
    x = jtorch.ones(4)
    message = "Cannot save multiple tensors or storages that view the same data as different types"
    for zipped in (True, False):
        with pytest.raises(RuntimeError, match=message):
            saved([x, x.view(jtorch.int32)], _use_new_zipfile_serialization=zipped)


def test_compressed_records_are_read_even_when_mapped(tmp_path):
    path = tmp_path / "small.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
        for name, data in members(io.BytesIO(TENSOR)).items():
            z.writestr(name, data)
    for mapped in (False, True):
        assert load(path, mmap=mapped).tolist() == [1.0, 2.0, 3.0]


def test_damaged_bytes_are_not_loaded():
    data = TENSOR.replace(struct.pack("<3f", 1, 2, 3), struct.pack("<3f", 1, 2, 4), 1)
    with pytest.raises(RuntimeError, match="PytorchStreamReader failed reading file data/0: CRC-32 check failed"):
        load(io.BytesIO(data))


@pytest.mark.parametrize("declared", [0, 16, 999, 1001, 2**31])
def test_a_record_is_what_it_declares(declared):
    """Compressed records that hold more or less than they declare, by any amount."""
    data = deflated(bytes(1000), declared, type=b"ctorch\nByteStorage\n", numel=long_number(declared))
    with pytest.raises(RuntimeError, match="PytorchStreamReader failed reading .*: (unexpected|invalid)"):
        load(io.BytesIO(data))


NAMES_WITH_DOTS = [
    ("torch", "nn.Linear"),
    ("torch.nn", "Linear.forward"),
    ("os", "path.join"),
    ("torch.serialization", "os.system"),
]


@pytest.mark.parametrize("module, name", NAMES_WITH_DOTS)
def test_dots_in_names_are_followed_from_protocol_4_on(module, name):
    """Programs that look for dangerous names in a file rely on it."""
    for protocol in (0, 2, 3):
        pickled = b"\x80%c" % protocol * bool(protocol) + f"c{module}\n{name}\n.".encode()
        with pytest.raises(AttributeError, match=f"Can't get attribute '{name}' on <module '{module}'"):
            load(io.BytesIO(archive(pickled)), weights_only=False)
    pickled = b"\x80\4\x8c%c%b\x8c%c%b\x93." % (len(module), module.encode(), len(name), name.encode())
    assert callable(load(io.BytesIO(archive(pickled)), weights_only=False))


@pytest.mark.parametrize("protocol", [2, 4])
def test_names_with_dots_are_written_so_that_they_are_found(protocol):
    made = load(saved(jtorch.nn.Linear.forward, pickle_protocol=protocol), weights_only=False)
    assert made is jtorch.nn.Linear.forward


def test_files_without_checksums_are_read():
    serialization.set_crc32_options(False)
    try:
        file = saved(jtorch.ones(2))
    finally:
        serialization.set_crc32_options(True)
    assert {e.CRC for e in zipfile.ZipFile(file).infolist()} == {0}
    file.seek(0)
    assert load(file).tolist() == [1.0, 1.0]


def test_sizes_beyond_32_bits(monkeypatch):
    """With a limit of 100 bytes in place of 4 GB, every field that can be 64 bits wide is."""
    monkeypatch.setattr(serialization.archive, "LIMIT", 100)
    file = saved([jtorch.zeros(50), jtorch.ones(50)])
    content = file.getvalue()
    for at in [m for m in range(len(content)) if content.startswith(b"PK\1\2", m)]:
        # 32 one-bits in a narrow field say that the value stands in the wide one.
        entry = bytearray(content[at : at + 46])
        for field in (20, 24, 42):
            if entry[field : field + 4] == struct.pack("<I", 100):
                entry[field : field + 4] = b"\xff" * 4
        content = content[:at] + bytes(entry) + content[at + 46 :]
    end = content.rindex(b"PK\5\6")
    content = content[: end + 12] + b"\xff" * 8 + content[end + 20 :]
    assert [t.tolist() for t in load(io.BytesIO(content))] == [[0.0] * 50, [1.0] * 50]


# ---- anything


_leaf = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
    st.binary(min_size=1),
    st.sampled_from(["float32", "int64", "bool", "bfloat16", "complex64"]).map(
        lambda d: jtorch.tensor([[0, 1], [1, 0]]).to(getattr(jtorch, d))
    ),
)
_anything = st.recursive(
    _leaf,
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(_anything, st.booleans())
@settings(max_examples=60, deadline=None)
def test_anything_comes_back(obj, zipped):
    back = load(saved(obj, _use_new_zipfile_serialization=zipped))
    assert describe(back, jtorch) == describe(obj, jtorch)


@pytest.mark.parametrize("name", ["relu", "gelu"])
def test_the_activation_of_a_transformer_layer_has_pytorchs_name(name):
    """`torch.nn.functional.relu` and not `torch.relu`: programs list it for `safe_globals`."""
    layer = jtorch.nn.TransformerEncoderLayer(4, 1, 4, activation=name)
    assert layer.activation is getattr(jtorch.nn.functional, name)
    file = io.BytesIO()
    save(layer, file)
    assert f"ctorch.nn.functional\n{name}\n".encode() in file.getvalue()
