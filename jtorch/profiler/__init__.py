"""`torch.profiler`: what a program's time goes to. `jtorch.autograd.profiler` measures; this adds steps and schedules."""

from jtorch.autograd.profiler import record_function
from jtorch.autograd.profiler_util import DeviceType
from jtorch.profiler import itt, profiler
from jtorch.profiler.profiler import (
    ExecutionTraceObserver,
    ProfilerAction,
    ProfilerActivity,
    kineto_available,
    profile,
    schedule,
    supported_activities,
    tensorboard_trace_handler,
)

__all__ = ["DeviceType", "ExecutionTraceObserver", "ProfilerAction", "ProfilerActivity", "itt", "kineto_available", "profile", "profiler",
           "record_function", "schedule", "supported_activities", "tensorboard_trace_handler"]  # fmt: skip
