"""`torch.random`: seeds and states, and where the CPU's numbers come from (`set_streams`)."""

from jtorch.core.ops.make.generator import (
    default_generator,
    fork_rng,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
    set_streams,
)

__all__ = ["default_generator", "fork_rng", "get_rng_state", "initial_seed", "manual_seed", "seed", "set_rng_state",
           "set_streams"]  # fmt: skip
