"""Transforms of v2 that turn and bend: RandomRotation, RandomAffine, RandomPerspective, ElasticTransform."""

from __future__ import annotations

from collections.abc import Sequence

from .. import distort, geometry
from ..chance import uniform
from . import functional as F
from .functional.images import perspective_map
from .sample_transform import RandomApplyTransform, Transform, fill_of, fill_table, query_size


class RandomRotation(Transform):
    """A turn by a random angle. See v1's RandomRotation; `fill` may be a dict by class."""

    get_params = staticmethod(geometry.RandomRotation.get_params)

    def __init__(self, degrees, interpolation="nearest", expand=False, center=None, fill=0):
        super().__init__()
        self.degrees = geometry.angle_range(degrees, "degrees")
        self.interpolation, self.expand = interpolation, expand
        self.fill, self._fill = fill, fill_table(fill)
        if center is not None:
            geometry.check_sequence(center, "center", (2,))
        self.center = center

    def make_params(self, flat_inputs):
        return {"angle": uniform(*self.degrees)}

    def transform(self, inpt, params):
        return self._call_kernel(
            F.rotate,
            inpt,
            **params,
            interpolation=self.interpolation,
            expand=self.expand,
            center=self.center,
            fill=fill_of(self._fill, type(inpt)),
        )


class RandomAffine(Transform):
    """A random turn, move, scaling and shear about the middle. See v1's RandomAffine; `fill` may be a dict by class."""

    get_params = staticmethod(geometry.RandomAffine.get_params)

    def __init__(
        self,
        degrees,
        translate=None,
        scale=None,
        shear=None,
        interpolation="nearest",
        fill=0,
        center=None,
    ):
        super().__init__()
        self.degrees = geometry.angle_range(degrees, "degrees")
        self.translate, self.scale = geometry.checked_move(translate), geometry.checked_scale(scale)
        self.shear = None if shear is None else geometry.angle_range(shear, "shear", (2, 4))
        self.interpolation, self.fill, self._fill = interpolation, fill, fill_table(fill)
        if center is not None:
            geometry.check_sequence(center, "center", (2,))
        self.center = center

    def make_params(self, flat_inputs):
        height, width = query_size(flat_inputs)
        drawn = geometry.random_affine(self.degrees, self.translate, self.scale, self.shear, (width, height))
        return dict(zip(("angle", "translate", "scale", "shear"), drawn, strict=True))

    def transform(self, inpt, params):
        return self._call_kernel(
            F.affine,
            inpt,
            **params,
            interpolation=self.interpolation,
            fill=fill_of(self._fill, type(inpt)),
            center=self.center,
        )


class RandomPerspective(RandomApplyTransform):
    """The picture seen from a random side, with probability p. See v1's RandomPerspective."""

    get_params = staticmethod(distort.RandomPerspective.get_params)

    def __init__(self, distortion_scale=0.5, p=0.5, interpolation="bilinear", fill=0):
        super().__init__(p=p)
        if not 0 <= distortion_scale <= 1:
            raise ValueError("Argument distortion_scale value should be between 0 and 1")
        self.distortion_scale, self.interpolation = distortion_scale, interpolation
        self.fill, self._fill = fill, fill_table(fill)

    def make_params(self, flat_inputs):
        height, width = query_size(flat_inputs)
        corners = distort.random_corners(width, height, self.distortion_scale)
        return {"coefficients": perspective_map(*corners, None)}

    def transform(self, inpt, params):
        fill = fill_of(self._fill, type(inpt))
        return self._call_kernel(F.perspective, inpt, **params, fill=fill, interpolation=self.interpolation)


class ElasticTransform(Transform):
    """Each pixel taken from a position displaced by a smooth random field. See v1's ElasticTransform."""

    get_params = staticmethod(distort.ElasticTransform.get_params)

    def __init__(self, alpha=50.0, sigma=5.0, interpolation="bilinear", fill=0):
        super().__init__()
        self.alpha, self.sigma = two_numbers(alpha, "alpha"), two_numbers(sigma, "sigma")
        self.interpolation, self.fill, self._fill = interpolation, fill, fill_table(fill)

    def make_params(self, flat_inputs):
        return {"displacement": distort.random_displacement(self.alpha, self.sigma, query_size(flat_inputs))}

    def transform(self, inpt, params):
        fill = fill_of(self._fill, type(inpt))
        return self._call_kernel(F.elastic, inpt, **params, fill=fill, interpolation=self.interpolation)


def two_numbers(value, name):
    """[float, float] of one number or a sequence of one or two."""
    if not isinstance(value, int | float | Sequence):
        raise TypeError(f"{name} should be a number or a sequence of numbers. Got {type(value)}")
    if isinstance(value, int | float):
        return [float(value), float(value)]
    if len(value) not in (1, 2):
        raise ValueError(f"If {name} is a sequence its length should be 1 or 2. Got {len(value)}")
    for element in value:
        if not isinstance(element, int | float):
            raise ValueError(f"{name} should be a sequence of numbers. Got {type(element)}")
    return [float(value[0]), float(value[-1])]
