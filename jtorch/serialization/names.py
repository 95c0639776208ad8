"""Names in files: `torch.nn.modules.linear.Linear` in a file is `jtorch.nn.Linear` here, and the other way.

Files carry PyTorch's names only, so that PyTorch reads what is written here. `find` turns a name of a file
into the object that stands for it; `street_name` is its inverse, and gives only names that `find` leads back
from.
"""

from __future__ import annotations

import importlib
import re
from functools import cache, reduce
from types import FunctionType

from jtorch.core.facts import ALL, uint8

# Where PyTorch defines the classes that users know by shorter paths: files name the place of definition.
_DEFINED = """
torch: Size Tensor device Generator
torch.nn.parameter: Buffer Parameter UninitializedBuffer UninitializedParameter
torch.nn.parallel.data_parallel: DataParallel
torch.nn.parallel.distributed: DistributedDataParallel
torch.nn.modules.activation: CELU ELU GELU GLU Hardshrink Hardsigmoid Hardswish Hardtanh LeakyReLU
    LogSigmoid LogSoftmax Mish MultiheadAttention PReLU RReLU ReLU ReLU6 SELU SiLU Sigmoid Softmax Softmax2d
    Softmin Softplus Softshrink Softsign Tanh Tanhshrink Threshold
torch.nn.modules.adaptive: AdaptiveLogSoftmaxWithLoss
torch.nn.modules.batchnorm: BatchNorm1d BatchNorm2d BatchNorm3d LazyBatchNorm1d LazyBatchNorm2d
    LazyBatchNorm3d SyncBatchNorm
torch.nn.modules.channelshuffle: ChannelShuffle
torch.nn.modules.container: ModuleDict ModuleList ParameterDict ParameterList Sequential
torch.nn.modules.conv: Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d LazyConv1d
    LazyConv2d LazyConv3d LazyConvTranspose1d LazyConvTranspose2d LazyConvTranspose3d
torch.nn.modules.distance: CosineSimilarity PairwiseDistance
torch.nn.modules.dropout: AlphaDropout Dropout Dropout1d Dropout2d Dropout3d FeatureAlphaDropout
torch.nn.modules.flatten: Flatten Unflatten
torch.nn.modules.fold: Fold Unfold
torch.nn.modules.instancenorm: InstanceNorm1d InstanceNorm2d InstanceNorm3d LazyInstanceNorm1d
    LazyInstanceNorm2d LazyInstanceNorm3d
torch.nn.modules.linear: Bilinear Identity LazyLinear Linear NonDynamicallyQuantizableLinear
torch.nn.modules.loss: BCELoss BCEWithLogitsLoss CTCLoss CosineEmbeddingLoss CrossEntropyLoss
    GaussianNLLLoss HingeEmbeddingLoss HuberLoss KLDivLoss L1Loss LinearCrossEntropyLoss MSELoss
    MarginRankingLoss MultiLabelMarginLoss MultiLabelSoftMarginLoss MultiMarginLoss NLLLoss NLLLoss2d
    PoissonNLLLoss SmoothL1Loss SoftMarginLoss TripletMarginLoss TripletMarginWithDistanceLoss
torch.nn.modules.module: Module
torch.nn.modules.normalization: CrossMapLRN2d GroupNorm LayerNorm LocalResponseNorm RMSNorm
torch.nn.modules.padding: CircularPad1d CircularPad2d CircularPad3d ConstantPad1d ConstantPad2d
    ConstantPad3d ReflectionPad1d ReflectionPad2d ReflectionPad3d ReplicationPad1d ReplicationPad2d
    ReplicationPad3d ZeroPad1d ZeroPad2d ZeroPad3d
torch.nn.modules.pixelshuffle: PixelShuffle PixelUnshuffle
torch.nn.modules.pooling: AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool1d
    AdaptiveMaxPool2d AdaptiveMaxPool3d AvgPool1d AvgPool2d AvgPool3d FractionalMaxPool2d
    FractionalMaxPool3d LPPool1d LPPool2d LPPool3d MaxPool1d MaxPool2d MaxPool3d MaxUnpool1d MaxUnpool2d
    MaxUnpool3d
torch.nn.modules.rnn: GRU GRUCell LSTM LSTMCell RNN RNNBase RNNCell RNNCellBase
torch.nn.modules.sparse: Embedding EmbeddingBag
torch.nn.modules.transformer: Transformer TransformerDecoder TransformerDecoderLayer TransformerEncoder
    TransformerEncoderLayer
torch.nn.modules.upsampling: Upsample UpsamplingBilinear2d UpsamplingNearest2d
torch.nn.utils.rnn: PackedSequence
torch.nn.utils.spectral_norm: SpectralNorm SpectralNormLoadStateDictPreHook SpectralNormStateDictHook
torch.nn.utils.weight_norm: WeightNorm
torch.optim: Adafactor Muon
torch.optim.optimizer: Optimizer
torch.optim.adadelta: Adadelta
torch.optim.adagrad: Adagrad
torch.optim.adam: Adam
torch.optim.adamax: Adamax
torch.optim.adamw: AdamW
torch.optim.asgd: ASGD
torch.optim.lbfgs: LBFGS
torch.optim.nadam: NAdam
torch.optim.radam: RAdam
torch.optim.rmsprop: RMSprop
torch.optim.rprop: Rprop
torch.optim.sgd: SGD
torch.optim.sparse_adam: SparseAdam
torch.optim.lr_scheduler: ChainedScheduler ConstantLR CosineAnnealingLR CosineAnnealingWarmRestarts CyclicLR
    ExponentialLR LRScheduler LambdaLR LinearLR MultiStepLR MultiplicativeLR OneCycleLR PolynomialLR
    ReduceLROnPlateau SequentialLR StepLR
torch.optim.swa_utils: AveragedModel SWALR
torch.utils.data.dataloader: DataLoader
torch.utils.data.dataset: ChainDataset ConcatDataset Dataset IterableDataset StackDataset Subset
    TensorDataset
torch.utils.data.distributed: DistributedSampler
torch.utils.data.sampler: BatchSampler RandomSampler Sampler SequentialSampler SubsetRandomSampler
    WeightedRandomSampler
torch.distributions.transforms: AbsTransform AffineTransform CatTransform ComposeTransform
    CorrCholeskyTransform CumulativeDistributionTransform ExpTransform IndependentTransform
    LowerCholeskyTransform PositiveDefiniteTransform PowerTransform ReshapeTransform SigmoidTransform
    SoftmaxTransform SoftplusTransform StackTransform StickBreakingTransform TanhTransform Transform
torch.distributions.exp_family: ExponentialFamily
torch.distributions.fishersnedecor: FisherSnedecor
torch.distributions.lkj_cholesky: LKJCholesky
torch.distributions.lowrank_multivariate_normal: LowRankMultivariateNormal
torch.distributions.one_hot_categorical: OneHotCategorical OneHotCategoricalStraightThrough
torch.distributions.relaxed_categorical: RelaxedOneHotCategorical
torch.distributions.studentT: StudentT
"""
# Each of these is defined in the file of its own name: torch.distributions.log_normal.LogNormal.
_DISTRIBUTIONS = """
    Bernoulli Beta Binomial Categorical Cauchy Chi2 ContinuousBernoulli Dirichlet Distribution Exponential
    Gamma GeneralizedPareto Geometric Gumbel HalfCauchy HalfNormal Independent InverseGamma Kumaraswamy
    Laplace LogisticNormal LogNormal MixtureSameFamily Multinomial MultivariateNormal NegativeBinomial
    Normal Pareto Poisson RelaxedBernoulli TransformedDistribution Uniform VonMises Weibull Wishart
"""

_QUANTIZED_STORAGES = "QInt8 QInt32 QUInt8 QUInt4x2 QUInt2x4".split()
_STORAGES = [f"{n}Storage" for n in _QUANTIZED_STORAGES] + [d.storage_name for d in ALL if not d.limited]
_QUANTIZED = (
    "per_tensor_affine per_tensor_symmetric per_channel_affine per_channel_symmetric per_channel_affine_float_qparams"
).split()
_FOREIGN_DTYPES = (
    "qint8 qint32 quint8 quint4x2 quint2x4 float8_e5m2fnuz float8_e4m3fnuz float8_e8m0fnu float4_e2m1fn_x2"
    " bits4x2 bits8 bits16 bits2x4 bits1x8 uint1 uint2 uint3 uint4 uint5 uint6 uint7 int1 int2 int3 int4 int5"
    " int6 int7"
).split()


class Missing:
    """Something PyTorch has and jtorch has not: a name in a file may lead here, use of it may not."""

    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return self.name

    def __call__(self, *args, **kwargs):
        raise NotImplementedError(f"jtorch has no {self.name}, which this file needs")


class StorageType:
    """What `torch.FloatStorage` stands for in a file: an element type."""

    def __init__(self, name):
        self._dtype = _storage_dtypes()[name]
        self.name = name

    @property
    def dtype(self):
        if isinstance(self._dtype, Missing):
            self._dtype()  # raises
        return self._dtype

    def __str__(self):
        return f"StorageType(dtype={self.dtype})"

    def __reduce__(self):
        return storage_type, (self.name,)


@cache
def _storage_dtypes():
    known = {d.storage_name: d for d in ALL}
    return {n: known.get(n) or Missing(f"torch.{n.removesuffix('Storage').lower()}") for n in _STORAGES}


@cache
def storage_type(name: str) -> StorageType:
    """The one object for `torch.<name>`. Raises KeyError where PyTorch has no such storage."""
    return StorageType(name)


class UntypedStorage:
    """What `torch.storage.UntypedStorage` stands for in a file: bytes, whose dtype the tensor brings."""

    dtype = uint8


class _TopLevel:
    """The holder of PyTorch's built-in functions, which files name as `getattr(holder, "tanh")`."""

    def __getattr__(self, name):
        try:
            return getattr(_module("jtorch"), name)
        except AttributeError:
            message = f"type object 'torch._C._VariableFunctions' has no attribute '{name}'"
            raise AttributeError(message) from None


_special: dict[tuple[str, str], object] = {}  # names that are no attribute of a module of jtorch
_street: dict[int, tuple[str, str]] = {}  # the way back, by id; the objects live as long as this module


def register(module: str, name: str, obj) -> None:
    """Let a file's `module.name` stand for `obj`, and `obj` be written under that name."""
    _special[module, name] = obj
    _street[id(obj)] = (module, name)


def _register_facts():
    for name in _STORAGES:
        _special["torch.cuda", name] = storage_type(name)
        register("torch", name, storage_type(name))
    register("torch.storage", "UntypedStorage", UntypedStorage)
    _special["torch", "UntypedStorage"] = UntypedStorage
    register("torch._C", "_VariableFunctionsClass", _TopLevel())
    for name in (*_FOREIGN_DTYPES, *_QUANTIZED):
        register("torch", name, Missing(f"torch.{name}"))
    for d in ALL:
        register("torch", d.name, d)


def _read_table():
    table = {}
    for place, names in re.findall(r"^(\S+): (.*)$", _DEFINED.replace("\n    ", " "), re.MULTILINE):
        table |= dict.fromkeys(names.split(), place)
    for name in _DISTRIBUTIONS.split():
        snake = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
        table[name] = f"torch.distributions.{snake}"
    return table


PLACES: dict[str, str] = _read_table()  # class name -> the module in which PyTorch defines it
# Modules whose names differ, and builtins that have a module of their own over there.
_MOVED = {
    "torch._tensor": "jtorch",
    "torch.tensor": "jtorch",
    "torch._C": "jtorch",
    "torch._C._nn": "jtorch.nn.functional",
}
_register_facts()


def plain_globals() -> dict[str, object]:
    """Path in a file -> object, for the storage types, and the dtypes and schemes that jtorch has not."""
    return {
        f"{module}.{name}": obj
        for (module, name), obj in _special.items()
        if isinstance(obj, StorageType) or (isinstance(obj, Missing) and module == "torch")
    }


@cache
def _module(path):
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError as error:
        if error.name and path.startswith(error.name):
            return None
        raise


def is_ours(module: str) -> bool:
    """Whether a module name in a file is one of PyTorch's."""
    return module == "torch" or module.startswith("torch.")


def find(module: str, name: str):
    """The object that stands for PyTorch's `module.name`.

    A class may live in a shorter module here than there: `torch.nn.modules.linear.Linear` is found as
    `jtorch.nn.Linear`. Functions and constants must be where their name says.

    Raises:
        NotImplementedError: a class of PyTorch that jtorch has not.
        ModuleNotFoundError, AttributeError: a name that PyTorch has not, either.
    """
    if (module, name) in _special:
        return _special[module, name]
    if (module, name) == ("torch._C", "TensorBase"):
        return find("torch", "Tensor")
    path = _MOVED.get(module, "jtorch" + module[len("torch") :])
    exact = _module(path)
    found = _lookup(exact, name)
    if found is not None:
        return found
    while "." in path:
        path = path.rpartition(".")[0]
        found = _lookup(_module(path), name)
        if isinstance(found, type):
            return found
    if PLACES.get(name) == module:
        raise NotImplementedError(f"{module}.{name}, which this file needs, is not in jtorch")
    if exact is None:
        raise ModuleNotFoundError(f"No module named '{module}'", name=module)
    raise AttributeError(f"Can't get attribute '{name}' on <module '{module}'>")


def _lookup(module, name):
    try:
        return None if module is None else reduce(getattr, name.split("."), module)
    except AttributeError:
        return None


def street_name(obj) -> tuple[str, str] | None:
    """PyTorch's (module, name) for an object of jtorch; None for anything else, which keeps its own name."""
    if id(obj) in _street:
        return _street[id(obj)]
    name = getattr(obj, "__qualname__", None)
    home = getattr(obj, "__module__", None)
    if not isinstance(home, str) or not isinstance(name, str):
        return None
    if home.partition(".")[0] not in ("jtorch", "torch"):
        return None
    if isinstance(obj, type):
        places = [PLACES.get(name), home if is_ours(home) else None]
    else:
        places = ["torch.nn.functional", "torch", "torch.nn.init", "torch.linalg", "torch.special"]
    return next(((p, name) for p in places if p and leads_to(p, name, obj)), None)


def leads_to(module: str, name: str, obj) -> bool:
    """Whether a file's `module.name` would be read as this very object."""
    try:
        return find(module, name) is obj
    except (AttributeError, ImportError, NotImplementedError):
        return False


def is_named(obj) -> bool:
    """Whether an object travels by its name and not by its content."""
    return id(obj) in _street or isinstance(obj, (type, FunctionType))
