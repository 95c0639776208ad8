# Written by docs/make_stubs.py; do not edit.
from __future__ import annotations

import builtins
from collections.abc import Iterator, Sequence
from typing import Any, Literal, overload

from jtorch.core.tensor.tensor import Tensor
from jtorch.nn import activation as activation
from jtorch.nn import attention as attention
from jtorch.nn import classify as classify
from jtorch.nn import container as container
from jtorch.nn import conv as conv
from jtorch.nn import distance as distance
from jtorch.nn import dropout as dropout
from jtorch.nn import embedding as embedding
from jtorch.nn import flatten as flatten
from jtorch.nn import functional as functional
from jtorch.nn import hooks as hooks
from jtorch.nn import init as init
from jtorch.nn import lazy as lazy
from jtorch.nn import linear as linear
from jtorch.nn import loss as loss
from jtorch.nn import margin as margin
from jtorch.nn import module as module
from jtorch.nn import modules as modules
from jtorch.nn import moving as moving
from jtorch.nn import multihead as multihead
from jtorch.nn import norm as norm
from jtorch.nn import packing as packing
from jtorch.nn import padding as padding
from jtorch.nn import parallel as parallel
from jtorch.nn import parameter as parameter
from jtorch.nn import pool as pool
from jtorch.nn import rnn as rnn
from jtorch.nn import state as state
from jtorch.nn import transformer as transformer
from jtorch.nn import unpool as unpool
from jtorch.nn import upsample as upsample
from jtorch.nn import utils as utils
from jtorch.nn.activation import CELU as CELU
from jtorch.nn.activation import ELU as ELU
from jtorch.nn.activation import GELU as GELU
from jtorch.nn.activation import GLU as GLU
from jtorch.nn.activation import Hardshrink as Hardshrink
from jtorch.nn.activation import Hardsigmoid as Hardsigmoid
from jtorch.nn.activation import Hardswish as Hardswish
from jtorch.nn.activation import Hardtanh as Hardtanh
from jtorch.nn.activation import LeakyReLU as LeakyReLU
from jtorch.nn.activation import LogSigmoid as LogSigmoid
from jtorch.nn.activation import LogSoftmax as LogSoftmax
from jtorch.nn.activation import Mish as Mish
from jtorch.nn.activation import PReLU as PReLU
from jtorch.nn.activation import RReLU as RReLU
from jtorch.nn.activation import ReLU as ReLU
from jtorch.nn.activation import ReLU6 as ReLU6
from jtorch.nn.activation import SELU as SELU
from jtorch.nn.activation import SiLU as SiLU
from jtorch.nn.activation import Sigmoid as Sigmoid
from jtorch.nn.activation import Softmax as Softmax
from jtorch.nn.activation import Softmax2d as Softmax2d
from jtorch.nn.activation import Softmin as Softmin
from jtorch.nn.activation import Softplus as Softplus
from jtorch.nn.activation import Softshrink as Softshrink
from jtorch.nn.activation import Softsign as Softsign
from jtorch.nn.activation import Tanh as Tanh
from jtorch.nn.activation import Tanhshrink as Tanhshrink
from jtorch.nn.activation import Threshold as Threshold
from jtorch.nn.classify import AdaptiveLogSoftmaxWithLoss as AdaptiveLogSoftmaxWithLoss
from jtorch.nn.classify import LinearCrossEntropyLoss as LinearCrossEntropyLoss
from jtorch.nn.classify import LinearCrossEntropyOptions as LinearCrossEntropyOptions
from jtorch.nn.container import Container as Container
from jtorch.nn.container import ModuleDict as ModuleDict
from jtorch.nn.container import ModuleList as ModuleList
from jtorch.nn.container import ParameterDict as ParameterDict
from jtorch.nn.container import ParameterList as ParameterList
from jtorch.nn.container import Sequential as Sequential
from jtorch.nn.conv import Conv1d as Conv1d
from jtorch.nn.conv import Conv2d as Conv2d
from jtorch.nn.conv import Conv3d as Conv3d
from jtorch.nn.conv import ConvTranspose1d as ConvTranspose1d
from jtorch.nn.conv import ConvTranspose2d as ConvTranspose2d
from jtorch.nn.conv import ConvTranspose3d as ConvTranspose3d
from jtorch.nn.distance import CosineSimilarity as CosineSimilarity
from jtorch.nn.distance import PairwiseDistance as PairwiseDistance
from jtorch.nn.dropout import AlphaDropout as AlphaDropout
from jtorch.nn.dropout import Dropout as Dropout
from jtorch.nn.dropout import Dropout1d as Dropout1d
from jtorch.nn.dropout import Dropout2d as Dropout2d
from jtorch.nn.dropout import Dropout3d as Dropout3d
from jtorch.nn.dropout import FeatureAlphaDropout as FeatureAlphaDropout
from jtorch.nn.embedding import Embedding as Embedding
from jtorch.nn.embedding import EmbeddingBag as EmbeddingBag
from jtorch.nn.flatten import Flatten as Flatten
from jtorch.nn.flatten import Unflatten as Unflatten
from jtorch.nn.lazy import LazyLinear as LazyLinear
from jtorch.nn.lazy import LazyModuleMixin as LazyModuleMixin
from jtorch.nn.linear import Bilinear as Bilinear
from jtorch.nn.linear import Identity as Identity
from jtorch.nn.linear import Linear as Linear
from jtorch.nn.linear import NonDynamicallyQuantizableLinear as NonDynamicallyQuantizableLinear
from jtorch.nn.loss import BCELoss as BCELoss
from jtorch.nn.loss import BCEWithLogitsLoss as BCEWithLogitsLoss
from jtorch.nn.loss import CrossEntropyLoss as CrossEntropyLoss
from jtorch.nn.loss import HuberLoss as HuberLoss
from jtorch.nn.loss import KLDivLoss as KLDivLoss
from jtorch.nn.loss import L1Loss as L1Loss
from jtorch.nn.loss import MSELoss as MSELoss
from jtorch.nn.loss import NLLLoss as NLLLoss
from jtorch.nn.loss import NLLLoss2d as NLLLoss2d
from jtorch.nn.loss import SmoothL1Loss as SmoothL1Loss
from jtorch.nn.margin import CTCLoss as CTCLoss
from jtorch.nn.margin import CosineEmbeddingLoss as CosineEmbeddingLoss
from jtorch.nn.margin import GaussianNLLLoss as GaussianNLLLoss
from jtorch.nn.margin import HingeEmbeddingLoss as HingeEmbeddingLoss
from jtorch.nn.margin import MarginRankingLoss as MarginRankingLoss
from jtorch.nn.margin import MultiLabelMarginLoss as MultiLabelMarginLoss
from jtorch.nn.margin import MultiLabelSoftMarginLoss as MultiLabelSoftMarginLoss
from jtorch.nn.margin import MultiMarginLoss as MultiMarginLoss
from jtorch.nn.margin import PoissonNLLLoss as PoissonNLLLoss
from jtorch.nn.margin import SoftMarginLoss as SoftMarginLoss
from jtorch.nn.margin import TripletMarginLoss as TripletMarginLoss
from jtorch.nn.margin import TripletMarginWithDistanceLoss as TripletMarginWithDistanceLoss
from jtorch.nn.module import Module as Module
from jtorch.nn.multihead import MultiheadAttention as MultiheadAttention
from jtorch.nn.norm import BatchNorm1d as BatchNorm1d
from jtorch.nn.norm import BatchNorm2d as BatchNorm2d
from jtorch.nn.norm import BatchNorm3d as BatchNorm3d
from jtorch.nn.norm import CrossMapLRN2d as CrossMapLRN2d
from jtorch.nn.norm import GroupNorm as GroupNorm
from jtorch.nn.norm import InstanceNorm1d as InstanceNorm1d
from jtorch.nn.norm import InstanceNorm2d as InstanceNorm2d
from jtorch.nn.norm import InstanceNorm3d as InstanceNorm3d
from jtorch.nn.norm import LayerNorm as LayerNorm
from jtorch.nn.norm import LocalResponseNorm as LocalResponseNorm
from jtorch.nn.norm import RMSNorm as RMSNorm
from jtorch.nn.norm import SyncBatchNorm as SyncBatchNorm
from jtorch.nn.parallel import DataParallel as DataParallel
from jtorch.nn.parameter import Buffer as Buffer
from jtorch.nn.parameter import Parameter as Parameter
from jtorch.nn.parameter import UninitializedBuffer as UninitializedBuffer
from jtorch.nn.parameter import UninitializedParameter as UninitializedParameter
from jtorch.nn.pool import AdaptiveAvgPool1d as AdaptiveAvgPool1d
from jtorch.nn.pool import AdaptiveAvgPool2d as AdaptiveAvgPool2d
from jtorch.nn.pool import AdaptiveAvgPool3d as AdaptiveAvgPool3d
from jtorch.nn.pool import AdaptiveMaxPool1d as AdaptiveMaxPool1d
from jtorch.nn.pool import AdaptiveMaxPool2d as AdaptiveMaxPool2d
from jtorch.nn.pool import AdaptiveMaxPool3d as AdaptiveMaxPool3d
from jtorch.nn.pool import AvgPool1d as AvgPool1d
from jtorch.nn.pool import AvgPool2d as AvgPool2d
from jtorch.nn.pool import AvgPool3d as AvgPool3d
from jtorch.nn.pool import MaxPool1d as MaxPool1d
from jtorch.nn.pool import MaxPool2d as MaxPool2d
from jtorch.nn.pool import MaxPool3d as MaxPool3d
from jtorch.nn.rnn import GRU as GRU
from jtorch.nn.rnn import GRUCell as GRUCell
from jtorch.nn.rnn import LSTM as LSTM
from jtorch.nn.rnn import LSTMCell as LSTMCell
from jtorch.nn.rnn import RNN as RNN
from jtorch.nn.rnn import RNNBase as RNNBase
from jtorch.nn.rnn import RNNCell as RNNCell
from jtorch.nn.rnn import RNNCellBase as RNNCellBase
from jtorch.nn.transformer import Transformer as Transformer
from jtorch.nn.transformer import TransformerDecoder as TransformerDecoder
from jtorch.nn.transformer import TransformerDecoderLayer as TransformerDecoderLayer
from jtorch.nn.transformer import TransformerEncoder as TransformerEncoder
from jtorch.nn.transformer import TransformerEncoderLayer as TransformerEncoderLayer
from jtorch.nn.unpool import FractionalMaxPool2d as FractionalMaxPool2d
from jtorch.nn.unpool import FractionalMaxPool3d as FractionalMaxPool3d
from jtorch.nn.upsample import ChannelShuffle as ChannelShuffle
from jtorch.nn.upsample import Fold as Fold
from jtorch.nn.upsample import PixelShuffle as PixelShuffle
from jtorch.nn.upsample import PixelUnshuffle as PixelUnshuffle
from jtorch.nn.upsample import Unfold as Unfold
from jtorch.nn.upsample import Upsample as Upsample
from jtorch.nn.upsample import UpsamplingBilinear2d as UpsamplingBilinear2d
from jtorch.nn.upsample import UpsamplingNearest2d as UpsamplingNearest2d

CircularPad1d: Any
CircularPad2d: Any
CircularPad3d: Any
ConstantPad1d: Any
ConstantPad2d: Any
ConstantPad3d: Any
LPPool1d: Any
LPPool2d: Any
LPPool3d: Any
LazyBatchNorm1d: Any
LazyBatchNorm2d: Any
LazyBatchNorm3d: Any
LazyConv1d: Any
LazyConv2d: Any
LazyConv3d: Any
LazyConvTranspose1d: Any
LazyConvTranspose2d: Any
LazyConvTranspose3d: Any
LazyInstanceNorm1d: Any
LazyInstanceNorm2d: Any
LazyInstanceNorm3d: Any
MaxUnpool1d: Any
MaxUnpool2d: Any
MaxUnpool3d: Any
ReflectionPad1d: Any
ReflectionPad2d: Any
ReflectionPad3d: Any
ReplicationPad1d: Any
ReplicationPad2d: Any
ReplicationPad3d: Any
ZeroPad1d: Any
ZeroPad2d: Any
ZeroPad3d: Any
def gelu(input: Tensor, approximate: str = 'none', *, out: Any = None) -> Tensor: ...
def relu(input: Tensor, *, out: Any = None) -> Tensor: ...
def sigmoid(input: Tensor, *, out: Any = None) -> Tensor: ...
def tanh(input: Tensor, *, out: Any = None) -> Tensor: ...
