"""What the checkpoint tests save and load: objects as program text, and unusual files as bytes.

`describe` turns whatever was loaded into JSON, so that what PyTorch loads and what jtorch loads can be
compared: values, dtypes, strides, who shares memory with whom.
"""

import collections
import io
import pickle
import struct
import zipfile

from tests import FIXTURES
from tests.rows import sections, seen

FOLDER = FIXTURES / "checkpoints"
# name -> an expression; the names in it are those of `made`.
EXPRESSIONS = sections(FOLDER / "objects.txt")
MODULES = ("linear", "network", "list", "functions")  # need weights_only=False
OBJECTS = tuple(name for name in EXPRESSIONS if name not in MODULES)
# What PyTorch itself reads back from the stream format: not the newer dtypes.
LEGACY = (
    "tensor",
    "scalar",
    "empty",
    "dtypes",
    "state_dict",
    "parameters",
    "shared",
    "strided",
    "plain",
    "checkpoint",
)


def _metadata(state, metadata):
    state._metadata = metadata
    return state


def _mark(tensor, **attributes):
    for name, value in attributes.items():
        setattr(tensor, name, value)
    return tensor


def made(name, torch):
    """The object of this name, made by this library."""
    names = {"torch": torch, "nn": torch.nn, "od": collections.OrderedDict, "collections": collections,
             "metadata": _metadata, "mark": _mark}  # fmt: skip
    return eval(EXPRESSIONS[name].strip(), names)


def describe(obj, torch, _seen=None):
    """Whatever was loaded, as JSON. Storages are numbered in the order in which they are found."""
    seen = {} if _seen is None else _seen
    if isinstance(obj, torch.Tensor):
        return _tensor(obj, torch, seen)
    kind = type(obj).__name__
    if isinstance(obj, dict):
        extra = {"_metadata": describe(obj._metadata, torch, seen)} if hasattr(obj, "_metadata") else {}
        return {kind: [[describe(k, torch, seen), describe(v, torch, seen)] for k, v in obj.items()], **extra}
    if isinstance(obj, (list, tuple)):
        return {kind: [describe(item, torch, seen) for item in obj]}
    if isinstance(obj, set):
        return {kind: sorted(map(repr, obj))}
    if isinstance(obj, torch.nn.Module):
        parts = [list(obj.named_parameters()), list(obj.named_buffers())]
        return {f"module {kind}": describe(parts, torch, seen), "text": repr(obj), "training": obj.training}
    return {kind: repr(obj)} if not callable(obj) else {"name": obj.__name__}


def _tensor(t, torch, seen):
    # Storages are told apart by address, and two that are freed may have the same one: keep each.
    address = None if t.device.type == "meta" or not t.numel() else t.untyped_storage().data_ptr()
    number = None if address is None else seen.setdefault(address, (len(seen), t))[0]
    return {
        "kind": "Parameter" if isinstance(t, torch.nn.Parameter) else type(t).__name__,
        "dtype": str(t.dtype),
        "shape": list(t.shape),
        "stride": list(t.stride()),
        "offset": t.storage_offset(),
        "requires_grad": t.requires_grad,
        "device": str(t.device),
        "values": None if t.device.type == "meta" else repr(t.detach().tolist()),
        "storage": number,
        "attributes": {k: describe(v, torch, seen) for k, v in sorted(t.__dict__.items()) if not k.startswith("_")},
    }


def loading(torch, data, **options):
    """The result of `torch.load` for the bytes of a file."""
    return seen(lambda: describe(torch.load(io.BytesIO(data), **options), torch))


def written(save, obj, **options):
    """A file in memory that `save` wrote, at its beginning."""
    file = io.BytesIO()
    save(obj, file, **options)
    file.seek(0)
    return file


def members(file):
    """name -> bytes of an archive's records."""
    with zipfile.ZipFile(file) as z:
        return {n: z.read(n) for n in z.namelist()}


# ---- files made by hand


_DATA = struct.pack("<3f", 1, 2, 3)


def archive(pickled, root="archive", data=_DATA, **records):
    """An archive around a pickle; records by name, `None` leaves one out."""
    all_records = {"data.pkl": pickled, "version": "3\n", "data/0": data} | records
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as z:
        for name, content in all_records.items():
            if content is not None:
                z.writestr(f"{root}/{name}" if root else name, content)
    return file.getvalue()


def text(s):
    return b"X" + struct.pack("<I", len(s)) + s.encode()


def tensor_pickle(**parts):
    """The pickle of torch.tensor([1., 2., 3.]), with parts replaced."""
    p = {
        "function": b"ctorch._utils\n_rebuild_tensor_v2\n", "tag": text("storage"),
        "type": b"ctorch\nFloatStorage\n", "key": text("0"), "location": text("cpu"), "numel": b"K\3",
        "offset": b"K\0", "size": b"K\3\x85", "stride": b"K\1\x85", "grad": b"\x89", "extra": b"",
    } | parts  # fmt: skip
    storage = p["tag"] + p["type"] + p["key"] + p["location"] + p["numel"]
    rest = p["offset"] + p["size"] + p["stride"] + p["grad"] + b"ccollections\nOrderedDict\n)R" + p["extra"]
    return b"\x80\2" + p["function"] + b"((" + storage + b"tQ" + rest + b"tR."


TENSOR = archive(tensor_pickle())
_OTHER = archive(tensor_pickle(), data=struct.pack("<3f", 4, 5, 6))


def deflated(data=_DATA, declared=None, **parts):
    """The archive with packed records. `declared`: the size that it gives for the bytes of the tensor."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as z:
        for name, content in {"data.pkl": tensor_pickle(**parts), "version": "3\n", "data/0": data}.items():
            z.writestr(f"archive/{name}", content)
    sizes = struct.pack("<I", len(data)), struct.pack("<I", len(data) if declared is None else declared)
    return file.getvalue().replace(*sizes)


def in_directory(data, at, value, record=b"archive/data.pkl"):
    """The archive with a byte of its directory replaced, `at` bytes after the name of a record."""
    data = bytearray(data)
    data[data.rindex(record) + at] = value
    return bytes(data)


def long_number(n):
    """The pickle of an integer."""
    return b"\x8a\x09" + n.to_bytes(9, "little")


def sizes(*numbers):
    """The pickle of a tuple of integers."""
    return b"(" + b"".join(map(long_number, numbers)) + b"t"


_STORAGE = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu") + b"K\3tQ"
_NEW = b"ctorch\nTensor\n)\x81"
_MAGIC, _VERSION, _MACHINE = (
    pickle.dumps(part, 2)
    for part in (
        0x1950A86A20F9469CFC6C,
        1001,
        {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}},
    )
)
_LEGACY = _MAGIC + _VERSION + _MACHINE
_STREAM_TAIL = b"\x80\2]q\0X\1\0\0\x000q\1a." + struct.pack("<q3f", 3, 1, 2, 3)


def stream(view=b"N", tail=_STREAM_TAIL, head=_LEGACY, **parts):
    """The same tensor as a stream of the old format."""
    return head + tensor_pickle(**{"numel": b"K\3" + view} | parts) + tail


def _pickle(body):
    return archive(b"\x80\2" + body)


_CUDA = tensor_pickle(location=text("cuda:0"))
# name -> (bytes, keywords of load)
FILES = {
    "a tensor": (TENSOR, {}),
    "offset beyond": (archive(tensor_pickle(offset=b"K\1")), {}),
    "size beyond": (archive(tensor_pickle(size=b"K\4\x85")), {}),
    "stride beyond": (archive(tensor_pickle(stride=b"K\2\x85")), {}),
    "negative offset": (archive(tensor_pickle(offset=b"J\xff\xff\xff\xff")), {}),
    "negative size": (archive(tensor_pickle(size=b"J\xff\xff\xff\xff\x85")), {}),
    "negative stride": (archive(tensor_pickle(stride=b"J\xff\xff\xff\xff\x85")), {}),
    "unequal lengths": (archive(tensor_pickle(size=b"K\3K\1\x86")), {}),
    "stride 0": (archive(tensor_pickle(size=b"K\5\x85", stride=b"K\0\x85")), {}),
    "size as a list": (archive(tensor_pickle(size=b"]K\3a", stride=b"]K\1a")), {}),
    "sizes whose product overflows": (archive(tensor_pickle(size=sizes(2**62, 4), stride=sizes(1, 1))), {}),
    "overflow with stride 0": (archive(tensor_pickle(size=sizes(2**62, 4), stride=sizes(0, 0))), {}),
    "overflow before a 0": (archive(tensor_pickle(size=sizes(2**62, 4, 0), stride=sizes(1, 1, 1))), {}),
    "a large size beside a 0": (archive(tensor_pickle(size=sizes(2**40, 0), stride=sizes(1, 1))), {}),
    "stride that overflows": (archive(tensor_pickle(stride=sizes(2**62))), {}),
    "offset that overflows": (archive(tensor_pickle(offset=long_number(2**62))), {}),
    "integers with grad": (
        archive(tensor_pickle(type=b"ctorch\nIntStorage\n", grad=b"\x88")),
        {},
    ),
    "numel too large": (archive(tensor_pickle(numel=b"K\4")), {}),
    "numel too small": (archive(tensor_pickle(numel=b"K\2", size=b"K\2\x85")), {}),
    "unknown key": (archive(tensor_pickle(key=b"X\1\0\0\x005")), {}),
    "tag module": (archive(tensor_pickle(tag=text("module"))), {}),
    "tag module in full": (archive(tensor_pickle(tag=text("module"))), {"weights_only": False}),
    "unknown storage": (archive(tensor_pickle(type=b"ctorch\nFooStorage\n")), {}),
    "cuda storage type": (archive(tensor_pickle(type=b"ctorch.cuda\nFloatStorage\n")), {}),
    "v3": (
        archive(tensor_pickle(function=b"ctorch._utils\n_rebuild_tensor_v3\n", extra=b"ctorch\nuint16\n")),
        {},
    ),
    "v1": (
        archive(
            b"\x80\2ctorch._utils\n_rebuild_tensor\n((X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\x000X\3\0\0\0cpuK"
            b"\3tQK\0K\3\x85K\1\x85tR."
        ),
        {},
    ),
    "id a list": (_pickle(b"]Q."), {}),
    "id an int": (_pickle(b"K\5Q."), {}),
    "id empty": (_pickle(b")Q."), {}),
    "id bytes": (_pickle(b"U\3abc\x85Q."), {}),
    "sys": (_pickle(b"csys\nexit\n."), {}),
    "os": (_pickle(b"cos\nsystem\n."), {}),
    "posix": (_pickle(b"cposix\nsystem\n."), {}),
    "eval": (_pickle(b"c__builtin__\neval\n."), {}),
    "print": (_pickle(b"cbuiltins\nprint\n."), {}),
    "a class": (_pickle(b"c__main__\nFoo\n)\x81."), {}),
    "Linear": (_pickle(b"ctorch.nn.modules.linear\nLinear\n)\x81."), {}),
    "datetime": (_pickle(b"cdatetime\ndatetime\n."), {}),
    "numpy scalar": (_pickle(b"cnumpy.core.multiarray\nscalar\n."), {}),
    "DTensor": (_pickle(b"ctorch.distributed.tensor\nDTensor\n."), {}),
    "call a dict": (_pickle(b"}(K\1K\2uK\5\x85R."), {}),
    "new of int": (_pickle(b"K\5)\x81."), {}),
    "new OrderedDict": (_pickle(b"ccollections\nOrderedDict\n)\x81."), {}),
    "new Tensor": (_pickle(_NEW + b"."), {}),
    "new Tensor in full": (_pickle(_NEW + b"."), {"weights_only": False}),
    "new Tensor, built": (_pickle(_NEW + b"(" + _STORAGE + b"K\0K\3\x85K\1\x85tb."), {}),
    "new Tensor, built in full": (
        _pickle(_NEW + b"(" + _STORAGE + b"K\0K\3\x85K\1\x85tb."),
        {"weights_only": False},
    ),
    "new Tensor, built of a storage": (_pickle(_NEW + b"(" + _STORAGE + b"tb."), {}),
    "new Tensor, built of a storage in full": (_pickle(_NEW + b"(" + _STORAGE + b"tb."), {"weights_only": False}),
    "new Tensor, built of lists": (_pickle(_NEW + b"(" + _STORAGE + b"K\0]K\3a]K\1atb."), {}),
    "new Tensor, built of nothing": (_pickle(_NEW + b")b."), {}),
    "new Tensor, built of a variable": (
        _pickle(_NEW + b"(" + _NEW + b"(" + _STORAGE + b"K\0K\3\x85K\1\x85tbN}\x88Ntb."),
        {"weights_only": False},
    ),
    "new Tensor, built of too much": (_pickle(_NEW + b"(KKKKKKtb."), {"weights_only": False}),
    "build a list": (_pickle(b"]}b."), {}),
    "append to a dict": (_pickle(b"}K\1a."), {}),
    "extend a dict": (_pickle(b"}(K\1e."), {}),
    "item of a list": (_pickle(b"]K\1K\2s."), {}),
    "items of a list": (_pickle(b"](K\1K\2u."), {}),
    "unhashable key": (_pickle(b"}]K\2s."), {}),
    "cut after list": (_pickle(b"]"), {}),
    "cut in int": (_pickle(b"J\1"), {}),
    "no memo": (_pickle(b"h\5."), {}),
    "nothing": (_pickle(b"."), {}),
    "no mark": (_pickle(b"t."), {}),
    "Python 2 string": (_pickle(b"U\3abc."), {}),
    "Python 2 string latin": (_pickle(b"U\3ab\xff."), {}),
    "Python 2 string bytes": (_pickle(b"U\3ab\xff."), {"encoding": "bytes"}),
    "Python 2 string in full": (_pickle(b"U\3ab\xff."), {"weights_only": False}),
    "Python 2 string latin in full": (_pickle(b"U\3ab\xff."), {"weights_only": False, "encoding": "latin1"}),
    "Python 2 set": (_pickle(b"c__builtin__\nset\n]\x85R."), {}),
    "module unknown": (_pickle(b"ctorch.foo\nBar\n."), {"weights_only": False}),
    "integer": (_pickle(b"I5\n."), {}),
    "protocol 3": (archive(b"\x80\3" + tensor_pickle()[2:]), {}),
    "protocol 4": (archive(b"\x80\4\x95\x03\0\0\0\0\0\0\0]\x94."), {}),
    "protocol 4 in full": (archive(b"\x80\4\x95\x03\0\0\0\0\0\0\0]\x94."), {"weights_only": False}),
    "no data.pkl": (archive(tensor_pickle(), **{"data.pkl": None}), {}),
    "no version": (archive(tensor_pickle(), version=None), {}),
    "no data": (archive(tensor_pickle(), **{"data/0": None}), {}),
    "version 0": (archive(tensor_pickle(), version="0"), {}),
    "version 10": (archive(tensor_pickle(), version="10\n"), {}),
    "version 11": (archive(tensor_pickle(), version="11"), {}),
    "version x": (archive(tensor_pickle(), version="x"), {}),
    "big endian": (archive(tensor_pickle(), data=struct.pack(">3f", 1, 2, 3), byteorder="big"), {}),
    "middle endian": (archive(tensor_pickle(), byteorder="middle"), {}),
    "other root": (archive(tensor_pickle(), root="x"), {}),
    "deep root": (archive(tensor_pickle(), root="a/b"), {}),
    "no root": (archive(tensor_pickle(), root=""), {}),
    "torchscript": (archive(tensor_pickle(), **{"constants.pkl": b""}), {}),
    "two equal archives": (TENSOR * 2, {}),
    "two archives of one size": (TENSOR + _OTHER, {}),
    "two archives": (TENSOR + archive(tensor_pickle() + b"x" * 50), {}),
    "packed": (deflated(), {}),
    "packed, and less than declared": (deflated(bytes(1000), 1004, numel=b"M\xfb\0"), {}),
    "a name of another case": (in_directory(TENSOR, 13, ord("P")), {}),
    "a name that is none": (in_directory(TENSOR, 12, 0xFF), {}),
    "another name": (in_directory(TENSOR, 12, ord("x")), {}),
    "another folder": (in_directory(TENSOR, 0, ord("x"), b"archive/data/0"), {}),
    "a first folder of another name": (in_directory(TENSOR, 0, ord("x")), {}),
    "encrypted": (in_directory(TENSOR, -38, 1), {}),
    "packed in another way": (in_directory(TENSOR, -36, 12), {}),
    "on another disk": (in_directory(TENSOR, -12, 2), {}),
    "a mark of the directory": (in_directory(TENSOR, -46, 0), {}),
    "short": (TENSOR[:10], {}),
    "half": (TENSOR[: len(TENSOR) // 2], {}),
    "almost": (TENSOR[:-5], {}),
    "trailing": (TENSOR + b"yyyy", {}),
    "no bytes": (b"", {}),
    "junk": (b"not a pickle at all\n", {}),
    "junk in full": (b"not a pickle at all\n", {"weights_only": False}),
    "extra arguments": (TENSOR, {"errors": "x"}),
    "extra arguments in full": (TENSOR, {"foo": 1, "weights_only": False}),
    "stream": (stream(), {}),
    "stream in full": (stream(), {"weights_only": False}),
    "stream cut": (stream()[:-4], {}),
    "stream cut more": (stream()[:-12], {}),
    "stream cut in keys": (stream()[:-30], {}),
    "stream of wrong size": (stream(tail=_STREAM_TAIL[:-20] + struct.pack("<q", 7) + _STREAM_TAIL[-12:]), {}),
    "stream with wrong magic": (b"\x80\2K\5.", {}),
    "stream of another version": (stream(head=_MAGIC + b"\x80\2K\5."), {}),
    "mapped buffer": (TENSOR, {"mmap": True}),
    "mapped stream": (stream(), {"mmap": True}),
    "device of the file": (archive(_CUDA), {}),
    "device of the stream": (stream(location=text("cuda:0")), {}),
    "unknown device of the file": (archive(tensor_pickle(location=text("foo"))), {}),
    "cuda to cpu": (archive(_CUDA), {"map_location": "cpu"}),
    "cuda to cpu by dict": (archive(_CUDA), {"map_location": {"cuda:0": "cpu"}}),
    "stream to cpu": (stream(location=text("cuda:0")), {"map_location": "cpu"}),
    "no data, to meta": (archive(tensor_pickle(), **{"data/0": None}), {"map_location": "meta"}),
    "wrong size, to meta": (archive(tensor_pickle(numel=b"K\4")), {"map_location": "meta"}),
    "stream to meta": (stream(), {"map_location": "meta"}),
}
# map_location as an expression
PLACES = (
    "'cpu'",
    "torch.device('cpu')",
    "'meta'",
    "torch.device('meta')",
    "'cuda'",
    "'cuda:0'",
    "'cuda1'",
    "'cuda:x'",
    "'mps'",
    "'xpu'",
    "'hpu'",
    "'privateuseone'",
    "'foo'",
    "'cpu:0'",
    "'xla'",
    "b'cpu'",
    "{'cpu': 'cpu'}",
    "{'cpu': 'cuda:0'}",
    "{}",
    "lambda s, l: s",
    "lambda s, l: None",
    "lambda s, l: s.cpu()",
    "lambda s, l: 5",
    "lambda s, l: 'cpu'",
    "lambda s: s",
    "5",
    "lambda s, l: [l, str(s.device), s.nbytes(), len(s), s.size()] and s",
)
