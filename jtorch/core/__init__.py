"""The implementation, one folder a layer, lowest first: facts, streams, engine, grad, tensor, op, ops, methods.

This file has only what makes their import quick.
"""

import contextlib
import gc

_FEW = 100_000  # objects that a process has once NumPy, pandas or matplotlib are imported, and little else


@contextlib.contextmanager
def collector_paused():
    """A block of imports in which Python's garbage collector does not run, and whose objects it does not visit later.

    An import makes 270,000 objects, which nearly all live until the process ends. The collector would visit them ten times
    during the import, in 0.2 s, and in 0.1 s each time that it visits all objects of the program. Those that exist already
    are left out as well, unless they are many: then somebody else's work is among them, and they stay as they are.
    """
    collects, is_young = gc.isenabled(), len(gc.get_objects()) < _FEW
    gc.disable()
    try:
        yield
        if is_young:
            gc.freeze()
    finally:
        if collects:
            gc.enable()
