"""`torch.distributed.pipelining`: a model in stages, one in each process, through which a batch goes in parts."""

from jtorch.distributed.pipelining._splitting import SplitPoint, pipe_split, pipeline
from jtorch.distributed.pipelining.schedules import Schedule1F1B, ScheduleGPipe
from jtorch.distributed.pipelining.stage import PipelineStage

__all__ = ["PipelineStage", "Schedule1F1B", "ScheduleGPipe", "SplitPoint", "pipe_split", "pipeline"]
