"""`SummaryWriter`: numbers, pictures, sounds, texts and curves of a training, in files that TensorBoard shows."""

from __future__ import annotations

import os
import socket
import time
from datetime import datetime

from tensorboard.compat.proto.event_pb2 import Event, SessionLog, TaggedRunMetadata
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from jtorch.utils.tensorboard import _embedding, summary
from jtorch.utils.tensorboard._convert_np import make_np
from jtorch.utils.tensorboard._pytorch_graph import graph
from jtorch.utils.tensorboard._utils import figure_to_image

__all__ = ["FileWriter", "SummaryWriter"]


def _default_bins():
    """Limits that grow by a tenth, from 1e-12 to 1e20, on both sides of 0."""
    limit, limits = 1e-12, []
    while limit < 1e20:
        limits.append(limit)
        limit *= 1.1
    return [-x for x in reversed(limits)] + [0] + limits


class FileWriter:
    """Writes events into one file of a folder; a thread of tensorboard's does it."""

    def __init__(self, log_dir, max_queue: int = 10, flush_secs: int = 120, filename_suffix: str = ""):
        self.event_writer = EventFileWriter(str(log_dir), max_queue, flush_secs, filename_suffix)

    def get_logdir(self) -> str:
        """The folder."""
        return self.event_writer.get_logdir()

    def add_event(self, event: Event, step=None, walltime: float | None = None) -> None:
        """Write an event, with its time and step."""
        event.wall_time = time.time() if walltime is None else walltime
        if step is not None:
            event.step = int(step)
        self.event_writer.add_event(event)

    def add_summary(self, summary, global_step=None, walltime: float | None = None) -> None:
        """Write what one of the functions in summary.py made."""
        self.add_event(Event(summary=summary), global_step, walltime)

    def add_graph(self, graph_profile, walltime: float | None = None) -> None:
        """Write a graph and what is known of a run of it."""
        made, told = graph_profile
        self.add_event(Event(graph_def=made.SerializeToString()), None, walltime)
        run = TaggedRunMetadata(tag="step1", run_metadata=told.SerializeToString())
        self.add_event(Event(tagged_run_metadata=run), None, walltime)

    def flush(self) -> None:
        """Write what waits."""
        self.event_writer.flush()

    def close(self) -> None:
        """Write what waits, and close the file."""
        self.event_writer.close()

    def reopen(self) -> None:
        """Go on in a new file of the same folder."""
        self.event_writer.reopen()


class SummaryWriter:
    """Writes what a training tells into a folder, for TensorBoard to show.

    Values are tensors, NumPy arrays or numbers; to write one reads it. `with` closes the file.

    Args:
        log_dir: the folder; else one below runs/, with the time and the machine in its name, and `comment`.
        purge_step: TensorBoard forgets what was written before from this step on.
        max_queue: so many events may wait for the thread that writes.
        flush_secs: after so many seconds it writes in any case.
        filename_suffix: the end of the file's name.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, SummaryWriter(folder) as writer:
    ...     writer.add_scalar("loss", torch.tensor(0.5), 1)
    """

    def __init__(
        self,
        log_dir=None,
        comment: str = "",
        purge_step=None,
        max_queue: int = 10,
        flush_secs: int = 120,
        filename_suffix: str = "",
    ):
        now = datetime.now().strftime("%b%d_%H-%M-%S")
        self.log_dir = log_dir or os.path.join("runs", f"{now}_{socket.gethostname()}{comment}")
        self.purge_step = purge_step
        self.max_queue, self.flush_secs, self.filename_suffix = max_queue, flush_secs, filename_suffix
        self.file_writer: FileWriter | None = None
        self.all_writers: dict[str, FileWriter] | None = None
        self.default_bins = _default_bins()
        self._projector_config = ProjectorConfig()
        self._get_file_writer()

    def _writer_in(self, folder):
        return FileWriter(folder, self.max_queue, self.flush_secs, self.filename_suffix)

    def _get_file_writer(self):
        """The writer of the folder; a new one after `close`."""
        if self.file_writer is None or self.all_writers is None:
            self.file_writer = self._writer_in(self.log_dir)
            self.all_writers = {self.file_writer.get_logdir(): self.file_writer}
            if self.purge_step is not None:
                step, self.purge_step = self.purge_step, None
                self.file_writer.add_event(Event(step=step, file_version="brain.Event:2"))
                self.file_writer.add_event(Event(step=step, session_log=SessionLog(status=SessionLog.START)))
        return self.file_writer

    def _add(self, what, global_step=None, walltime=None):
        self._get_file_writer().add_summary(what, global_step, walltime)

    def get_logdir(self) -> str:
        """The folder."""
        return self.log_dir

    def add_hparams(
        self,
        hparam_dict: dict,
        metric_dict: dict,
        hparam_domain_discrete=None,
        run_name: str | None = None,
        global_step=None,
    ) -> None:
        """Write the settings of a run, and its results, into a folder below.

        Raises:
            TypeError: no dictionaries.
        """
        if type(hparam_dict) is not dict or type(metric_dict) is not dict:
            raise TypeError("hparam_dict and metric_dict should be dictionary.")
        parts = summary.hparams(hparam_dict, metric_dict, hparam_domain_discrete)
        with SummaryWriter(os.path.join(self._get_file_writer().get_logdir(), run_name or str(time.time()))) as inner:
            for part in parts:
                inner._add(part, global_step)
            for name, value in metric_dict.items():
                inner.add_scalar(name, value, global_step)

    def add_scalar(
        self,
        tag: str,
        scalar_value,
        global_step=None,
        walltime=None,
        new_style: bool = False,
        double_precision: bool = False,
    ) -> None:
        """Write a number: a point of a curve."""
        self._add(summary.scalar(tag, scalar_value, new_style, double_precision), global_step, walltime)

    def add_scalars(self, main_tag: str, tag_scalar_dict: dict, global_step=None, walltime=None) -> None:
        """Write several numbers that are to stand in one chart, each into a folder of its own below."""
        walltime = time.time() if walltime is None else walltime
        folder = self._get_file_writer().get_logdir()
        for tag, value in tag_scalar_dict.items():
            inner = f"{folder}/{main_tag.replace('/', '_')}_{tag}"
            if inner not in self.all_writers:
                self.all_writers[inner] = self._writer_in(inner)
            self.all_writers[inner].add_summary(summary.scalar(main_tag, value), global_step, walltime)

    def add_tensor(self, tag: str, tensor, global_step=None, walltime=None) -> None:
        """Write a tensor as it is."""
        self._add(summary.tensor_proto(tag, tensor), global_step, walltime)

    def add_histogram(
        self, tag: str, values, global_step=None, bins="tensorflow", walltime=None, max_bins=None
    ) -> None:
        """Write how values are distributed. `bins`: the limits, or a word that `numpy.histogram` knows."""
        bins = self.default_bins if isinstance(bins, str) and bins == "tensorflow" else bins
        self._add(summary.histogram(tag, values, bins, max_bins), global_step, walltime)

    def add_histogram_raw(
        self, tag: str, min, max, num, sum, sum_squares, bucket_limits, bucket_counts, global_step=None, walltime=None
    ) -> None:
        """Write a histogram that is already counted."""
        if len(bucket_limits) != len(bucket_counts):
            raise ValueError("len(bucket_limits) != len(bucket_counts), see the document.")
        told = summary.histogram_raw(tag, min, max, num, sum, sum_squares, bucket_limits, bucket_counts)
        self._add(told, global_step, walltime)

    def add_image(self, tag: str, img_tensor, global_step=None, walltime=None, dataformats: str = "CHW") -> None:
        """Write a picture: bytes, or numbers from 0 to 1."""
        self._add(summary.image(tag, img_tensor, dataformats=dataformats), global_step, walltime)

    def add_images(self, tag: str, img_tensor, global_step=None, walltime=None, dataformats: str = "NCHW") -> None:
        """Write pictures, side by side."""
        self.add_image(tag, img_tensor, global_step, walltime, dataformats)

    def add_image_with_boxes(
        self,
        tag: str,
        img_tensor,
        box_tensor,
        global_step=None,
        walltime=None,
        rescale: float = 1,
        dataformats: str = "CHW",
        labels=None,
    ) -> None:
        """Write a picture with boxes (left, top, right, bottom) in it."""
        labels = [labels] if isinstance(labels, str) else labels
        labels = labels if labels is not None and len(labels) == box_tensor.shape[0] else None
        told = summary.image_boxes(tag, img_tensor, box_tensor, rescale, dataformats, labels)
        self._add(told, global_step, walltime)

    def add_figure(self, tag: str, figure, global_step=None, close: bool = True, walltime=None) -> None:
        """Write a figure of matplotlib, or a list of them."""
        formats = "NCHW" if isinstance(figure, list) else "CHW"
        self.add_image(tag, figure_to_image(figure, close), global_step, walltime, formats)

    def add_video(self, tag: str, vid_tensor, global_step=None, fps: float = 4, walltime=None) -> None:
        """Write films [n, frames, channels, height, width]."""
        self._add(summary.video(tag, vid_tensor, fps), global_step, walltime)

    def add_audio(self, tag: str, snd_tensor, global_step=None, sample_rate: int = 44100, walltime=None) -> None:
        """Write a sound of one channel."""
        self._add(summary.audio(tag, snd_tensor, sample_rate), global_step, walltime)

    def add_text(self, tag: str, text_string: str, global_step=None, walltime=None) -> None:
        """Write Markdown."""
        self._add(summary.text(tag, text_string), global_step, walltime)

    def add_onnx_graph(self, prototxt) -> None:
        """Refused: jtorch reads no ONNX files."""
        raise NotImplementedError("add_onnx_graph: jtorch reads no ONNX files; add_graph writes the graph of a module")

    def add_graph(self, model, input_to_model=None, verbose: bool = False, use_strict_trace: bool = True) -> None:
        """Write the graph of a module's calls. What can be traced: `torch.fx.symbolic_trace`."""
        self._get_file_writer().add_graph(graph(model, input_to_model, verbose, use_strict_trace))

    def add_embedding(
        self, mat, metadata=None, label_img=None, global_step=None, tag: str = "default", metadata_header=None
    ) -> None:
        """Write points [n, dimensions] for the projector, with labels and pictures, into a folder below.

        Raises:
            AssertionError: `mat` is not a matrix, or there are more or fewer labels than points.
        """
        mat, global_step = make_np(mat), 0 if global_step is None else global_step
        encoded = tag.replace("%", "%25").replace("/", "%2f").replace("\\", "%5c")
        subdir = f"{str(global_step).zfill(5)}/{encoded}"
        folder = self._get_file_writer().get_logdir()
        path = os.path.join(folder, subdir)
        if os.path.isdir(path):
            print("warning: Embedding dir exists, did you set global_step for add_embedding()?")
        os.makedirs(path, exist_ok=True)
        if metadata is not None:
            if len(mat) != len(metadata):
                raise AssertionError("#labels should equal with #data points")
            _embedding.make_tsv(metadata, path, metadata_header)
        if label_img is not None:
            if len(mat) != label_img.shape[0]:
                raise AssertionError("#images should equal with #data points")
            _embedding.make_sprite(label_img, path)
        if mat.ndim != 2:
            raise AssertionError("mat should be 2D, where mat.size(0) is the number of data points")
        _embedding.make_mat(mat, path)
        told = _embedding.get_embedding_info(metadata, label_img, subdir, int(global_step), tag)
        self._projector_config.embeddings.append(told)
        _embedding.write_pbtxt(folder, self._projector_config)

    def add_pr_curve(
        self, tag: str, labels, predictions, global_step=None, num_thresholds: int = 127, weights=None, walltime=None
    ) -> None:
        """Write precision against recall of predictions from 0 to 1, for labels 0 and 1."""
        told = summary.pr_curve(tag, make_np(labels), make_np(predictions), num_thresholds, weights)
        self._add(told, global_step, walltime)

    def add_pr_curve_raw(
        self,
        tag: str,
        true_positive_counts,
        false_positive_counts,
        true_negative_counts,
        false_negative_counts,
        precision,
        recall,
        global_step=None,
        num_thresholds: int = 127,
        weights=None,
        walltime=None,
    ) -> None:
        """Write such a curve, already counted."""
        right, wrong = (true_positive_counts, false_positive_counts), (true_negative_counts, false_negative_counts)
        told = summary.pr_curve_raw(tag, *right, *wrong, precision, recall, num_thresholds)
        self._add(told, global_step, walltime)

    def add_custom_scalars_multilinechart(self, tags: list, category: str = "default", title: str = "untitled") -> None:
        """Ask for a chart of several curves."""
        self.add_custom_scalars({category: {title: ["Multiline", tags]}})

    def add_custom_scalars_marginchart(self, tags: list, category: str = "default", title: str = "untitled") -> None:
        """Ask for a chart of a curve between two others: the tags of the curve, the lower and the upper."""
        if len(tags) != 3:
            raise AssertionError(f"Expected 3 tags, got {len(tags)}.")
        self.add_custom_scalars({category: {title: ["Margin", tags]}})

    def add_custom_scalars(self, layout: dict) -> None:
        """Ask for charts: {category: {title: ["Multiline" or "Margin", tags]}}."""
        self._add(summary.custom_scalars(layout))

    def add_mesh(
        self, tag: str, vertices, colors=None, faces=None, config_dict=None, global_step=None, walltime=None
    ) -> None:
        """Write points [n, points, 3] in space, or triangles, with colours."""
        self._add(summary.mesh(tag, vertices, colors, faces, config_dict), global_step, walltime)

    def flush(self) -> None:
        """Write what waits."""
        for writer in (self.all_writers or {}).values():
            writer.flush()

    def close(self) -> None:
        """Write what waits, and close the files. What is added later goes into a new file."""
        for writer in (self.all_writers or {}).values():
            writer.flush()
            writer.close()
        self.file_writer = self.all_writers = None

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()
