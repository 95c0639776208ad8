"""`torch.utils.tensorboard`: writes files that TensorBoard shows. Needs the package tensorboard: `jtorch-xla[tensorboard]`."""

from tensorboard.summary.writer.record_writer import RecordWriter

from jtorch.utils.tensorboard.writer import FileWriter, SummaryWriter

__all__ = ["FileWriter", "RecordWriter", "SummaryWriter"]
