"""Plain pickles (`pickle.dumps`, `copy`, `multiprocessing`): old ones, from before the files of jtorch moved, and new ones."""

import base64
import pickle
import pickletools
import zlib

import pytest

import jtorch as torch

# Made by the jtorch of November 2026, when `_rebuild` stood in jtorch/convert.py: zlib, base 85.
OLD = {
    "transposed": (
        "c-l3P%Wi`(5Je3%N$bAfkF;I0Lh55#sjQ2{0(HR-fuVv5Os+ANSX9a;B>9VeOMk32BpHpaZOxpyBTseqDNDgpi<SH<5t0TXiRvtm"
        "DTukQ(f5Q`rJ&FluZu}z1*{Z_Rn)o6LLtJYgA`v$Q8P)Qui7Y&S5+7enPH15EKXQO6W(1Y2EIlJi7@ns>dZr#@du1rY<t+5gL>FC"
        "9nCQuy~W;oWGtJBBKLh=5g*SuST5!`^l)T4MnCNZ$FA$X{i*21ArdFiA|3c+vWeg6t5RE~-90+_v2mIz>oX7M5*N|tS9-sS22m66"
        "uu#sI{-|@#%TPW&;%bI#4>#SGEyl}l+)CVexVQcR>mO`!"
    ),
    "bf16": (
        "c-l2kyKaL(5Cj}M&gK1nr=~)3lPXfuBT<}E&>`-)2qHK<$6<*gk{jaiTlumam}pnpk!ELRwQGle>QeF4<E2~)rAed&tFt^Iu-uU&"
        "??P6kBCxrvi)G_Qyi~#~>Re~BQgPFZjK0#U=9<9St`V7RSxkJZ#SS;JMDU6T*#m-UXj_)WFbij9=CRJ?0=wUsQ|xU(DE3|7_MH|7"
        "qhX?(rO_SoB98`K5%!Unv0gkA9Cbe%98;XQ{$wzI!D$c#zGLc5<BWCbbO`!gznaE*YN9SEE;X*${})Erh&7Rn3zKyn&ifn36x_79"
        "rMUC$7Wds39yA^)p1eOsiD*I"
    ),
    "param": (
        "c-lpfNl(Kt5QUu-S}^;*@0W6k#BxO9!ih*lvN+@xC5};pQm4;xka9rkCA9rp{4sFS7UnP>dA|2XdIOuk>s0ZsBc;<1RL~PzDC#Q_"
        "=5Z4F|6d?8lBe=RDE$XfSncVKz6zP82DZ7(d;P-kd8&ld%M%?3N(DtFGWtxboNJ241fw#VY%%AO67$^1BEd5%WHnGUJ&O<$qUANs"
        "n*=(RH(2<>A_E;_iD9|zTCQDUWoj7dqHlDoo^ANId#sH|L##7wwB1JS^?=Pzr}O+{s%|dP*b2wprbkIt--E}xVY_SY>@e(V?1i%k"
        "YWs}(Vc|=Y55>OMstzS-pzm&RP~wo`$hArwk3VsuamsKu;yg_f!F6l`pf4&CN<>d_mBaZp!^IGn3|G!C+q8z)"
    ),
    "sort": (
        "c-m!<Nl(Kt5QUSpP-^yl-?y-Ztso9aa3)d@7KhxbY{*5e!*d;^9*}xTp?`}%26kH{5OWw?nm2F0nU)nk%S43C5wT1Km(7>BK`J5+"
        "(rPUtFuc5B7>z_om_N!e;jgifzf_jpuaU=?D=|SX<Z1n-=~Ti*#7;e}$*M1e-_%X2zad2$N`ib(MtIb#V!$;r42G&Lio*tpx&9Co"
        "JX2u=81e?yTk~a=pQG3Yp%{M02*s%Fny!^$tZx|UMF_?{OX;6VnCN`GW0GRZc5_{?TTGYB<%cg7-Q*e)GeL(HyrQAwvvsHPJ!Y92"
        "Ge<Emu@L-RAnKnfXjZsiS92D<f}T@Le0h0+r3}jyE3TPgweyBGiFJw%X4x#q@~pe!CR5y76x)679o9pw-e6aw?osS3RQ4az?m|u|"
        "t!exX9B9@<iX(~RfGv6h+K|iZ5>7HW6sMZ#Oc9++Tu@xLQEKCg;@bHJQ}?4K"
    ),
    "sparse": (
        "c-m!9Nl(H+6mE-vj{A-~?scnzXgrvBw+V-dhu%nAY6b%>-*hnHV8W#=f6G6n(_&+c@9<_OZ@%sIH1|ye++{}Cwt4808uy$|qbUd!"
        "Jsr7$|L$>-&gukeIwLQh9|oL2bNx=M-8E`%z&)eYX^Mu;x!sLH5+4fQaV2SH{Ehha@e~uL5+UnKSlx3&;`#A~AZMwHqBzJ~Ie9j1"
        "(eO){>|=_83@}YGqnoO!nOYySKa_RRZA;{wrAb8N0rR8b01Fh0x|vDX9<fxdR-eCQCCyX>mYosHSw-cyRON4_Z>%t>ze=$tu<oR*"
        "Nkl_ZbGkL(Zb|uqm5t?nabLkkgiVSqX;bZEd-Q=FfnAC{rs_;%8J1)(G8t%};vfkW;gF3JyjE}&Cpe}!kqOv;@281(lDPZqJtYl#"
        "?DCA_T;RfC1uGv@H3M7RmT?*3io!6}2-nihjX;T_Jl^8%P@qC_XM6*kFrhv"
    ),
    "layout": ("c-m`VO3o_DFG|kPOUp0HO)M$qiqB8uDrAUYXJB9`E-A`PNlhtaY%OF8DrD9J09eQk{{"),
}


def old(name):
    return pickle.loads(zlib.decompress(base64.b85decode(OLD[name])))


def test_tensors_of_before_the_move_load():
    transposed, halves, parameter = old("transposed"), old("bf16"), old("param")
    assert transposed.tolist() == [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]]
    assert transposed.stride() == (1, 3)
    assert halves.dtype is torch.bfloat16
    assert isinstance(parameter, torch.nn.Parameter)
    assert parameter.requires_grad


def test_what_else_was_pickled_before_the_move_loads():
    assert old("sort").values.tolist() == [1.0, 2.0]
    assert old("sparse").to_dense().tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert old("layout") is torch.strided


def paths(made):
    """The modules of jtorch that a pickle names."""
    named = [arg for opcode, arg, _ in pickletools.genops(pickle.dumps(made, 2)) if opcode.name == "GLOBAL"]
    return {name.split()[0] for name in named if name.startswith("jtorch")}


THINGS = {
    "tensor": lambda: torch.ones(2, 3).t(),
    "parameter": lambda: torch.nn.Parameter(torch.ones(2)),
    "dtype": lambda: torch.float16,
    "layout": lambda: torch.strided,
    "results": lambda: torch.sort(torch.ones(2)),
    "sparse": lambda: torch.eye(2).to_sparse(),
    "generator": torch.Generator,
    "function": lambda: torch.nn.functional.relu,
    "linalg": lambda: torch.linalg.norm,
    "fft": lambda: torch.fft.fft2,
    "special": lambda: torch.special.i1,
    "vmap": lambda: torch.vmap,
    "grad": lambda: torch.autograd.grad,
}


@pytest.mark.parametrize("name", THINGS)
def test_a_pickle_names_paths_that_stay(name):
    made = THINGS[name]()
    found = paths(made)
    assert found
    assert not {path for path in found if path.startswith("jtorch.core")}
    assert type(pickle.loads(pickle.dumps(made))) is type(made)


def test_the_old_paths_are_no_names_of_torch():
    assert not {"convert", "dtypes", "formats", "returntypes"} & {*dir(torch)}
    assert torch.ops.__name__ == "torch.ops"  # PyTorch's object, no longer a folder of jtorch
