"""A compiled program as XLA's bytes and plain data.

`jax.experimental.serialize_executable` writes a program as a pickle. Unpickling can call anything, so no pickle of a file may
be read. Here the pickle that JAX has just written is taken apart: XLA's bytes, and everything else as a list of nodes in JSON.
To load a program, the nodes are checked against the few classes that JAX writes there, and only then written as a pickle
again. Does not know files.
"""

from __future__ import annotations

import io
import json
import pickle
import struct

import jax
from jax.experimental import serialize_executable

from jtorch.core.facts import ALL

# The classes that JAX builds a program of (0.10 to 0.12). Each of them only holds its arguments.
_CLASSES = frozenset(
    (
        "AbstractMesh AllArgsInfo ArgInfo AutoLayoutSingleton AxisType DebugInfo DeviceList Layout ManualAxisType MemorySpace P "
        "PartitionSpec ShapedArray UnloadedMeshExecutable _unpickle_named_sharding _unpickle_single_device_sharding"
    ).split()
)
_TYPES = frozenset(d.np.type.__name__ for d in ALL if d.computed and d.np.type.__module__ == "ml_dtypes")
_HEAD = struct.Struct("<Q")  # the length of the JSON that comes before XLA's bytes


class Unreadable(Exception):
    """The bytes are not a program written by `as_bytes`, or the program cannot be written."""


def as_bytes(compiled) -> bytes:
    """A program of `jax.stages.Compiled` as bytes.

    Raises:
        Unreadable: it contains an object of an unknown class.
    """
    payload, inputs, outputs = serialize_executable.serialize(compiled)
    count = inputs.num_leaves
    if inputs != _inputs(count):
        raise Unreadable("arguments that are not a flat list")
    results = jax.tree_util.tree_unflatten(outputs, [0] * outputs.num_leaves)
    reader = _Recorder(io.BytesIO(payload))
    nodes = _Nodes()
    top = nodes.number(reader.load())
    if reader.program is None:
        raise Unreadable("no program")
    described = {"arguments": count, "results": _outer(results), "nodes": nodes.found, "top": top}
    text = json.dumps(described, separators=(",", ":")).encode()
    return _HEAD.pack(len(text)) + text + reader.program


def from_bytes(data: bytes, device, results=None):
    """The program for a device as `jax.stages.Compiled`.

    Args:
        results: the structure of the results, where it is not as it was written.

    Raises:
        Unreadable: these bytes are not a program.
    """
    try:
        (length,) = _HEAD.unpack_from(data)
        described = json.loads(data[_HEAD.size : _HEAD.size + length])
        payload = _Pickle(described["nodes"], data[_HEAD.size + length :]).of(described["top"])
        inputs = _inputs(described["arguments"])
        kind, count = described["results"]
        outputs = jax.tree_util.tree_structure({"array": 0, "tuple": (0,) * count, "list": [0] * count}[kind])
    except Exception as error:
        raise Unreadable(str(error)) from error
    return serialize_executable.deserialize_and_load(payload, inputs, results or outputs, device.client, [device])


def _inputs(count):
    """The structure of a number of arguments."""
    return jax.tree_util.tree_structure(((0,) * count, {}))


def _outer(results):
    if results == 0:
        return "array", 1
    if type(results) not in (tuple, list) or any(part != 0 for part in results):
        raise Unreadable("results in another structure")
    return type(results).__name__, len(results)


# ---- JAX's pickle -> nodes


class _Made:
    """Stands for an object of JAX's: notes how the pickle makes it."""

    name = ("", "")

    def __new__(cls, *args, **keywords):
        made = object.__new__(cls)
        made.how, made.args, made.keywords, made.state = "new", args, keywords, None
        return made

    def __init__(self, *args, **keywords):
        self.how = "call"  # a pickle that makes an object without calling its class does not come here

    def __setstate__(self, state):
        self.state = [state]


class _Persistent:
    """Stands for what the pickle does not hold: a device, the client, the program."""

    def __init__(self, what):
        self.what = what


class _Recorder(pickle.Unpickler):
    """Reads a pickle that JAX has just written, making notes instead of objects."""

    def __init__(self, file):
        super().__init__(file)
        self.program = None

    def find_class(self, module, name):
        return type(name, (_Made,), {"name": _known(module, name)})

    def persistent_load(self, saved):
        kind, *rest = saved
        if kind == "exec":
            if self.program is not None:
                raise Unreadable("two programs")
            (self.program,) = rest
            rest = []
        return _Persistent([kind, *rest])


def _known(module, name):
    """The name of a class. Raises Unreadable for one that is not known."""
    of_jax = name in _CLASSES and module.partition(".")[0] in ("jax", "jaxlib")
    if not (of_jax or (module, name) == ("numpy", "dtype") or (module == "ml_dtypes" and name in _TYPES)):
        raise Unreadable(f"{module}.{name}")
    return module, name


_MOST = 1_000_000  # nodes in a pickle
_PLAIN = (type(None), bool, int, str)
_CONTAINERS = {tuple: "tuple", list: "list", set: "set", frozenset: "frozenset"}


class _Nodes:
    """Objects as a list in which each node names others by their number; equal nodes are there once."""

    def __init__(self):
        self.found: list = []
        self._by_text: dict[str, int] = {}
        self._by_id: dict[int, tuple] = {}  # with the objects, so that no id is used twice

    def number(self, x) -> int:
        """The number of the node for an object."""
        if id(x) in self._by_id:
            return self._by_id[id(x)][0]
        node = self._node(x)
        number = self._by_text.setdefault(json.dumps(node), len(self.found))
        if number == len(self.found):
            self.found.append(node)
        self._by_id[id(x)] = number, x
        return number

    def _node(self, x):
        kind = type(x)
        if kind in _PLAIN:
            return ["plain", x]
        if kind in _CONTAINERS:
            return [_CONTAINERS[kind], *map(self.number, x)]
        if kind is dict:
            return ["dict", *[self.number(i) for item in x.items() for i in item]]
        if kind is _Persistent:
            return ["outside", *x.what]
        if isinstance(x, _Made):
            return [x.how, *x.name, self.number(x.args), self.number(x.keywords), *map(self.number, x.state or ())]
        if kind is type and issubclass(x, _Made):
            return ["class", *x.name]
        raise Unreadable(repr(kind))


# ---- nodes -> a pickle for JAX


class _Pickle:
    """Writes nodes as a pickle. Calls nothing; names only classes that are known."""

    def __init__(self, nodes, program):
        self._nodes = nodes
        self._program = program
        self._written: set[int] = set()
        self._left = _MOST

    def of(self, top) -> bytes:
        """The pickle of a node."""
        return pickle.PROTO + b"\4" + self._node(top, len(self._nodes)) + pickle.STOP

    def _node(self, number, above):
        """A node that `above` names. Nodes name only earlier ones, so that none holds itself."""
        self._left -= 1
        if type(number) is not int or not 0 <= number < above or self._left < 0:
            raise Unreadable("a node that is none, or too many")
        if number in self._written:
            return pickle.LONG_BINGET + struct.pack("<I", number)
        kind, *rest = self._nodes[number]
        data = _WRITERS[kind](self, lambda n: self._node(n, number), *rest)
        if kind in ("plain", "list", "dict", "set"):  # one that can be changed is nobody else's
            return data
        self._written.add(number)
        return data + pickle.LONG_BINPUT + struct.pack("<I", number)

    def plain(self, node, x):
        if type(x) not in _PLAIN:
            raise Unreadable(repr(x))
        if type(x) is str:
            return _text(x)
        if type(x) is int:
            return pickle.INT + b"%d\n" % x
        return {None: pickle.NONE, True: pickle.NEWTRUE, False: pickle.NEWFALSE}[x]

    def outside(self, node, kind, *rest):
        if kind == "exec":
            parts = [_text(kind), pickle.BINBYTES8 + struct.pack("<Q", len(self._program)) + self._program]
        else:
            parts = [_text(kind), *[self.plain(node, x) for x in rest]]
        return pickle.MARK + b"".join(parts) + pickle.TUPLE + pickle.BINPERSID

    def new(self, node, module, name, args, keywords, *state):
        return self._made(node, module, name, node(args) + node(keywords) + pickle.NEWOBJ_EX, state)

    def call(self, node, module, name, args, keywords, *state):
        return self._made(node, module, name, node(args) + pickle.REDUCE, state)

    def _made(self, node, module, name, how, state):
        built = b"".join(node(s) + pickle.BUILD for s in state)
        return self.named(node, module, name) + how + built

    def named(self, node, module, name):
        _known(module, name)
        return pickle.GLOBAL + f"{module}\n{name}\n".encode("ascii")


def _text(x):
    data = x.encode()
    return pickle.BINUNICODE + struct.pack("<I", len(data)) + data


def _container(start, end):
    return lambda self, node, *items: start + pickle.MARK + b"".join(map(node, items)) + end


_WRITERS = {
    "plain": _Pickle.plain,
    "outside": _Pickle.outside,
    "new": _Pickle.new,
    "call": _Pickle.call,
    "class": _Pickle.named,
    "tuple": _container(b"", pickle.TUPLE),
    "frozenset": _container(b"", pickle.FROZENSET),
    "list": _container(pickle.EMPTY_LIST, pickle.APPENDS),
    "set": _container(pickle.EMPTY_SET, pickle.ADDITEMS),
    "dict": _container(pickle.EMPTY_DICT, pickle.SETITEMS),
}
