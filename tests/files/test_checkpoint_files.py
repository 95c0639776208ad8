"""torch.save and torch.load: what is safe to load, files and their errors, options, devices."""

import argparse
import collections
import importlib
import io
import json
import mmap
import pickle
import struct
from functools import partial

import pytest

import jtorch
from jtorch import serialization
from jtorch.serialization import global_names, load, save
from jtorch.vision.transforms import Compose
from tests.files.checkpoints import FOLDER, TENSOR, archive, members, stream, tensor_pickle, text, written

saved = partial(written, save)
CLASSES = json.loads((FOLDER / "classes.json").read_text())  # public name -> the module that PyTorch's files name


class Plain:
    """A class of a user's."""

    def __init__(self):
        self.tensor = jtorch.ones(2)


# ---- safe loading


def test_users_classes_need_weights_only_false():
    file = saved(Plain())
    with pytest.raises(
        pickle.UnpicklingError, match=r"GLOBAL tests\.files\.test_checkpoint_files\.Plain was not an allowed global"
    ):
        load(file)
    file.seek(0)
    assert load(file, weights_only=False).tensor.tolist() == [1.0, 1.0]


def test_safe_globals():
    file = saved([Plain(), argparse.Namespace(lr=0.1)])
    try:
        with serialization.safe_globals([Plain, argparse.Namespace]):
            assert set(serialization.get_safe_globals()) == {Plain, argparse.Namespace}
            plain, options = load(file)
        assert serialization.get_safe_globals() == []
        assert (plain.tensor.tolist(), options.lr) == ([1.0, 1.0], 0.1)
        file.seek(0)
        serialization.add_safe_globals([(Plain, f"{__name__}.Plain"), argparse.Namespace])
        assert load(file)[1].lr == 0.1
    finally:
        serialization.clear_safe_globals()
    assert serialization.get_safe_globals() == []


@pytest.mark.parametrize(
    "entry, error, message",
    [
        (
            (print,),
            ValueError,
            "Expected tuple of length 2 (global, str of callable full path), but got tuple of length: 1",
        ),
        (
            (print, 5),
            TypeError,
            "Expected second item in tuple to be str of callable full path, but got: <class 'int'>",
        ),
    ],
)
def test_wrong_safe_globals(entry, error, message):
    with serialization.safe_globals([entry]), pytest.raises(error) as caught:
        load(io.BytesIO(archive(b"\x80\2cfoo\nbar\n.")))
    assert str(caught.value) == message


def test_modules_are_safe_once_named():
    linear = jtorch.nn.Linear(2, 3)
    with serialization.safe_globals([jtorch.nn.Linear]):
        assert load(saved(linear)).weight.tolist() == linear.weight.tolist()


def test_blocked_modules_stay_blocked():
    with (
        serialization.safe_globals([(print, "os.system")]),
        pytest.raises(pickle.UnpicklingError, match="is blocked"),
    ):
        load(io.BytesIO(archive(b"\x80\2cos\nsystem\n.")))


def test_unsafe_globals_in_checkpoint():
    unsafe = serialization.get_unsafe_globals_in_checkpoint
    assert unsafe(saved([Plain(), collections.deque(), jtorch.ones(2)])) == [
        "collections.deque",
        f"{__name__}.Plain",
    ]
    with pytest.raises(ValueError, match=r"Expected input to be a checkpoint returned by torch\.save"):
        unsafe(saved(jtorch.ones(2), _use_new_zipfile_serialization=False))


def test_environment_decides_the_default(monkeypatch):
    file = saved(Plain())
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    with pytest.warns(UserWarning, match="TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD detected"):
        load(file)
    monkeypatch.setenv("TORCH_FORCE_WEIGHTS_ONLY_LOAD", "1")
    with pytest.raises(RuntimeError, match="should be set, but both were set"):
        load(file)
    monkeypatch.delenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD")
    file.seek(0)
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
        load(file, weights_only=False)


def test_pickle_module_excludes_weights_only():
    assert load(saved(jtorch.ones(2)), pickle_module=pickle).tolist() == [1.0, 1.0]
    with pytest.raises(RuntimeError, match="Can not safely load weights when explicit pickle_module is specified"):
        load(saved(jtorch.ones(2)), pickle_module=pickle, weights_only=True)


def test_another_pickle_module():
    class Other:
        """A pickle module of the user's, which uses the pickler written in C."""

        Pickler = type("Pickler", (pickle.Pickler,), {})
        Unpickler = type("Unpickler", (pickle.Unpickler,), {})
        dump, load = staticmethod(pickle.dump), staticmethod(pickle.load)

    obj = {"w": jtorch.ones(2), "d": jtorch.bool, "s": jtorch.Size([2])}
    for zipped in (True, False):
        file = saved(obj, pickle_module=Other, _use_new_zipfile_serialization=zipped)
        loaded = load(file, pickle_module=Other)
        assert (loaded["w"].tolist(), loaded["d"], loaded["s"]) == ([1.0, 1.0], jtorch.bool, jtorch.Size([2]))


# ---- files


@pytest.mark.parametrize(
    "name, root",
    [("m.pt", "m"), ("m.best.pt", "m.best"), ("noext", "noext"), ("a.tar.gz", "a.tar"), ("ü.pt", "archive")],
)
def test_root_folder_is_named_as_pytorch_names_it(name, root, tmp_path):
    save(5, tmp_path / name)
    assert {n.split("/")[0] for n in members(tmp_path / name)} == {root}
    assert load(str(tmp_path / name)) == 5


@pytest.mark.parametrize(
    "target, error, message",
    [
        ("/nonexistent/dir/x.pt", RuntimeError, "Parent directory /nonexistent/dir does not exist."),
        (".pt", RuntimeError, "[enforce fail at inline_container.cc:720] . invalid file name: .pt"),
        (
            "/tmp",
            RuntimeError,
            "[enforce fail at inline_container.cc:747] . open file failed with strerror: Is a directory",
        ),
        (
            5,
            AttributeError,
            "expected 'f' to be string, path, or a file-like object with a 'write' attribute",
        ),
        (
            type("W", (), {"write": 5})(),
            TypeError,
            f"Buffer of class '{__name__}.W' has no callable attribute 'write'",
        ),
    ],
)
def test_what_cannot_be_written_to(target, error, message):
    with pytest.raises(error) as caught:
        save(jtorch.ones(1), target)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    "source, error, message",
    [
        ("/nonexistent.pt", FileNotFoundError, "[Errno 2] No such file or directory: '/nonexistent.pt'"),
        ("/tmp", IsADirectoryError, "[Errno 21] Is a directory: '/tmp'"),
        (
            5,
            AttributeError,
            "'int' object has no attribute 'seek'. You can only torch.load from a file that is seekable. "
            "Please pre-load the data into a buffer like io.BytesIO and try to load from it instead.",
        ),
    ],
)
def test_what_cannot_be_read_from(source, error, message):
    with pytest.raises(error) as caught:
        load(source)
    assert str(caught.value) == message


def test_a_failed_save_leaves_the_old_file(tmp_path):
    path = tmp_path / "m.pt"
    save(1, path)
    with pytest.raises(AttributeError, match=r"Can't pickle local object 'test_a_failed_.*<locals>\.<lambda>'"):
        save(lambda: None, path)
    assert load(path) == 1


def test_what_cannot_be_found_again_is_not_saved():
    class_gone = type("Gone", (), {"__module__": __name__})
    message = r"Can't pickle <class '.*Gone'>: attribute lookup Gone on tests.files.test_checkpoint_files failed"
    with pytest.raises(pickle.PicklingError, match=message):
        save(class_gone(), io.BytesIO())


def test_storages_inside_storages():
    """In very old files a storage may be part of another. PyTorch counts a tensor's offset from the start of that part."""
    data = stream(view=b"(" + text("7") + b"K\1K\2t", size=b"K\2\x85")
    assert load(io.BytesIO(data)).tolist() == [2.0, 3.0]


def test_streams_follow_one_another():
    file = io.BytesIO()
    for n in (1, 2):
        save(jtorch.full((2,), n), file, _use_new_zipfile_serialization=False)
    file.seek(0)
    assert [load(file).tolist() for _ in range(2)] == [[1, 1], [2, 2]]


def test_an_archive_begins_where_the_file_stands():
    file = io.BytesIO(b"head" + saved(jtorch.ones(2)).getvalue())
    file.seek(4)
    assert load(file).tolist() == [1.0, 1.0]


def test_archives_after_one_another_are_refused():
    """Archives of one size are read as the first: the last one's directory happens to point into the first."""
    file = io.BytesIO(saved(jtorch.ones(2)).getvalue() + saved(jtorch.zeros(200)).getvalue())
    with pytest.raises(RuntimeError, match="PytorchStreamReader failed reading zip archive"):
        load(file)


def test_files_without_readinto():
    class Slow:
        def __init__(self, data):
            file = io.BytesIO(data)
            self.read, self.seek, self.tell, self.readline = file.read, file.seek, file.tell, file.readline
            self.seekable = lambda: True

    assert load(Slow(TENSOR)).tolist() == [1.0, 2.0, 3.0]


def test_tar_files_are_refused_by_name(tmp_path):
    path = tmp_path / "old.pt"
    path.write_bytes(b"x" * 257 + b"ustar" + b"x" * 250)
    with pytest.raises(RuntimeError, match=r"with files saved in the legacy \.tar format"):
        load(path)
    with pytest.raises(NotImplementedError, match="tar format"):
        load(path, weights_only=False)


@pytest.mark.parametrize(
    "data, named",
    [
        (archive(tensor_pickle(type=b"ctorch\nQUInt8Storage\n")), "torch.quint8"),
        (archive(b"\x80\2ctorch._utils\n_rebuild_sparse_tensor\n)R."), "torch._utils._rebuild_sparse_tensor"),
    ],
)
def test_what_jtorch_has_not_is_named(data, named):
    with pytest.raises(NotImplementedError, match=named.replace(".", r"\.")):
        load(io.BytesIO(data))


def test_classes_that_jtorch_lacks_are_named():
    with pytest.raises(NotImplementedError, match=r"torch\.nn\.modules\.loss\.Gone, which this file needs"):
        load(io.BytesIO(archive(b"\x80\2ctorch.nn.modules.loss\nGone\n.")), weights_only=False)


# ---- options and devices


def test_options_are_pytorchs():
    assert serialization.get_default_load_endianness() is None
    assert serialization.get_default_mmap_options() == mmap.MAP_PRIVATE
    with serialization.set_default_mmap_options(mmap.MAP_SHARED):
        assert serialization.get_default_mmap_options() == mmap.MAP_SHARED
    assert serialization.get_default_mmap_options() == mmap.MAP_PRIVATE
    with pytest.raises(ValueError, match=r"expected mmap.MAP_PRIVATE or mmap.MAP_SHARED, but got 7"):
        serialization.set_default_mmap_options(7)
    with pytest.raises(TypeError, match="Invalid argument type in function set_default_load_endianness"):
        serialization.set_default_load_endianness("little")


def test_byte_order_of_files_that_do_not_say():
    data = archive(tensor_pickle(), data=struct.pack(">3f", 1, 2, 3))
    serialization.set_default_load_endianness(serialization.LoadEndianness.BIG)
    try:
        assert load(io.BytesIO(data)).tolist() == [1.0, 2.0, 3.0]
    finally:
        serialization.set_default_load_endianness(None)


def test_users_devices(monkeypatch):
    monkeypatch.setattr(serialization.locations, "_registry", list(serialization.locations._registry))
    serialization.register_package(5, lambda s: "moon", lambda s, where: s if where == "moon" else None)
    file = saved(jtorch.ones(2))
    assert b"moon" in members(file)["archive/data.pkl"]
    file.seek(0)
    assert load(file).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("path", CLASSES)
def test_a_class_has_pytorchs_name_in_files(path):
    """A class is written and read under PyTorch's name, which follows from the file of the class."""
    module, _, name = path.rpartition(".")
    package = importlib.import_module(module.replace("torch", "jtorch", 1))
    if hasattr(package, name):
        assert global_names.torch_name(getattr(package, name)) == (CLASSES[path], name)
        assert global_names.find(CLASSES[path], name) is getattr(package, name)
    else:
        with pytest.raises(NotImplementedError, match="which this file needs, is not in jtorch"):
            global_names.find(CLASSES[path], name)


def test_classes_of_jtorch_alone_keep_their_names():
    assert global_names.torch_name(jtorch.optim.Optax) is None
    assert global_names.torch_name(Compose) is None
