"""Rows for `transforms`: code -> how far its numbers may be from torchvision's."""


def _each(expressions, pictures, near=0):
    return {line.replace("X", picture): near for line in expressions for picture in pictures.split()}


FUNCTIONS = [
    "F.adjust_hue(X, 0.2)",
    "F.adjust_hue(X, -0.4)",
    "F.adjust_gamma(X, 1.7, 0.9)",
    "F.adjust_sharpness(X, 2.3)",
    "F.adjust_sharpness(X, 0.3)",
    "F.invert(X)",
    "F.autocontrast(X)",
    "F.gaussian_blur(X, [3, 5], [0.7, 1.3])",
    "F.pad(X, [-1, 2, -3, 4], 3)",
    "F.pad(X, [1, 2], 0, 'symmetric')",
    "F.affine(X, 12, [1, 2], 1.2, [3, 4], T.InterpolationMode.BILINEAR)",
    "F.rotate(X, 33, T.InterpolationMode.BILINEAR, True, fill=[0.3])",
    "F.perspective(X, [[0, 0], [6, 0], [6, 7], [0, 7]], [[1, 0], [5, 1], [5, 6], [0, 5]])",
    "F.perspective(X, [[0, 0], [6, 0], [6, 7], [0, 7]], [[1, 0], [5, 1], [5, 6], [0, 5]], T.InterpolationMode.NEAREST, [1])",
    "d = np.random.RandomState(3).randn(1, *F.get_dimensions(X)[1:], 2).astype(np.float32) / 9;"
    "F.elastic_transform(X, torch.from_numpy(d))",
]
BYTES = ["F.posterize(X, 3)", "F.equalize(X)", "F.solarize(X, 128)"]
SIZES = [
    "F.resize(X, [6, 17], antialias=False)",
    "F.resize(X, [6, 17], T.InterpolationMode.BICUBIC, antialias=False)",
]
REFUSED = [
    "F.adjust_gamma(bytes3, -1)",
    "F.adjust_sharpness(bytes3, -0.3)",
    "F.posterize(bytes3, 9)",
    "F.posterize(floats, 3)",
    "F.solarize(floats, 128)",
    "F.equalize(floats)",
    "F.perspective(rgb, [[0, 0], [6, 0], [6, 7]], [[1, 0], [5, 1], [5, 6], [0, 5]])",
    "F.elastic_transform(rgb, torch.zeros(2))",
    "F.elastic_transform(bytes3, 3)",
    "F.gaussian_blur(bytes3, 41)",
    "T.LinearTransformation(torch.ones(3, 2), torch.ones(3))",
    "T.LinearTransformation(torch.ones(3, 3), torch.ones(2))",
    "T.LinearTransformation(torch.ones(12, 12), torch.ones(12))(floats)",
    "T.AugMix(11)",
    "T.ElasticTransform(3)",
    "T.ElasticTransform([3.0])",
    "T.ElasticTransform([3.0, 2])",
    "T.ElasticTransform(sigma=3)",
    "T.ElasticTransform(fill='a')",
    "T.AutoAugment('imagenet')",
    "T.RandomPerspective(fill='a')",
]
TRANSFORMS = {
    **_each(FUNCTIONS, "rgb grey"),
    **_each(FUNCTIONS, "floats", 2e-6),
    **_each(BYTES, "bytes3 bytes1 rgb grey batch8"),
    **_each(SIZES, "floats batch", 2e-6),
    **_each(
        ["F.adjust_hue(X, 0.2)", "F.gaussian_blur(X, [3, 5], [0.7, 1.3])", "F.crop(X, -1, 2, 9, 30)"], "batch", 2e-6
    ),
    **_each(["F.adjust_hue(X, 0.2)", "F.autocontrast(X)", "F.adjust_sharpness(X, 2.3)"], "bytes3"),
    **dict.fromkeys(REFUSED, 0),
    "T.LinearTransformation(torch.ones(324, 324), torch.ones(324))(floats)": 1e-4,
}

RANDOM = [
    "T.AutoAugment()",
    "T.AutoAugment(T.AutoAugmentPolicy.CIFAR10, fill=3)",
    "T.AutoAugment(T.AutoAugmentPolicy.SVHN)",
    "T.RandAugment()",
    "T.RandAugment(3, 25, fill=[7])",
    "T.TrivialAugmentWide()",
    "T.TrivialAugmentWide(interpolation=T.InterpolationMode.BILINEAR)",
    "T.AugMix()",
    "T.AugMix(10, alpha=0.3, all_ops=False)",
    "T.RandomPerspective()",
    "T.ElasticTransform(30.0, 1.0, fill=1)",
    "T.RandomPosterize(3)",
    "T.RandomSolarize(100)",
    "T.RandomAdjustSharpness(2)",
    "T.RandomAutocontrast()",
    "T.RandomEqualize()",
]
PARAMETERS = [
    "T.RandomPerspective.get_params(10, 9, 0.5)",
    "T.ColorJitter.get_params((0.2, 0.4), None, (0.1, 0.2), None)",
    "T.RandomErasing.get_params(floats, (0.1, 0.4), (0.3, 3), [1.0])",
    "T.RandomAffine.get_params((1, 2), (0.1, 0.2), (1.0, 2.0), (1, 2, 3, 4), (10, 9))",
    "T.GaussianBlur.get_params(1, 2)",
    "T.RandomRotation.get_params((1, 2))",
    "T.RandomCrop.get_params(floats, (3, 4))",
    "T.RandomResizedCrop.get_params(floats, (0.1, 0.4), (0.3, 3))",
]
DRAWN = {
    **_each([f"{line}(X)" for line in RANDOM], "rgb bytes3"),
    **_each(["T.AugMix()(X)"], "rgb bytes3", 1),  # weighted sums of floats are truncated to bytes
    **dict.fromkeys(PARAMETERS, 0),
    **dict.fromkeys([f"repr({line})" for line in RANDOM], 0),
}
