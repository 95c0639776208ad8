"""Keypoints of regions as heatmaps, and back."""

from __future__ import annotations

from jtorch.core.facts import dtypes
from jtorch.core.ops.functional import cross_entropy, interpolate
from jtorch.core.ops.functions import arange, cat, stack, where
from jtorch.core.ops.make.create import zeros


def keypoints_to_heatmap(keypoints, rois, heatmap_size):
    """The cells of keypoints (N, K, 3) in heatmaps of regions (N, 4), and which are visible and inside: 1 or 0."""
    low, high = rois[:, None, :2], rois[:, None, 2:]
    places = keypoints[..., :2]
    cells = ((places - low) * (heatmap_size / (high - low))).floor().long()
    x, y = where(places == high, heatmap_size - 1, cells).unbind(-1)
    inside = (x >= 0) & (y >= 0) & (x < heatmap_size) & (y < heatmap_size)
    valid = (inside & (keypoints[..., 2] > 0)).long()
    return (y * heatmap_size + x) * valid, valid


def keypointrcnn_loss(keypoint_logits, proposals, gt_keypoints, keypoint_matched_idxs):
    """The loss of heatmaps (N, K, H, H). Raises ValueError if they are not square."""
    count, points, height, width = keypoint_logits.shape
    if height != width:
        raise ValueError(
            f"keypoint_logits height and width (last two elements of shape) should be equal. Instead got H = {height} and W = {width}"
        )
    pairs = [
        keypoints_to_heatmap(keypoints[matched], boxes, height)
        for boxes, keypoints, matched in zip(proposals, gt_keypoints, keypoint_matched_idxs, strict=True)
    ]
    goals = cat([cells.view(-1) for cells, _ in pairs], dim=0)
    valid = where(cat([seen.view(-1) for _, seen in pairs], dim=0).to(dtype=dtypes.uint8))[0]
    if goals.numel() == 0 or len(valid) == 0:
        return keypoint_logits.sum() * 0
    return cross_entropy(keypoint_logits.view(count * points, height * width)[valid], goals[valid])


def heatmaps_to_keypoints(maps, rois):
    """The places (N, K, 3) and scores (N, K) of the maxima of heatmaps (N, K, H, W) resized to their regions."""
    sizes = (rois[:, 2:] - rois[:, :2]).clamp(min=1)
    cells = sizes.ceil()
    whole = cells.long().tolist()
    points = maps.shape[1]
    places, scores = [], []
    for i, (width, height) in enumerate(whole):
        enlarged = interpolate(maps[i][:, None], size=(height, width), mode="bicubic", align_corners=False)[:, 0]
        best = enlarged.reshape(points, -1).argmax(dim=1)
        x, y = best % width, best // width
        at = [(each.float() + 0.5) * (sizes[i, j] / cells[i, j]) + rois[i, j] for j, each in enumerate((x, y))]
        places.append(stack([*at, at[0].new_full((points,), 1)], dim=1).float())
        scores.append(enlarged[arange(points, device=enlarged.device), y, x].float())
    if not places:
        empty = {"dtype": dtypes.float32, "device": maps.device}
        return zeros((0, points, 3), **empty), zeros((0, points), **empty)
    return stack(places), stack(scores)


def keypointrcnn_inference(x, boxes):
    """The places and the scores of the keypoints of each image: two lists."""
    found = [
        heatmaps_to_keypoints(*each) for each in zip(x.split([b.size(0) for b in boxes], dim=0), boxes, strict=True)
    ]
    return [places for places, _ in found], [scores for _, scores in found]
