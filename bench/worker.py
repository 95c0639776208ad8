"""One contestant in a process of its own: it is pinned to its cores, then imports, then runs bursts when asked.

The parent says "run n steps"; the worker runs them, waits for the last loss, and answers with the seconds.
Between bursts the worker sleeps on the pipe, so that contestants never share the core.
"""

from __future__ import annotations

import importlib
import os
import resource
import sys
import time
import traceback

CONTESTANTS = ("jtorch", "jax", "torch", "torch.compile")
SETTLE = 3  # steps that may still compile: first use, optimizer state appearing, the steady state


def main(pipe, contestant, workload, cores, environment, device):
    """The worker's life: build, take the first steps, report, run bursts until told to stop."""
    os.sched_setaffinity(0, cores)
    os.environ.update(environment)
    try:
        step, read, memory = _build(contestant, workload, len(cores), device)
        pipe.send(_first_steps(step, read))
        while (order := pipe.recv()) != "stop":
            pipe.send(_burst(step, read, order) if isinstance(order, int) else _peak(memory))
    except Exception:
        pipe.send({"error": traceback.format_exc(limit=-3)})
        sys.exit(1)


def _build(contestant, workload, threads, device):
    """(step, read, memory) of a contestant; `read` waits for a loss and gives a float.

    On a GPU all multiply in TF32, which is JAX's default and what PyTorch's users ask for.
    """
    if contestant == "jax":
        textbook = importlib.import_module("bench.textbook")
        step, compiled = textbook.build(workload)
        return step, float, lambda: compiled().memory_analysis()
    programs = importlib.import_module("bench.programs")
    torch = importlib.import_module(contestant.partition(".")[0])
    if contestant != "jtorch":
        torch.set_num_threads(threads)
    if device != "cpu":
        torch.set_float32_matmul_precision("high")
    compile = torch.compile if contestant == "torch.compile" else None
    step = programs.build(torch, workload, compile, device)
    memory = getattr(getattr(torch, "compiler", None), "last_program_memory", None)
    return step, lambda loss: loss.item(), memory


def _first_steps(step, read):
    start = time.perf_counter()
    losses = [read(step())]
    first = time.perf_counter()
    losses += [read(step()) for _ in range(SETTLE - 1)]
    return {"first_step_s": first - start, "settled_s": time.perf_counter() - start, "losses": losses}


def _burst(step, read, count):
    start = time.perf_counter()
    for _ in range(count):
        loss = step()
    read(loss)
    return time.perf_counter() - start


def _peak(memory):
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"program_bytes": held_bytes(memory()) if memory else None, "peak_rss_bytes": peak}


def held_bytes(stats):
    """What a program holds at its peak: arguments, outputs and scratch; what is donated counts once."""
    held = stats.argument_size_in_bytes + stats.output_size_in_bytes + stats.temp_size_in_bytes
    return held - stats.alias_size_in_bytes
