"""The cache of compiled programs with damaged, planted, swapped or foreign entries, or on a full disk: the results stay right."""

from __future__ import annotations

import pytest

from tests.attack import attacked

pytestmark = pytest.mark.attack

PRELUDE = """
    import pickle, shutil, subprocess, warnings
    from jtorch.core import engine
    from jtorch.core.engine import cache_folder, disk

    disk.least_compile_time = 0

    def train(width=8):
        "The parameters after five steps, and what reads no gradients, compiles with LAPACK, or is a function of the user's."
        engine.forget()
        engine.reset()
        torch.manual_seed(0)
        model = torch.nn.Sequential(torch.nn.Linear(4, width), torch.nn.Tanh(), torch.nn.Linear(width, 1))
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
        x = torch.linspace(-1, 1, 32).reshape(8, 4)
        for _ in range(5):
            optimizer.zero_grad()
            (model(x) ** 2).mean().backward()
            optimizer.step()
        found = [p.detach().numpy().tobytes() for p in model.parameters()]
        found.append(torch.linalg.inv(torch.eye(3) * 2 + 0.1).numpy().tobytes())
        return found, torch.func.from_jax(lambda x: x * 2)(torch.ones(3)).tolist()

    first = train()
    folder = cache_folder.cache_info().folder
    kept = {name: open(f"{folder}/{name}", "rb").read() for name in os.listdir(folder) if len(name) == 64}
    assert len(kept) >= 3

    def put(name, data):
        with open(f"{folder}/{name}", "wb") as file:
            file.write(data)

    def fresh():
        for name, data in kept.items():
            put(name, data)
        cache_folder.forget_folder()
"""
DAMAGED = """
    import random
    pick = random.Random(0)

    def flipped(data):
        data = bytearray(data)
        data[pick.randrange(len(data))] ^= 1 << pick.randrange(8)
        return bytes(data)

    for damage in [flipped] * 12 + [lambda d: d[: len(d) // 2], lambda d: b"", lambda d: bytes(len(d)), lambda d: d + b"x"]:
        fresh()
        for name, data in kept.items():
            put(name, damage(data))
        assert train() == first
        for name in kept:  # made again
            assert cache_folder.read_entry(name) is not None
    names = [*kept]
    fresh()
    for name, other in zip(names, names[1:] + names[:1]):
        put(name, kept[other])
    assert train() == first
"""
PLANTED = """
    class Evil:
        def __reduce__(self):
            return os.system, ("touch " + sys.argv[1],)

    sums = cache_folder._SUM().digest_size
    evil = [pickle.dumps(Evil()), pickle.dumps((pickle.dumps(Evil()), Evil(), Evil()))]
    for planted in evil:
        for sign in (False, True):  # with a checksum that fits, too
            fresh()
            for name in kept:
                put(name, cache_folder._head(name, planted) + planted if sign else planted)
            assert train() == first
            assert not os.path.exists(sys.argv[1])
    # In a folder where everybody may write, and in one of another user.
    for spoil in (lambda: os.chmod(folder, 0o777), lambda: os.getuid() or os.chown(folder, 12345, -1)):
        fresh()
        for name in kept:
            put(name, evil[0])
        spoil()
        cache_folder.forget_folder()
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            assert train() == first
        assert len([w for w in told if "cache of compiled programs" in str(w.message)]) == 1, told
        assert not os.path.exists(sys.argv[1])
        os.getuid() or os.chown(folder, 0, -1)
        os.chmod(folder, 0o700)
"""
FULL = """
    for name in kept:
        os.unlink(f"{folder}/{name}")
    cache_folder.forget_folder()
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))
    assert train() == first
    assert not [name for name in os.listdir(folder) if name != "jax"]
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    os.environ["JTORCH_CACHE_SIZE"] = "60K"
    from jtorch.core.facts import config
    config.cache_size = 60_000
    for width in range(8, 20):
        train(width)
        assert cache_folder.cache_info().bytes <= 60_000
    assert os.listdir(f"{folder}/jax") == []
"""


@pytest.mark.parametrize("attack", [DAMAGED, PLANTED, FULL], ids=["damaged", "planted", "full"])
def test_a_run_computes_what_it_always_does(attack, tmp_path):
    attacked(
        PRELUDE + attack, tmp_path / "ran", seconds=600, JTORCH_CACHE="1", JTORCH_CACHE_DIR=str(tmp_path / "cache")
    )
