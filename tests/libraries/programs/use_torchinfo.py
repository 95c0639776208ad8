"""the summary of a convolutional network, a recurrent one, and a transformer"""

from collections import OrderedDict

import torch
from torch import nn
from torchinfo import summary

torch.manual_seed(0)
net = nn.Sequential(
    OrderedDict(
        conv=nn.Conv2d(1, 8, 3), norm=nn.BatchNorm2d(8), act=nn.ReLU(), flat=nn.Flatten(), out=nn.Linear(8 * 36, 10)
    )
)
print(
    summary(net, input_size=(4, 1, 8, 8), verbose=0, col_names=("input_size", "output_size", "num_params", "mult_adds"))
)
print(summary(nn.LSTM(5, 7, 2), input_size=(3, 2, 5), verbose=0))
print(
    summary(
        nn.TransformerEncoderLayer(16, 4, 32, batch_first=True).eval(),
        input_data=torch.randn(2, 5, 16),
        depth=3,
        verbose=0,
    )
)
print(summary(net, verbose=0).total_params)
