"""How functions of arrays are traced and compiled: the only file that says `jax.jit`.

Knows JAX's settings and where compiled programs are kept between processes. Does not know lines or traces.
"""

from __future__ import annotations

import contextlib
import functools
import threading

import jax

from jtorch.core.engine import xla_options

# How XLA multiplies float32 on an accelerator. PyTorch's defaults: TF32 (JAX's default) in convolutions, not in products.
precision = {"matmul": "highest", "convolution": "default"}


@contextlib.contextmanager
def tracing():
    """JAX traces in here with 64-bit types and PyTorch's precision of products.

    JAX caches what it traced by these settings, so tracing for shapes and tracing for programs must use the same ones.
    """
    with jax.enable_x64(True), jax.default_matmul_precision(precision["matmul"]):
        yield


class JaxFunction:
    """A function of arrays as one object, `traced`, so that JAX's caches find what they hold for it."""

    def __init__(self, fn, name):
        def traced(*arrays):
            return fn(*arrays)

        self.name = traced.__name__ = name.replace(".", "_")
        self.traced = traced
        # JAX's trace for its one kind of inputs; the jaxpr is kept until somebody takes it.
        self.jaxpr = self.out_info = None

    def traced_for(self, avals):
        """JAX's trace for inputs like these, as `jax.stages.Traced`."""
        try:
            with tracing():
                return jax.jit(self.traced).trace(*avals)
        except Exception as error:
            # JAX notes that it left out frames of its own: that would be the last line of the user's traceback.
            if notes := getattr(error, "__notes__", None):
                notes[:] = [note for note in notes if "JAX has removed" not in note]
            raise

    @functools.cached_property
    def inlined(self):
        """The function as a part of a program."""
        return jax.jit(self.traced, inline=True)

    @functools.cached_property
    def shared(self):
        """The function as one of several equal parts of a program, such as layers: JAX traces it once for all of them."""
        return jax.jit(self.traced)

    def again(self):
        """The same function as a new object. When it goes, JAX's caches drop what they hold for it."""
        return JaxFunction(self.inlined, self.name)


def jitted(fn, donated, on_host):
    """`jax.jit` of a program that donates the arguments with these numbers."""
    return jax.jit(fn, donate_argnums=donated, compiler_options=xla_options.ordinary(on_host))


class NoStore:
    """Keeps no compiled programs between processes; `jtorch.core.engine.disk` keeps them on disk."""

    def fingerprint(self, *parts) -> str | None:
        """The fingerprint of a program of the host that these parts decide; None if it is not kept."""
        return None

    def load(self, fingerprint):
        """The program with this fingerprint as `jax.stages.Compiled`, or None."""
        return None

    def load_landing(self, fingerprint, results):
        """The program, and a list that receives its `results` results inside the call; (None, ()) if there is no such program."""
        return None, ()

    def compile(self, jit, arguments, fingerprint):
        """Compile a function of `jax.jit` for arguments like these, and keep the program."""
        return jit.lower(*arguments).compile()


_store = NoStore()


def keep_programs_in(store) -> None:
    """Keep compiled programs between processes: `store` has the methods of `NoStore`."""
    global _store
    _store = store


def program_store():
    """Where compiled programs are kept between processes."""
    return _store


def fingerprint_of(*parts) -> str | None:
    """What identifies a program of the host that these parts decide, or None: see `NoStore.fingerprint`."""
    return _store.fingerprint(precision, xla_options.ordinary(on_host=True), *parts)


def compiled(jit, arguments, fingerprint):
    """A function of `jax.jit` compiled for arguments like these, ahead of its first call.

    No signal interrupts it: JAX imports parts of MLIR when it lowers its first functions, and MLIR does not let a part be
    registered again that an interrupted import has left half registered.
    """
    with _compiling, uninterrupted():
        return _store.compile(jit, arguments, fingerprint)


def compiled_quickly(function, arguments, fingerprint):
    """A function compiled with few optimizations: see `xla_options.quick`."""
    while True:
        try:
            return compiled_alone(function, arguments, fingerprint, xla_options.quick())
        except jax.errors.JaxRuntimeError as error:
            if not xla_options.forgotten(error):
                raise


def compiled_alone(function, arguments, fingerprint, options):
    """A `JaxFunction` compiled for arguments like these. JAX's caches let go of it afterwards."""
    with tracing():
        return compiled(jax.jit(function.again().traced, compiler_options=options), arguments, fingerprint)


_compiling = threading.RLock()  # one at a time: whether JAX has a cache is a setting of the whole process


uninterrupted = contextlib.nullcontext  # replaced by jtorch.core.engine.interrupts: signals wait in this context


_default_device: dict = {}  # place -> whether programs run there by default


def running_on(place):
    """A context in which programs run on this place, even if their arrays come from the host."""
    default = _default_device.get(place)
    if default is None:
        with uninterrupted():  # JAX starts its devices here, and cannot repeat an interrupted start
            default = _default_device[place] = place.jax is None or place.jax == jax.local_devices()[0]
    return _NOTHING if default else jax.default_device(place.jax)


_NOTHING = contextlib.nullcontext()
