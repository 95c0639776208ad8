"""The files of an embedding that TensorBoard's projector shows: points, labels, pictures, and what belongs together."""

from __future__ import annotations

import os

import numpy as np
from google.protobuf import text_format
from PIL import Image
from tensorboard.plugins.projector.projector_config_pb2 import EmbeddingInfo, ProjectorConfig

from jtorch.utils.tensorboard._convert_np import make_np
from jtorch.utils.tensorboard._utils import make_grid

__all__ = ["get_embedding_info", "make_mat", "make_sprite", "make_tsv", "write_pbtxt"]


def make_mat(matlist: np.ndarray, save_path: str) -> None:
    """Write the points, one a line."""
    _write_lines(save_path, "tensors.tsv", ["\t".join(str(x.item()) for x in point) for point in matlist])


def make_tsv(metadata, save_path: str, metadata_header=None) -> None:
    """Write the labels of the points, one a line; several columns where there is a header."""
    lines = (
        ["\t".join(map(str, row)) for row in [metadata_header, *metadata]] if metadata_header else map(str, metadata)
    )
    _write_lines(save_path, "metadata.tsv", lines)


def make_sprite(label_img, save_path: str) -> None:
    """Write the points' pictures [n, channels, height, width] as one square picture."""
    pictures = make_grid(make_np(label_img), int(np.ceil(len(label_img) ** 0.5))).transpose(1, 2, 0)
    square = np.zeros((pictures.shape[1],) * 2 + (3,))
    square[: pictures.shape[0]] = pictures
    Image.fromarray(np.uint8((square * 255).clip(0, 255))).save(os.path.join(save_path, "sprite.png"))


def get_embedding_info(metadata, label_img, subdir: str, global_step: int, tag: str) -> EmbeddingInfo:
    """What projector_config.pbtxt says of one embedding."""
    info = EmbeddingInfo(tensor_name=f"{tag}:{global_step:05}", tensor_path=f"{subdir}/tensors.tsv")
    if metadata is not None:
        info.metadata_path = f"{subdir}/metadata.tsv"
    if label_img is not None:
        info.sprite.image_path = f"{subdir}/sprite.png"
        info.sprite.single_image_dim.extend([label_img.shape[3], label_img.shape[2]])
    return info


def write_pbtxt(save_path: str, config: ProjectorConfig) -> None:
    """Write projector_config.pbtxt, which lists all embeddings of the folder."""
    _write_lines(save_path, "projector_config.pbtxt", [text_format.MessageToString(config).rstrip("\n")])


def _write_lines(folder, name, lines):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)
