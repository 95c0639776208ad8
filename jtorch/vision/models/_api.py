"""Models by name, and the enums of their published weights."""

from __future__ import annotations

import fnmatch
import functools
import inspect
import typing
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from urllib.error import HTTPError, URLError

from jtorch.hub import get_dir, load_state_dict_from_url

BUILTIN_MODELS: dict[str, Callable] = {}  # name -> the function that builds the model
ENUMS: dict[str, type[WeightsEnum]] = {}  # name -> the enum of weights


@dataclass
class Weights:
    """The published weights of a model: their address, the transforms of their inputs, and metadata."""

    url: str
    transforms: Callable
    meta: dict

    def __eq__(self, other):
        if not isinstance(other, Weights):
            return NotImplemented
        return (self.url, self.meta, _told_apart(self.transforms)) == (
            other.url,
            other.meta,
            _told_apart(other.transforms),
        )


def _told_apart(function):
    """A key to compare functions by: two partials of the same function and arguments are equal."""
    if isinstance(function, functools.partial):
        return function.func, function.args, function.keywords
    return function


class WeightsEnum(Enum):
    """The published weights of one model: each member is a `Weights`, DEFAULT the best of them."""

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        ENUMS[cls.__name__] = cls

    @classmethod
    def verify(cls, obj):
        """The member for a name, a name after the enum's, or a member; None stays None.

        Raises:
            TypeError: it is not a member of this enum.
            KeyError: there is no member of this name.
        """
        if obj is None or isinstance(obj, cls):
            return obj
        if type(obj) is str:
            return cls[obj.replace(cls.__name__ + ".", "")]
        raise TypeError(
            f"Invalid Weight class provided; expected {cls.__name__} but received {obj.__class__.__name__}."
        )

    def get_state_dict(self, *args, **kwargs):
        """The state_dict, from the cache or downloaded: see `torch.hub.load_state_dict_from_url` for the arguments.

        Raises:
            urllib.error.URLError: the file is not there and cannot be downloaded. The message says where to put it.
        """
        try:
            return load_state_dict_from_url(self.url, *args, **kwargs)
        except HTTPError:
            raise
        except URLError as error:
            folder = kwargs.get("model_dir") or f"{get_dir()}/checkpoints"
            raise URLError(
                f"{error.reason}; where there is a network, download {self.url} and put it in the folder {folder}"
            ) from error

    def __repr__(self):
        return f"{type(self).__name__}.{self.name}"

    @property
    def url(self):
        """Where the file is."""
        return self.value.url

    @property
    def transforms(self):
        """Makes the transforms of the inputs when it is called."""
        return self.value.transforms

    @property
    def meta(self):
        """The metadata: categories, num_params, min_size, ..."""
        return self.value.meta


def get_weight(name):
    """The weights of this name.

    Raises:
        ValueError: the name is not of the form "enum.member", or there is no such enum.
        KeyError: the enum has no such member.

    >>> from jtorch.vision.models import get_weight
    >>> get_weight("ResNet50_Weights.IMAGENET1K_V2").meta["num_params"]
    25557032
    """
    try:
        enum_name, value_name = name.split(".")
    except ValueError:
        raise ValueError(f"Invalid weight name provided: '{name}'.") from None
    if enum_name not in ENUMS:
        raise ValueError(f"The weight enum '{enum_name}' for the specific method couldn't be retrieved.")
    return ENUMS[enum_name][value_name]


def get_model_weights(name):
    """The enum of the weights of a model, given by its name or by the function that builds it."""
    builder = get_model_builder(name) if isinstance(name, str) else name
    parameters = inspect.signature(builder, eval_str=True).parameters
    if "weights" not in parameters:
        raise ValueError("The method is missing the 'weights' argument.")
    annotation = parameters["weights"].annotation
    for kind in (annotation, *typing.get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, WeightsEnum):
            return kind
    raise ValueError(
        "The WeightsEnum class for the specific method couldn't be retrieved. Make sure the typing info is correct."
    )


def register_model(name=None):
    """A decorator that registers a function for :func:`get_model` under this name, or under its own.

    Raises:
        ValueError: the name is taken.
    """

    def register(builder):
        key = builder.__name__ if name is None else name
        if key in BUILTIN_MODELS:
            raise ValueError(f"An entry is already registered under the name '{key}'.")
        BUILTIN_MODELS[key] = builder
        return builder

    return register


def list_models(module=None, include=None, exclude=None):
    """The sorted names of the models.

    Args:
        module: only those defined in this module, such as `models.detection`.
        include: shell patterns, one or several; only names that match one of them.
        exclude: one or several patterns; no names that match one of them.

    >>> from jtorch.vision.models import list_models
    >>> list_models(include="*resnet*", exclude=["*rcnn*", "*retina*", "deeplab*", "fc*"])
    ['resnet101', 'resnet152', 'resnet18', 'resnet34', 'resnet50', 'wide_resnet101_2', 'wide_resnet50_2']
    """
    names = [
        name
        for name, builder in BUILTIN_MODELS.items()
        if module is None or builder.__module__.rpartition(".")[0] == module.__name__
    ]
    if include:
        names = [name for name in names if _matches(name, include)]
    if exclude:
        names = [name for name in names if not _matches(name, exclude)]
    return sorted(names)


def _matches(name, patterns):
    patterns = [patterns] if isinstance(patterns, str) else patterns
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


def get_model_builder(name):
    """The function that builds the model of this name. Raises ValueError if there is none."""
    try:
        return BUILTIN_MODELS[name.lower()]
    except KeyError:
        raise ValueError(f"Unknown model {name.lower()}") from None


def get_model(name, **config):
    """A model by its name; the other arguments go to the function that builds it.

    >>> from jtorch.vision.models import get_model
    >>> model = get_model("squeezenet1_1", weights=None, num_classes=10)
    >>> model(torch.zeros(1, 3, 64, 64)).shape
    torch.Size([1, 10])
    """
    return get_model_builder(name)(**config)
