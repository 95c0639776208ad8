"""Pictures to look at: grids, boxes, masks, keypoints, optical flow: `torchvision.utils`. This runs on the host."""

from .draw import draw_bounding_boxes, draw_keypoints, draw_segmentation_masks
from .flow_image import flow_to_image
from .image_grid import make_grid, save_image


def _log_api_usage_once(obj):
    """Does nothing. In torchvision it reports which classes are used; classes call it."""
