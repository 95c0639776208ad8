"""The cases of the random streams' parity tests: expressions for PyTorch, and expressions for a `RandomStream` S.

Plain text: the left column runs under PyTorch, the right one under jtorch.
"""

import hashlib
import math

import ml_dtypes
import numpy as np

from jtorch.core.streams.stream import RandomStream
from tests.rows import Table, seen

SEEDS = (0, 42)

# PyTorch's expression: the stream's
DRAWS = {
    "torch.rand(5)": "S.uniform((5,), f32)",
    "torch.rand(3,4)": "S.uniform((3, 4), f32)",
    "torch.rand(())": "S.uniform((), f32)",
    "torch.rand(1000)": "S.uniform((1000,), f32)",
    "torch.rand(100000)": "S.uniform((100000,), f32)",
    "torch.rand(7,dtype=torch.float64)": "S.uniform((7,), f64)",
    "torch.rand(9,dtype=torch.float16)": "S.uniform((9,), f16)",
    "torch.rand(4000,dtype=torch.float16)": "S.uniform((4000,), f16)",
    "torch.rand(9,dtype=torch.bfloat16)": "S.uniform((9,), bf16)",
    "torch.rand(4000,dtype=torch.bfloat16)": "S.uniform((4000,), bf16)",
    "torch.rand(4,dtype=torch.complex64)": "S.uniform((4,), c64)",
    "torch.empty(3,2,dtype=torch.complex128).t().uniform_(-1,3)":
        "S.uniform((2, 3), c128, -1, 3, strides=(1, 2))",
    "torch.empty(50).uniform_(-1,1)": "S.uniform((50,), f32, -1, 1)",
    "torch.empty(50).uniform_(-0.1,0.1)": "S.uniform((50,), f32, -0.1, 0.1)",
    "torch.empty(50000).uniform_(-0.017,0.017)": "S.uniform((50000,), f32, -0.017, 0.017)",
    "torch.empty(50).uniform_(3,7.5)": "S.uniform((50,), f32, 3, 7.5)",
    "torch.empty(50).uniform_(-1e-40,1e-40)": "S.uniform((50,), f32, -1e-40, 1e-40)",
    "torch.empty(50).uniform_(2,2)": "S.uniform((50,), f32, 2, 2)",
    "torch.empty(50,dtype=torch.float64).uniform_(-0.1,0.1)": "S.uniform((50,), f64, -0.1, 0.1)",
    "torch.empty(50,dtype=torch.float64).uniform_(1e-300,2e-300)": "S.uniform((50,), f64, 1e-300, 2e-300)",
    "torch.empty(50,dtype=torch.float16).uniform_(1,1.01)": "S.uniform((50,), f16, 1, 1.01)",
    "torch.empty(6,4).t().uniform_()": "S.uniform((4, 6), f32, strides=(1, 4))",
    "torch.empty(2,3,4,5).permute(2,0,3,1).uniform_()":
        "S.uniform((4, 2, 5, 3), f32, strides=(5, 60, 1, 20))",
    "torch.empty(6,8)[::2,1::3].uniform_()": "S.uniform((3, 3), f32, strides=(16, 3))",
    "torch.rand_like(torch.zeros(3,4).t())": "S.uniform((4, 3), f32, strides=(1, 4))",
    "torch.randn(1)": "S.normal((1,), f32)",
    "torch.randn(2)": "S.normal((2,), f32)",
    "torch.randn(3)": "S.normal((3,), f32)",
    "torch.randn(15)": "S.normal((15,), f32)",
    "torch.randn(16)": "S.normal((16,), f32)",
    "torch.randn(17)": "S.normal((17,), f32)",
    "torch.randn(20)": "S.normal((20,), f32)",
    "torch.randn(31)": "S.normal((31,), f32)",
    "torch.randn(32)": "S.normal((32,), f32)",
    "torch.randn(70001)": "S.normal((70001,), f32)",
    "torch.randn(3,dtype=torch.float64)": "S.normal((3,), f64)",
    "torch.randn(40,dtype=torch.float64)": "S.normal((40,), f64)",
    "torch.randn(5,dtype=torch.bfloat16)": "S.normal((5,), bf16)",
    "torch.randn(33,dtype=torch.bfloat16)": "S.normal((33,), bf16)",
    "torch.randn(33,dtype=torch.float16)": "S.normal((33,), f16)",
    "torch.randn(10,dtype=torch.complex64)": "S.normal((10,), c64)",
    "torch.randn(5,dtype=torch.complex128)": "S.normal((5,), c128)",
    "torch.cat([torch.randn(3),torch.randn(20),torch.randn(2)])":
        "np.concatenate([S.normal((3,), f32), S.normal((20,), f32), S.normal((2,), f32)])",
    "torch.empty(100).normal_(2,3)": "S.normal((100,), f32, 2, 3)",
    "torch.empty(50000).normal_(-0.3,1.7)": "S.normal((50000,), f32, -0.3, 1.7)",
    "torch.empty(10).normal_(2,.3)": "S.normal((10,), f32, 2, 0.3)",
    "torch.empty(30).normal_(0,0.02)": "S.normal((30,), f32, 0, 0.02)",
    "torch.empty(30,dtype=torch.float64).normal_(-.7,.02)": "S.normal((30,), f64, -0.7, 0.02)",
    "torch.empty(11,dtype=torch.float64).normal_(1e-310,1e-310)": "S.normal((11,), f64, 1e-310, 1e-310)",
    "torch.empty(4).normal_(0,float('inf'))": "S.normal((4,), f32, 0, math.inf)",
    "torch.empty(20).normal_(3,0)": "S.normal((20,), f32, 3, 0)",
    "torch.empty(40,2)[:,0].normal_()": "S.normal((40,), f32, strides=(2,))",
    "torch.randn_like(torch.zeros(4,5).t())": "S.normal((5, 4), f32, strides=(1, 5))",
    "torch.randn_like(torch.zeros(5,5))": "S.normal((5, 5), f32, strides=(5, 1))",
    "torch.normal(1.,2.,(3,4))": "S.normal((3, 4), f32, 1, 2)",
    "torch.normal(torch.arange(20.),torch.linspace(.1,2,20))":
        "S.normal((20,), f32) * LIN(0.1, 2, 20) + np.arange(20, dtype=f32)",
    "torch.randint(0,10,(20,))": "S.random((20,), i64, 0, 10)",
    "torch.randint(-5,5,(4,5))": "S.random((4, 5), i64, -5, 5)",
    "torch.randint(0,64,(20,))": "S.random((20,), i64, 0, 64)",
    "torch.randint(0,2**28,(10,))": "S.random((10,), i64, 0, 2**28)",
    "torch.randint(0,2**28-1,(10,))": "S.random((10,), i64, 0, 2**28 - 1)",
    "torch.randint(-2**62,2**62,(10,))": "S.random((10,), i64, -2**62, 2**62)",
    "torch.randint(0,256,(10,),dtype=torch.uint8)": "S.random((10,), u8, 0, 256)",
    "torch.randint(0,100,(10,),dtype=torch.float32)": "S.random((10,), f32, 0, 100)",
    "torch.randint_like(torch.zeros(4,5),0,50)": "S.random((4, 5), f32, 0, 50)",
    "torch.empty(8,dtype=torch.int64).random_(5)": "S.random((8,), i64, 0, 5)",
    "torch.empty(8,dtype=torch.int64).random_(5,None)": "S.random((8,), i64, 5)",
    "torch.empty(8,dtype=torch.int64).random_(-2**63,None)": "S.random((8,), i64, -2**63)",
    "torch.empty(8,dtype=torch.float16).random_(0,2049)": "S.random((8,), f16, 0, 2049)",
    "torch.empty(8).random_(3,None)": "S.random((8,), f32, 3)",
    "torch.empty(8).random_()": "S.random((8,), f32)",
    "torch.empty(8,dtype=torch.float64).random_()": "S.random((8,), f64)",
    "torch.empty(8,dtype=torch.float16).random_()": "S.random((8,), f16)",
    "torch.empty(8,dtype=torch.bfloat16).random_()": "S.random((8,), bf16)",
    "torch.empty(8,dtype=torch.int64).random_()": "S.random((8,), i64)",
    "torch.empty(8,dtype=torch.int32).random_()": "S.random((8,), i32)",
    "torch.empty(8,dtype=torch.int8).random_()": "S.random((8,), i8)",
    "torch.empty(8,dtype=torch.uint8).random_()": "S.random((8,), u8)",
    "torch.empty(8,dtype=torch.bool).random_()": "S.random((8,), bool)",
    "torch.empty((),dtype=torch.int64).random_()": "np.array(S.base_seed())",
    "torch.empty(40).bernoulli_()": "S.bernoulli((40,), f32)",
    "torch.empty(40).bernoulli_(0.3)": "S.bernoulli((40,), f32, 0.3)",
    "torch.empty(40,dtype=torch.bool).bernoulli_(0.5)": "S.bernoulli((40,), bool, 0.5)",
    "torch.empty(40,dtype=torch.int16).bernoulli_(1)": "S.bernoulli((40,), i16, 1)",
    "torch.bernoulli(torch.zeros(20),p=0.4)": "S.bernoulli((20,), f32, 0.4)",
    "torch.bernoulli(torch.linspace(0,1,40))": "S.bernoulli((40,), f32, LIN(0, 1, 40))",
    "torch.bernoulli(torch.linspace(0,1,40,dtype=torch.float64))":
        "S.bernoulli((40,), f64, np.linspace(0, 1, 40))",
    "torch.empty(5,4).t().bernoulli_(torch.linspace(0,1,5))":
        "S.bernoulli((4, 5), f32, LIN(0, 1, 5), strides=(1, 4))",
    "torch.empty(20).exponential_()": "S.exponential((20,), f32)",
    "torch.empty(50000).exponential_(1.7)": "S.exponential((50000,), f32, 1.7)",
    "torch.empty(20,dtype=torch.float64).exponential_(0.5)": "S.exponential((20,), f64, 0.5)",
    "torch.empty(20,dtype=torch.bfloat16).exponential_()": "S.exponential((20,), bf16)",
    "torch.empty(20).geometric_(0.3)": "S.geometric((20,), f32, 0.3)",
    "torch.empty(20,dtype=torch.uint8).geometric_(0.01)": "S.geometric((20,), u8, 0.01)",
    "torch.empty(20).cauchy_()": "S.cauchy((20,), f32)",
    "torch.empty(50,dtype=torch.float64).cauchy_(2,.3)": "S.cauchy((50,), f64, 2, 0.3)",
    "torch.empty(20).log_normal_()": "S.log_normal((20,), f32)",
    "torch.empty(21,dtype=torch.float64).log_normal_(.2,.7)": "S.log_normal((21,), f64, 0.2, 0.7)",
    "torch.empty(3).log_normal_(1000,1)": "S.log_normal((3,), f32, 1000, 1)",
    "torch.poisson(torch.linspace(0,30,20))": "S.poisson(LIN(0, 30, 20))",
    "torch.poisson(torch.full((300,),1000.,dtype=torch.float64))": "S.poisson(np.full(300, 1000.0))",
    "torch.randperm(1)": "S.randperm(1)",
    "torch.randperm(2)": "S.randperm(2)",
    "torch.randperm(10)": "S.randperm(10)",
    "torch.randperm(100)": "S.randperm(100)",
    "torch.randperm(60000)": "S.randperm(60000)",
    "torch.randperm(20,dtype=torch.int32)": "S.randperm(20, i32)",
    "torch.randperm(2049,dtype=torch.float16)": "S.randperm(2049, f16)",
    "torch.multinomial(torch.tensor([.1,.2,.3,.4]),1)": "S.multinomial(ROW, 1)",
    "torch.multinomial(torch.tensor([.1,.2,.3,.4]),1,True)": "S.multinomial(ROW, 1, True)",
    "torch.multinomial(torch.tensor([.1,.2,.3,.4]),3)": "S.multinomial(ROW, 3)",
    "torch.multinomial(torch.tensor([.1,.2,.3,.4]),10,replacement=True)": "S.multinomial(ROW, 10, True)",
    "torch.multinomial(torch.arange(1.,21.).reshape(4,5),7,True)":
        "S.multinomial(np.arange(1, 21, dtype=f32).reshape(4, 5), 7, True)",
    "torch.multinomial(torch.arange(1.,21.).reshape(4,5).t(),2)":
        "S.multinomial(np.arange(1, 21, dtype=f32).reshape(4, 5).T, 2, strides=(1, 5))",
    "torch.multinomial(torch.arange(1.,7.).double(),6,True)": "S.multinomial(np.arange(1.0, 7.0), 6, True)",
    "torch.multinomial(torch.arange(1.,7.).half(),6,True)":
        "S.multinomial(np.arange(1, 7).astype(f16), 6, True)",
    "F.dropout(torch.ones(5,6),0.1)": "KEEP(S.dropout_mask((5, 6), 0.1), 0.1)",
    "F.dropout(torch.ones(5,6),0.5)": "KEEP(S.dropout_mask((5, 6), 0.5), 0.5)",
    "F.dropout(torch.ones(5,6),0.)": "KEEP(S.dropout_mask((5, 6), 0.0), 0)",
    "F.dropout(torch.ones(6,5).t(),0.5)": "KEEP(S.dropout_mask((5, 6), 0.5, strides=(1, 5)), 0.5)",
    "F.dropout2d(torch.ones(2,5,3,3),0.4)":
        "KEEP(np.broadcast_to(S.dropout_mask((2, 5, 1, 1), 0.4), (2, 5, 3, 3)), 0.4)",
    "torch.native_dropout(torch.ones(9),1.,True)[1]": "S.bernoulli((9,), bool, 0.0)",
    "F.rrelu(-torch.ones(20),training=True)": "-S.rrelu_noise(-np.ones(20, f32))",
    "F.rrelu(torch.linspace(-3,3,60),-.3,.7,training=True)":
        "LIN(-3, 3, 60) * S.rrelu_noise(LIN(-3, 3, 60), -0.3, 0.7)",
    "F.rrelu(-torch.ones(60).bfloat16()*1.7,training=True)":
        "(RRELU_X.astype(f32) * S.rrelu_noise(RRELU_X)).astype(bf16)",
    "nn.init.kaiming_uniform_(torch.empty(8,9))": "S.uniform((8, 9), f32, -BOUND(2, 9), BOUND(2, 9))",
    "nn.init.xavier_uniform_(torch.empty(8,9))":
        "S.uniform((8, 9), f32, -math.sqrt(3) * math.sqrt(2 / 17), math.sqrt(3) * math.sqrt(2 / 17))",
    "nn.init.xavier_normal_(torch.empty(8,9))": "S.normal((8, 9), f32, 0, math.sqrt(2 / 17))",
    "nn.init.kaiming_normal_(torch.empty(8,9),mode='fan_out',nonlinearity='relu')":
        "S.normal((8, 9), f32, 0, math.sqrt(2) / math.sqrt(8))",
    "nn.init.trunc_normal_(torch.empty(10,10),std=.02)": "S.trunc_normal((10, 10), f32, std=0.02)",
    "nn.init.trunc_normal_(torch.empty(3,4),0,1,-1,1)": "S.trunc_normal((3, 4), f32, 0, 1, -1, 1)",
    "nn.init.trunc_normal_(torch.empty(300),0,1,1,2)": "S.trunc_normal((300,), f32, 0, 1, 1, 2)",
    "nn.init.trunc_normal_(torch.empty(40,dtype=torch.bfloat16),0,1,-.1,.3)":
        "S.trunc_normal((40,), bf16, 0, 1, -0.1, 0.3)",
    "nn.init.trunc_normal_(torch.empty(40,2)[:,0],0,1,-1,1)":
        "S.trunc_normal((40,), f32, 0, 1, -1, 1, strides=(2,))",
    "torch.get_rng_state()": "S.get_state()",
    "(torch.rand(3),torch.get_rng_state())[1]": "(S.uniform((3,), f32), S.get_state())[1]",
    "(torch.rand(624),torch.get_rng_state())[1]": "(S.uniform((624,), f32), S.get_state())[1]",
    "(torch.randn(3),torch.get_rng_state())[1]": "(S.normal((3,), f32), S.get_state())[1]",
    "(torch.randn(4),torch.get_rng_state())[1]": "(S.normal((4,), f32), S.get_state())[1]",
    "torch.manual_seed(-5).get_state()": "S.manual_seed(-5).get_state()",
    "torch.manual_seed(2**40+3).get_state()": "S.manual_seed(2**40 + 3).get_state()",
}  # fmt: skip

_METHODS = ("uniform", "normal", "random", "bernoulli", "exponential", "cauchy", "log_normal")
_WRONG = {"int64": "i64", "bool": "bool", "uint16": "u16", "complex64": "c64", "float8_e5m2": "f8e5m2"}

# Calls that raise or warn with PyTorch's text.
REFUSALS = {
    **{
        f"torch.empty({n},dtype=torch.{theirs}).{method}_()": f"S.{method}(({n},), {ours})"
        for n in (0, 4)
        for theirs, ours in _WRONG.items()
        for method in _METHODS
    },
    "torch.empty(4,dtype=torch.bool).geometric_(.5)": "S.geometric((4,), bool, 0.5)",
    "torch.empty(3).uniform_(2,1)": "S.uniform((3,), f32, 2, 1)",
    "torch.empty(3).uniform_(123456789,1.25)": "S.uniform((3,), f32, 123456789, 1.25)",
    "torch.empty(3).uniform_(float('nan'),1)": "S.uniform((3,), f32, math.nan, 1)",
    "torch.empty(3).uniform_(0,1e39)": "S.uniform((3,), f32, 0, 1e39)",
    "torch.empty(3).uniform_(-3e38,3e38)": "S.uniform((3,), f32, -3e38, 3e38)",
    "torch.empty(3).half().uniform_(0,70000)": "S.uniform((3,), f16, 0, 70000)",
    "torch.empty(3).bfloat16().uniform_(-3e38,3e38)": "S.uniform((3,), bf16, -3e38, 3e38)",
    "torch.empty(0).uniform_(2,1)": "S.uniform((0,), f32, 2, 1)",
    "torch.empty(0,dtype=torch.cfloat).uniform_(2,1)": "S.uniform((0,), c64, 2, 1)",
    "torch.normal(0.,-1.,(2,))": "S.normal((2,), f32, 0, -1)",
    "torch.empty(0).normal_(0,-1.5)": "S.normal((0,), f32, 0, -1.5)",
    "torch.empty(2).normal_(0,float('nan'))": "S.normal((2,), f32, 0, math.nan)",
    "torch.empty(3).bernoulli_(2)": "S.bernoulli((3,), f32, 2)",
    "torch.empty(3).bernoulli_(-.1)": "S.bernoulli((3,), f32, -0.1)",
    "torch.bernoulli(torch.tensor([.5,2.,.5]))": "S.bernoulli((3,), f32, np.array([0.5, 2, 0.5], f32))",
    "torch.empty(4).bernoulli_(torch.tensor([.1,.2]))": "S.bernoulli((4,), f32, np.array([0.1, 0.2], f32))",
    "torch.empty(4).bernoulli_(torch.full((3,4),.1))": "S.bernoulli((4,), f32, np.full((3, 4), 0.1, f32))",
    "torch.empty(4).bernoulli_(torch.tensor(1))": "S.bernoulli((4,), f32, np.array(1))",
    "torch.empty(3).exponential_(-1)": "S.exponential((3,), f32, -1)",
    "torch.empty(3).geometric_(1)": "S.geometric((3,), f32, 1)",
    "torch.empty(3).cauchy_(0,0)": "S.cauchy((3,), f32, 0, 0)",
    "torch.empty(3).log_normal_(0,-2)": "S.log_normal((3,), f32, 0, -2)",
    "torch.poisson(torch.tensor([3.,-1.,2.]))": "S.poisson(np.array([3, -1, 2], f32))",
    "torch.poisson(torch.tensor([1,2]))": "S.poisson(np.array([1, 2]))",
    "torch.randint(5,5,(2,))": "S.random((2,), i64, 5, 5)",
    "torch.empty(3).random_(-5)": "S.random((3,), f32, 0, -5)",
    "torch.empty(3).random_(2**64)": "S.random((3,), f32, 0, 2**64)",
    "torch.empty(3,dtype=torch.uint8).random_(0,257)": "S.random((3,), u8, 0, 257)",
    "torch.empty(3,dtype=torch.int8).random_(-129,0)": "S.random((3,), i8, -129, 0)",
    "torch.empty(3,dtype=torch.bool).random_(0,3)": "S.random((3,), bool, 0, 3)",
    "torch.empty(3,dtype=torch.uint64).random_(1,None)": "S.random((3,), u64, 1)",
    "torch.empty(3,dtype=torch.int32).random_(-2**63,None)": "S.random((3,), i32, -2**63)",
    "torch.empty(3,dtype=torch.bool).random_(-2**63,None)": "S.random((3,), bool, -2**63)",
    "torch.empty(3,dtype=torch.cfloat).random_(0,3)": "S.random((3,), c64, 0, 3)",
    "torch.empty(3,dtype=torch.cfloat).random_(0,None)": "S.random((3,), c64, 0)",
    "torch.empty(3).random_(2**24,None)": "S.random((3,), f32, 2**24)",
    "torch.empty(3).random_(0,2**24+2)": "S.random((3,), f32, 0, 2**24 + 2)",
    "torch.empty(3).random_(2**24+1,2**24+3)": "S.random((3,), f32, 2**24 + 1, 2**24 + 3)",
    "torch.empty(3).half().random_(0,65504)": "S.random((3,), f16, 0, 65504)",
    "torch.empty(3).half().random_(0,70000)": "S.random((3,), f16, 0, 70000)",
    "torch.empty(3).bfloat16().random_(2049,2051)": "S.random((3,), bf16, 2049, 2051)",
    "torch.empty(3).double().random_(2**63-513,2**63-1)": "S.random((3,), f64, 2**63 - 513, 2**63 - 1)",
    "torch.randperm(-1)": "S.randperm(-1)",
    "torch.randperm(257,dtype=torch.uint8)": "S.randperm(257, u8)",
    "torch.randperm(40000,dtype=torch.int16)": "S.randperm(40000, i16)",
    "torch.randperm(2050,dtype=torch.half)": "S.randperm(2050, f16)",
    "torch.randperm(3,dtype=torch.bool)": "S.randperm(3, bool)",
    "torch.multinomial(torch.tensor([-1.,2.]),1)": "S.multinomial(np.array([-1, 2], f32), 1)",
    "torch.multinomial(torch.tensor([0.,0.]),1)": "S.multinomial(np.array([0, 0], f32), 1)",
    "torch.multinomial(torch.tensor([[1.,1],[0,0]]),2,True)":
        "S.multinomial(np.array([[1, 1], [0, 0]], f32), 2, True)",
    "torch.multinomial(torch.tensor([[1.,1],[-1,3]]),2,True)":
        "S.multinomial(np.array([[1, 1], [-1, 3]], f32), 2, True)",
    "torch.multinomial(torch.tensor([1.,float('inf')]),2,True)":
        "S.multinomial(np.array([1, math.inf], f32), 2, True)",
    "torch.multinomial(torch.tensor([1.,0.]),3)": "S.multinomial(np.array([1, 0], f32), 3)",
    "torch.multinomial(torch.tensor([1.,0.]),0)": "S.multinomial(np.array([1, 0], f32), 0)",
    "torch.multinomial(torch.tensor(1.),1)": "S.multinomial(np.array(1, f32), 1)",
    "torch.multinomial(torch.ones(2,0),1,True)": "S.multinomial(np.ones((2, 0), f32), 1, True)",
    "torch.multinomial(torch.ones(2,0),2,True)": "S.multinomial(np.ones((2, 0), f32), 2, True)",
    "torch.multinomial(torch.ones(0,3),2)": "S.multinomial(np.ones((0, 3), f32), 2)",
    "torch.multinomial(torch.ones(2,dtype=torch.int64),1)": "S.multinomial(np.ones(2, i64), 1)",
    "torch.dropout(torch.ones(3),2.,True)": "S.dropout_mask((3,), 2.0)",
    "F.rrelu(-torch.ones(3).half(),training=True)": "S.rrelu_noise(-np.ones(3, f16))",
    "nn.init.trunc_normal_(torch.empty(3),5,1,-2,2)": "S.trunc_normal((3,), f32, 5, 1, -2, 2)",
    "nn.init.trunc_normal_(torch.empty(3),0,0)": "S.trunc_normal((3,), f32, 0, 0)",
    "nn.init.trunc_normal_(torch.empty(3),0,1,2,1)": "S.trunc_normal((3,), f32, 0, 1, 2, 1)",
    "torch.default_generator.manual_seed('abc')": "S.manual_seed('abc')",
    "torch.default_generator.manual_seed(1.5)": "S.manual_seed(1.5)",
    "torch.default_generator.manual_seed(True)": "S.manual_seed(True)",
    "torch.default_generator.manual_seed(2**64)": "S.manual_seed(2**64)",
    "torch.default_generator.manual_seed(-2**63-1)": "S.manual_seed(-(2**63) - 1)",
    "torch.set_rng_state(torch.zeros(5056))": "S.set_state(np.zeros(5056, f32))",
    "torch.set_rng_state(torch.zeros(5,dtype=torch.uint8))": "S.set_state(np.zeros(5, u8))",
    "torch.set_rng_state(torch.zeros(5056,dtype=torch.uint8))": "S.set_state(np.zeros(5056, u8))",
}  # fmt: skip


def linspace(low, high, n):
    """torch.linspace in float32: symmetric about the middle, one fused step from the nearer end."""
    low, high = np.float32(low), np.float32(high)
    step = np.float64((high - low) / np.float32(n - 1))
    i = np.arange(n)
    return np.where(i < n // 2, low + step * i, high - step * (n - 1 - i)).astype(np.float32)


NAMES = {
    "np": np, "math": math,
    "f16": np.float16, "f32": np.float32, "f64": np.float64, "bf16": ml_dtypes.bfloat16,
    "c64": np.complex64, "c128": np.complex128, "f8e5m2": ml_dtypes.float8_e5m2,
    "i8": np.int8, "i16": np.int16, "i32": np.int32, "i64": np.int64,
    "u8": np.uint8, "u16": np.uint16, "u64": np.uint64,
    "LIN": linspace,
    "ROW": np.array([0.1, 0.2, 0.3, 0.4], np.float32),
    "RRELU_X": (-np.ones(60, np.float32) * np.float32(1.7)).astype(ml_dtypes.bfloat16),
    "BOUND": lambda gain2, fan: math.sqrt(3) * (math.sqrt(gain2) / math.sqrt(fan)),
    "KEEP": lambda mask, p: mask * (np.float32(1) / np.float32(1 - p)),
}  # fmt: skip


def row(torch, case):
    """(digest of the bytes drawn, digest of the generator's state afterwards)."""
    seed, theirs, ours = case
    if torch.__name__ == "torch":
        torch.manual_seed(seed)
        draw, state = (lambda: of_torch(torch, theirs)), (lambda: torch.get_rng_state().numpy())
    else:
        stream = RandomStream(seed)
        draw, state = (lambda: np.asarray(eval(ours, {**NAMES, "S": stream}))), stream.get_state
    return drawn(draw, state)


def drawn(draw, state):
    """(digest of the array that `draw()` returns, digest of the generator's state afterwards)."""
    made = seen(lambda: hashlib.sha256(draw().tobytes()).hexdigest())
    if "raises" in made:
        made["raises"][1] = made["raises"][1].split("\n")[0]
    return made | {"next": hashlib.sha256(state().tobytes()).hexdigest()[:16]}


def of_torch(torch, expression):
    """The bytes that PyTorch draws, in logical order."""
    result = eval(expression, {"torch": torch, "F": torch.nn.functional, "nn": torch.nn})
    if not isinstance(result, torch.Tensor):
        return np.zeros(0)
    return result.detach().reshape(-1).contiguous().view(torch.uint8).numpy()


CASES = {f"{seed} {theirs}": (seed, theirs, ours) for theirs, ours in DRAWS.items() for seed in SEEDS} | {
    f"{SEEDS[0]} {theirs}": (SEEDS[0], theirs, ours) for theirs, ours in REFUSALS.items()
}
TABLE = Table("streams", CASES, row)
