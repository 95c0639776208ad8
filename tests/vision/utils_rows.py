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

IMAGES = [
    *(
        f"io.decode_image(folder + '/{name}')"
        for name in ("rgb.png", "grey.png", "rgba.png", "deep.png", "deep_grey.png")
    ),
    *(f"io.decode_image(folder + '/{name}')" for name in ("rgb.jpg", "grey.jpg", "still.gif", "moving.gif")),
    *(
        f"io.read_image(folder + '/{name}', {mode})"
        for name in ("rgb.png", "grey.png", "rgba.png", "rgb.jpg", "grey.jpg")
        for mode in ("'RGB'", "io.ImageReadMode.RGB_ALPHA", "'gray_alpha'")
        if not (name.endswith("jpg") and mode != "'RGB'")
    ),
    *(
        f"io.read_image(folder + '/{name}', 'GRAY')"
        for name in ("grey.png", "rgb.png", "deep.png", "rgb.jpg", "grey.jpg")
    ),
    "io.read_image(folder + '/deep_grey.png', 'RGBA')",
    "io.read_image(folder + '/palette.png', 'RGB')",
    "io.read_image(folder + '/turned.jpg', apply_exif_orientation=True)",
    "io.read_image(folder + '/turned.jpg')",
    "io.decode_png(io.encode_png(bytes3))",
    "io.decode_jpeg(io.encode_jpeg(bytes3))",
    "io.decode_jpeg([io.encode_jpeg(bytes1, 90)])",
    "io.write_png(bytes3, folder + '/written.png'); io.read_image(folder + '/written.png')",
    "io.write_jpeg(bytes3, folder + '/written.jpg', 50); io.read_image(folder + '/written.jpg')",
    "io.read_file(folder + '/no.png')",
    "io.read_image(folder + '/no.png')",
    "io.decode_image(torch.zeros(3, dtype=torch.uint8))",
    "io.decode_image(torch.zeros(0, dtype=torch.uint8))",
    "io.decode_image(torch.zeros(3, 3, dtype=torch.uint8))",
    "io.decode_image(torch.zeros(30))",
    "io.decode_image(io.encode_jpeg(bytes3)[:300])",
    "io.decode_image(io.encode_png(bytes3)[:200])",
    "io.decode_png(io.encode_jpeg(bytes3))",
    "io.decode_jpeg(io.encode_png(bytes3))",
    "io.decode_jpeg([])",
    "io.decode_jpeg([3])",
    "io.encode_jpeg(bytes3, 0)",
    "io.encode_jpeg(bytes3[:2])",
    "io.encode_jpeg(bytes3[0])",
    "io.encode_jpeg(floats)",
    "io.encode_jpeg([])",
    "io.encode_png(bytes3, 10)",
    "io.encode_png(bytes3[:2])",
    "io.encode_png(bytes3[0])",
    "io.encode_png(floats)",
    "io.write_file(folder + '/x', bytes3)",
    "io.write_file(folder + '/x', floats)",
    "io.decode_image(folder + '/rgb.png', 'NOPE')",
]
UTILS |= dict.fromkeys(IMAGES, 0)
