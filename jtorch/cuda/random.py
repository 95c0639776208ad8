"""Random numbers of the GPUs."""

from __future__ import annotations

from jtorch.core.facts import device as a_device
from jtorch.core.facts import devices
from jtorch.core.ops.make.generator import generator_of
from jtorch.cuda._utils import device_count, is_available, number_of, require_gpu


def manual_seed(seed) -> None:
    """Seed this GPU's random numbers. Without a GPU it does nothing."""
    if is_available():
        generator_of(devices.place("cuda")).manual_seed(int(seed))


def manual_seed_all(seed) -> None:
    """Seed every GPU's random numbers. Without a GPU it does nothing."""
    for i in range(device_count()):
        generator_of(devices.place(a_device("cuda", i))).manual_seed(int(seed))


def seed() -> None:
    """Seed this GPU's random numbers from the system's. Without a GPU it does nothing."""
    if is_available():
        generator_of(devices.place("cuda")).seed()


def seed_all() -> None:
    """Seed every GPU's random numbers with one seed from the system's. Without a GPU it does nothing."""
    if is_available():
        manual_seed_all(generator_of(devices.place("cuda")).seed())


def initial_seed() -> int:
    """The seed of this GPU's random numbers."""
    return generator_of(devices.place("cuda")).initial_seed()


def get_rng_state(device="cuda"):
    """The state of a GPU's random numbers: the seed and the count of draws, 16 bytes. PyTorch's 16 bytes mean something else."""
    require_gpu()
    return generator_of(devices.place(a_device("cuda", number_of(device)))).get_state()


def set_rng_state(new_state, device="cuda") -> None:
    """Restore the state of a GPU's random numbers from `get_rng_state`."""
    require_gpu()
    generator_of(devices.place(a_device("cuda", number_of(device)))).set_state(new_state)


def get_rng_state_all() -> list:
    """The state of each GPU's random numbers."""
    return [get_rng_state(i) for i in range(device_count())]


def set_rng_state_all(new_states) -> None:
    """Restore the states of all GPUs' random numbers from `get_rng_state_all`."""
    for i, state in enumerate(new_states):
        set_rng_state(state, i)
