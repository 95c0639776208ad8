"""What the model families share: builder functions, initial values, and intermediate layers."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from jtorch import nn
from jtorch.core.ops.functions import cat
from jtorch.vision.models._api import WeightsEnum, register_model


class IntermediateLayerGetter(nn.ModuleDict):
    """Runs the children of a model in order and returns the outputs of some of them.

    It stops after the last child that is asked for.

    Args:
        model: its children must run in the order in which they are registered.
        return_layers: name of a child -> the name of its output in the result.

    Raises:
        ValueError: the model has no such child.
    """

    _version = 2

    def __init__(self, model, return_layers):
        wanted = {str(name) for name in return_layers}
        if not wanted.issubset([name for name, _ in model.named_children()]):
            raise ValueError("return_layers are not present in model")
        layers = OrderedDict()
        for name, child in model.named_children():
            layers[name] = child
            wanted.discard(name)
            if not wanted:
                break
        super().__init__(layers)
        self.return_layers = return_layers

    def forward(self, x):
        found = OrderedDict()
        for name, layer in self.items():
            x = layer(x)
            if name in self.return_layers:
                found[self.return_layers[name]] = x
        return found


def make_divisible(v, divisor, min_value=None):
    """The multiple of the divisor nearest to v, at least min_value (default: the divisor) and 0.9 · v."""
    rounded = max(divisor if min_value is None else min_value, int(v + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * v else rounded


def overwrite_named_param(kwargs, param, new_value):
    """Set a keyword argument to the value that the weights require.

    Raises ValueError if the caller gave another one.
    """
    kwargs[param] = overwrite_value_param(param, kwargs.get(param, new_value), new_value)


def overwrite_value_param(param, actual, expected):
    """The value that the weights require. Raises ValueError if the caller gave another one; None is no value."""
    if actual is not None and actual != expected:
        raise ValueError(f"The parameter '{param}' expected value {expected} but got {actual} instead.")
    return expected


_ovewrite_named_param, _ovewrite_value_param = overwrite_named_param, overwrite_value_param  # torchvision's names


def handle_legacy_interface(**legacy):
    """A decorator for builder functions that accepts older forms, with torchvision's warnings.

    Older forms are positional arguments, and `pretrained=True` and similar keywords.

    Args:
        legacy: parameter -> (older name, the weights that True meant). The weights may be a function of the keyword
            arguments.
    """

    def decorate(builder):
        @functools.wraps(builder)
        def wrapper(*args, **kwargs):
            args, given = _keywords(parameters, args)
            kwargs.update(given)
            for name, (older, default) in legacy.items():
                if older in kwargs or not _is_weights(kwargs.get(name)):
                    _translate(builder, kwargs, name, older, default)
            return builder(*args, **kwargs)

        parameters = inspect.signature(builder).parameters
        return wrapper

    return decorate


def _keywords(parameters, args):
    """(the arguments that may be positional, the others as keywords, named by the keyword-only parameters in order)."""
    kinds = [parameter.kind for parameter in parameters.values()]
    first = kinds.index(inspect.Parameter.KEYWORD_ONLY)
    given = dict(zip(list(parameters)[first:], args[first:], strict=False))
    if given:
        *names, last = map(repr, given)
        text = f"{', '.join(names)} and {last}" if names else last
        warnings.warn(
            f"Using {text} as positional parameter(s) is deprecated since 0.13 and may be removed in the future. "
            "Please use keyword parameter(s) instead.",
            stacklevel=3,
        )
    return args[:first], given


def _is_weights(given):
    return given is None or isinstance(given, WeightsEnum) or (isinstance(given, str) and given != "legacy")


def _translate(builder, kwargs, name, older, default):
    """Replace True or False, given under the older name or as the weights, by weights or None."""
    if _is_weights(kwargs.get(name)) and name in kwargs:
        return
    by_name = name not in kwargs
    pretrained = kwargs.pop(older) if by_name else kwargs.pop(name)
    kwargs.pop(older, None)
    weights = None
    if pretrained:
        weights = default({**kwargs, older: pretrained}) if callable(default) else default
        if not isinstance(weights, WeightsEnum):
            raise ValueError(f"No weights available for model {builder.__name__}")
    if by_name:
        warnings.warn(
            f"The parameter '{older}' is deprecated since 0.13 and may be removed in the future, please use '{name}' instead.",
            stacklevel=3,
        )
    text = (
        f"Arguments other than a weight enum or `None` for '{name}' are deprecated since 0.13 and may be removed in the future. "
        f"The current behavior is equivalent to passing `{name}={weights}`."
    )
    if pretrained:
        text += f" You can also use `{name}={type(weights).__name__}.DEFAULT` to get the most up-to-date weights."
    warnings.warn(text, stacklevel=3)
    kwargs[name] = weights


def load_weights(model, weights, progress, convert=None):
    """The model with its published weights, if there are any; `convert` changes their state_dict first."""
    if weights is not None:
        state = weights.get_state_dict(progress=progress, check_hash=True)
        model.load_state_dict(convert(state) if convert else state)
    return model


@dataclass
class Family:
    """Makes the builder functions of one family of classifiers, one for each row of a table.

    Args:
        make: called with the row's settings and the caller's keyword arguments; returns the model.
        module: the module where the functions are defined.
        from_weights: parameters that the weights' metadata set, besides num_classes: name -> function of the metadata.
        convert: changes the published state_dict before it is loaded.
        given_weights: function (keyword arguments, weights), called before the model is made, for other settings that
            depend on weights.
    """

    make: Callable
    module: str
    from_weights: Mapping[str, Callable] = field(default_factory=dict)
    convert: Callable | None = None
    given_weights: Callable | None = None

    def __call__(self, name, weights, *args, legacy="IMAGENET1K_V1", fixed=None, **options):
        """The builder function of this name, registered.

        Args:
            weights: the enum of its weights.
            args, options: what `make` is called with; the caller's keyword arguments come after `options`.
            legacy: the member that `pretrained=True` meant; None: there is none.
            fixed: keyword arguments that the caller cannot give another value.
        """

        def builder(*, weights: Enum | None = None, progress: bool = True, **kwargs):
            weights = Enum.verify(weights)
            for parameter, value in (fixed or {}).items():
                overwrite_named_param(kwargs, parameter, value)
            if weights is not None:
                overwrite_named_param(kwargs, "num_classes", len(weights.meta["categories"]))
                for parameter, value in self.from_weights.items():
                    overwrite_named_param(kwargs, parameter, value(weights.meta))
                if self.given_weights:
                    self.given_weights(kwargs)
            return load_weights(self.make(*args, **{**options, **kwargs}), weights, progress, self.convert)

        Enum = weights
        builder.__annotations__ = {"weights": Enum | None, "progress": bool}
        builder.__name__ = builder.__qualname__ = name
        builder.__module__ = self.module
        builder.__doc__ = f"A model {name}; with `weights` of `{Enum.__name__}`, a pretrained one. `kwargs` go to the class of the model."
        default = getattr(Enum, legacy) if legacy else None
        return register_model()(handle_legacy_interface(weights=("pretrained", default))(builder))


@dataclass
class OnBackbone:
    """Makes the builder functions of models that have a backbone.

    Args:
        module: the module where the functions are defined.
        parameters: the functions' parameters in their order, beside `kwargs`.
        classes: the number of classes without weights.
    """

    module: str
    parameters: tuple
    classes: int

    def __call__(
        self, name, weights, backbone, make, legacy, backbone_legacy="IMAGENET1K_V1", untrained=False, after=None
    ):
        """The builder function of this name, registered.

        Args:
            weights, backbone: the enums of the model's weights and of those of its backbone.
            make: function (weights of the model and of the backbone, progress, num_classes, other keyword arguments).
            legacy, backbone_legacy: what `pretrained=True` and `pretrained_backbone=True` meant; `legacy` may be a
                function of the keyword arguments.
            untrained: the backbone has no weights if none are asked for.
            after: called with the model and the weights when these are loaded.
        """
        default = None if untrained else getattr(backbone, backbone_legacy)

        def builder(*, weights=None, progress=True, num_classes=None, weights_backbone=default, **kwargs):
            weights, weights_backbone = enum.verify(weights), backbone.verify(weights_backbone)
            if weights is not None:
                weights_backbone = None
                num_classes = overwrite_value_param("num_classes", num_classes, len(weights.meta["categories"]))
            num_classes = self.classes if num_classes is None else num_classes
            model = load_weights(make(weights, weights_backbone, progress, num_classes, **kwargs), weights, progress)
            if after and weights is not None:
                after(model, weights)
            return model

        enum = weights
        known = {
            "weights": (None, enum | None),
            "progress": (True, bool),
            "weights_backbone": (default, backbone | None),
        }
        keyword = functools.partial(inspect.Parameter, kind=inspect.Parameter.KEYWORD_ONLY)
        shown = []
        for each in self.parameters:
            value, annotation = known.get(each, (None, inspect.Parameter.empty))
            shown.append(keyword(each, default=value, annotation=annotation))
        shown.append(inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD))
        builder.__signature__ = inspect.Signature(shown)
        builder.__name__ = builder.__qualname__ = name
        builder.__module__ = self.module
        builder.__doc__ = (
            f"A model {name}; with `weights` of `{enum.__name__}`, a pretrained one, and with `weights_backbone` of "
            f"`{backbone.__name__}`, one whose backbone is pretrained. `kwargs` go to the class of the model."
        )
        return register_model()(
            handle_legacy_interface(
                weights=("pretrained", legacy),
                weights_backbone=("pretrained_backbone", getattr(backbone, backbone_legacy)),
            )(builder)
        )


def stage_positions(layers):
    """Where the stages of a MobileNet start: at the first layer, each layer with a stride, and the last layer."""
    strided = [i for i, layer in enumerate(layers) if getattr(layer, "_is_cn", False)]
    return [0, *strided, len(layers) - 1]


def fan_out(weight):
    """Kaiming's normal initialisation with variance 2 / fan_out, for layers before a relu."""
    nn.init.kaiming_normal_(weight, mode="fan_out", nonlinearity="relu")


def initialize(model, conv=None, linear=None):
    """Set the initial values of all modules.

    `conv` and `linear` set the weights of these layers (None: they stay), and biases become 0. Batch and group
    normalisations get weight 1 and bias 0."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Conv3d) and conv:
            _set_initial(module, conv)
        elif isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d | nn.GroupNorm):
            _set_initial(module, nn.init.ones_)
        elif isinstance(module, nn.Linear) and linear:
            _set_initial(module, linear)


def _set_initial(module, weight):
    if module.weight is not None:
        weight(module.weight)
    if module.bias is not None:
        nn.init.zeros_(module.bias)


def within_half(x):
    """Images (N, 3, H, W) normalized with ImageNet's mean and deviation, converted to mean 0.5 and deviation 0.5."""
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    channels = [x[:, i].unsqueeze(1) * (std[i] / 0.5) + (mean[i] - 0.5) / 0.5 for i in range(3)]
    return cat(channels, 1)
