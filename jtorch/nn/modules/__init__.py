"""`torch.nn.modules`: the layers, each in the file where PyTorch has it, so that checkpoint files need no table of names.

A new layer is a class in one of these files and its name in that file's `__all__`.
"""

from jtorch.nn.modules import (
    activation,
    adaptive,
    batchnorm,
    channelshuffle,
    container,
    conv,
    distance,
    dropout,
    flatten,
    fold,
    instancenorm,
    lazy,
    linear,
    linear_cross_entropy_options,
    loss,
    module,
    module_pytrees,
    normalization,
    padding,
    pixelshuffle,
    pooling,
    rnn,
    sparse,
    transformer,
    upsampling,
    utils,
)
from jtorch.nn.modules.activation import *
from jtorch.nn.modules.adaptive import *
from jtorch.nn.modules.batchnorm import *
from jtorch.nn.modules.channelshuffle import *
from jtorch.nn.modules.container import *
from jtorch.nn.modules.conv import *
from jtorch.nn.modules.distance import *
from jtorch.nn.modules.dropout import *
from jtorch.nn.modules.flatten import *
from jtorch.nn.modules.fold import *
from jtorch.nn.modules.instancenorm import *
from jtorch.nn.modules.linear import *
from jtorch.nn.modules.linear_cross_entropy_options import *
from jtorch.nn.modules.loss import *
from jtorch.nn.modules.module import Module
from jtorch.nn.modules.normalization import *
from jtorch.nn.modules.padding import *
from jtorch.nn.modules.pixelshuffle import *
from jtorch.nn.modules.pooling import *
from jtorch.nn.modules.rnn import *
from jtorch.nn.modules.sparse import *
from jtorch.nn.modules.transformer import *
from jtorch.nn.modules.upsampling import *

__all__ = [
    "Module",
    *activation.__all__,
    *adaptive.__all__,
    *batchnorm.__all__,
    *channelshuffle.__all__,
    *container.__all__,
    *conv.__all__,
    *distance.__all__,
    *dropout.__all__,
    *flatten.__all__,
    *fold.__all__,
    *instancenorm.__all__,
    *linear.__all__,
    *linear_cross_entropy_options.__all__,
    *loss.__all__,
    *normalization.__all__,
    *padding.__all__,
    *pixelshuffle.__all__,
    *pooling.__all__,
    *rnn.__all__,
    *sparse.__all__,
    *transformer.__all__,
    *upsampling.__all__,
]
