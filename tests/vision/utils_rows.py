"""Rows for `io` and `utils`: code -> how far its numbers may be from torchvision's."""

BOXES = "boxes = torch.tensor([[1.0, 1, 5, 6], [3, 2, 10, 7]]);"
POINTS = "points = torch.tensor([[[2, 3], [7, 5]]]);"
FLOW = "flow = torch.from_numpy(np.random.RandomState(0).randn(3, 2, 9, 7).astype(np.float32));"

UTILS = dict.fromkeys(
    [
        *(
            f"{BOXES} utils.draw_bounding_boxes({arguments})"
            for arguments in (
                "bytes3, boxes",
                "bytes3, boxes, fill=True, colors='red'",
                "floats, boxes, colors=['red', (1, 2, 3)], width=2",
                "bytes1, boxes",
                "bytes3, torch.tensor([[1, 1, 8, 2, 7, 7, 2, 6]]), fill=True",
                "bytes3, torch.tensor([[1, 1, 8, 2, 7, 7, 2, 6]]), colors=[(1, 2, 3)], width=2",
                "bytes3, torch.tensor([[6, 1, 5, 6]])",
                "bytes3, boxes, labels=[]",
                "bytes3, boxes, colors=[]",
                "bytes3, boxes, colors=3",
                "bytes3, boxes, colors=(1, 2)",
                "3, boxes",
                "bytes3.to(torch.int32), boxes",
                "batch8, boxes",
                "bytes3[:2], boxes",
            )
        ),
        "utils.draw_segmentation_masks(bytes3, bytes3 > 100)",
        "utils.draw_segmentation_masks(bytes3, bytes3[0] > 100, 0.3, 'red')",
        "utils.draw_segmentation_masks(floats, bytes3[:2] > 200, 0.3, ['red', (3, 4, 200)])",
        "utils.draw_segmentation_masks(bytes3, bytes3)",
        "utils.draw_segmentation_masks(bytes3, bytes3[:, 1:] > 3)",
        "utils.draw_segmentation_masks(bytes3[:2], bytes3 > 3)",
        "utils.draw_segmentation_masks(bytes3, batch8 > 3)",
        "utils.draw_segmentation_masks(3, batch8 > 3)",
        f"{POINTS} utils.draw_keypoints(bytes3, points, colors='red', connectivity=[(0, 1)])",
        f"{POINTS} utils.draw_keypoints(floats, points, [(0, 1)], (1, 2, 3), visibility=torch.tensor([[1, 0]]), radius=1)",
        f"{POINTS} utils.draw_keypoints(bytes3, points[0])",
        f"{POINTS} utils.draw_keypoints(bytes3, points, visibility=torch.tensor([1]))",
        f"{FLOW} utils.flow_to_image(flow)",
        f"{FLOW} utils.flow_to_image(flow[0])",
        "utils.flow_to_image(bytes3)",
        "utils.flow_to_image(floats)",
    ],
    0,
)
