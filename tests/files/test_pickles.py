"""Plain pickles (`pickle.dumps`, `copy`, `multiprocessing`): those made before the files of jtorch moved, and today's."""

import base64
import pickle
import pickletools
import zlib

import pytest

import jtorch as torch

# Made by the jtorch of November 2026, when `_rebuild` stood in jtorch/convert.py: zlib, base 85.
OLD = {
    "transposed": (
        "c-l3P%Wi`(5Je3%N$bAfkF;I0Lh55#sjQ2{0(HR-fuVv5Os+ANSX9a;B>9VeOMk32BpHpaZOxpyBTseqDNDgpi<SH<5t0TXiRvtmDTukQ(f5"
        "Q`rJ&FluZu}z1*{Z_Rn)o6LLtJYgA`v$Q8P)Qui7Y&S5+7enPH15EKXQO6W(1Y2EIlJi7@ns>dZr#@du1rY<t+5gL>FC9nCQuy~W;oWGtJBB"
        "KLh=5g*SuST5!`^l)T4MnCNZ$FA$X{i*21ArdFiA|3c+vWeg6t5RE~-90+_v2mIz>oX7M5*N|tS9-sS22m66uu#sI{-"
        "|@#%TPW&;%bI#4>#SGEyl}l+)CVexVQcR>mO`!"
    ),
    "bf16": (
        "c-l2kyKaL(5Cj}M&gK1nr=~)3lPXfuBT<}E&>`-)2qHK<$6<*gk{jaiTlumam}pnpk!ELRwQGle>QeF4<E2~)rAed&tFt^Iu-uU&??P6kBCx"
        "rvi)G_Qyi~#~>Re~BQgPFZjK0#U=9<9St`V7RSxkJZ#SS;JMDU6T*#m-"
        "UXj_)WFbij9=CRJ?0=wUsQ|xU(DE3|7_MH|7qhX?(rO_SoB98`K5%!Unv0gkA9Cbe%98;XQ{$wzI!D$c#zGLc5<BWCbbO`!gznaE*YN9SEE;"
        "X*${})Erh&7Rn3zKyn&ifn36x_79rMUC$7Wds39yA^)p1eOsiD*I"
    ),
    "param": (
        "c-lpfNl(Kt5QUu-"
        "S}^;*@0W6k#BxO9!ih*lvN+@xC5};pQm4;xka9rkCA9rp{4sFS7UnP>dA|2XdIOuk>s0ZsBc;<1RL~PzDC#Q_=5Z4F|6d?8lBe=RDE$XfSnc"
        "VKz6zP82DZ7(d;P-"
        "kd8&ld%M%?3N(DtFGWtxboNJ241fw#VY%%AO67$^1BEd5%WHnGUJ&O<$qUANsn*=(RH(2<>A_E;_iD9|zTCQDUWoj7dqHlDoo^ANId#sH|L#"
        "#7wwB1JS^?=Pzr}O+{s%|dP*b2wprbkIt--E}xVY_SY>@e(V?1i%kYWs}(Vc|=Y55>OMstzS-"
        "pzm&RP~wo`$hArwk3VsuamsKu;yg_f!F6l`pf4&CN<>d_mBaZp!^IGn3|G!C+q8z)"
    ),
    "sort": (
        "c-m!<Nl(Kt5QUSpP-^yl-?y-"
        "Ztso9aa3)d@7KhxbY{*5e!*d;^9*}xTp?`}%26kH{5OWw?nm2F0nU)nk%S43C5wT1Km(7>BK`J5+(rPUtFuc5B7>z_om_N!e;jgifzf_jpua"
        "U=?D=|SX<Z1n-=~Ti*#7;e}$*M1e-"
        "_%X2zad2$N`ib(MtIb#V!$;r42G&Lio*tpx&9CoJX2u=81e?yTk~a=pQG3Yp%{M02*s%Fny!^$tZx|UMF_?{OX;6VnCN`GW0GRZc5_{?TTGY"
        "B<%cg7-Q*e)GeL(HyrQAwvvsHPJ!Y92Ge<Emu@L-"
        "RAnKnfXjZsiS92D<f}T@Le0h0+r3}jyE3TPgweyBGiFJw%X4x#q@~pe!CR5y76x)679o9pw-"
        "e6aw?osS3RQ4az?m|u|t!exX9B9@<iX(~RfGv6h+K|iZ5>7HW6sMZ#Oc9++Tu@xLQEKCg;@bHJQ}?4K"
    ),
    "sparse": (
        "c-m!9Nl(H+6mE-vj{A-~?scnzXgrvBw+V-dhu%nAY6b%>-"
        "*hnHV8W#=f6G6n(_&+c@9<_OZ@%sIH1|ye++{}Cwt4808uy$|qbUd!Jsr7$|L$>-&gukeIwLQh9|oL2bNx=M-"
        "8E`%z&)eYX^Mu;x!sLH5+4fQaV2SH{Ehha@e~uL5+UnKSlx3&;`#A~AZMwHqBzJ~Ie9j1(eO){>|=_83@}YGqnoO!nOYySKa_RRZA;{wrAb8"
        "N0rR8b01Fh0x|vDX9<fxdR-eCQCCyX>mYosHSw-cyRON4_Z>%t>ze=$tu<oR*Nkl_ZbGkL(Zb|uqm5t?nabLkkgiVSqX;bZEd-"
        "Q=FfnAC{rs_;%8J1)(G8t%};vfkW;gF3JyjE}&Cpe}!kqOv;@281(lDPZqJtYl#?DCA_T;RfC1uGv@H3M7RmT?*3io!6}2-"
        "nihjX;T_Jl^8%P@qC_XM6*kFrhv"
    ),
    "gen": (
        "c-oCv`Cm<Y)UKpbq~t0QGKNGUxvqJLQYcp;SM#L7X^;{c&S|8ixul5FBqdE6-p^Wp*!!-"
        "%p6&Pd+|Ske>~r>af4^%z>v^8FD;!d?i}DLnGK2D;76uh0<)!B5x;`#QE0l|Asje0~^J~}Cv}ai<X|5Lg_%(KRb}3JbEe<xzniz{?N?vj9)6"
        "$^FDRM(lZgEagR#HJhQmL^>N`78pQ9*G^k*j4be&(8&if=7Wk#;tVbBf%SnwC=NnwDn-"
        "t`?Vgds#l&vM%09{^leVW#t81Tx%?DF_!hUmJKl$_kc+IsQ>Y@SvHz0rWTbxl^Z?c9pr}MV2fvcU9DwPjKwP;a*ZxlZrL0i9Ubw%^3i`H?TR"
        "daCD&)V#1Ht`*%_xXKKADSe?EV%AEOUjt{6cacgcUlMtC5KKJrH+3ZtJi&z(ki^F}(Y7y-Yb5t?JG5z{o=cm==ZKAPK~u2K6{n&b~g_}nYe-"
        "T0frL)3H5h_>;-"
        "b{f&2jdFt>cWd~YR<81A4Tm?rwrJ4wkSEUS)}Cc@zY&DeAh*+;KDqPM`b$P|=>(0X=@n~fe69w~JE)b%j4+lLPSJZK+CZ~3PoIp?k$Y*De__"
        "u7^oEv=a7)P*UNVBTu-"
        "n&lnHH|5=3`i<GLHI;Xfu6`cx?n()Jq@!HKKz&&yA$ZZRPPIZqh|Of(vz#F8<9Q?rB)HcMYEE_B0CVyY+$=Vs#(iQ*L6PS83jZzv{KRgS+^P"
        "9&s1-@~U2Ip{lcobhXdLynNS)UecG$1A3`~8)%Vh^@sg-"
        "G)(V|FquB2(oZAWw8<Wsn!ZVW{M`uG$@YG1(L1UnEh99p@oWM2IqP=p=_Az}(HU8OmOG5_4mG87uddYQ!XJ48<qC-"
        "<T$~T3j*CY0H+9L*H6iqynlo85&7FrsUh1{)+~P|MM(D@3m!#{wOyFN(SUZ{KTs8XUbAT!o3H0kK4;WGQEA9x=oKsIA@KQm8f=k^(7|%VS86"
        "yg$wsNf@4cpUDmj1AzoJXn42v1(-D(cbx;2FP-"
        "`nwr^o1+=ITh8A}F?oKo0922jLZ7H93~3#XXDu0Z^Yn3~)7ziwlYp_d%nkamF|Owcz?TR3-AS{M-"
        "}uXERwR3F<{F^2nBFF#xVD@WEh%^KGEd?$8N2Tn>6d*0kEm5!X$N;|4qWa^muj(T!Oad^VcVf3nng!FrZF%5wyyXBz0qr3r?*|kMrY_#pk7+"
        "aqD~sr-"
        "}TdK25Fuj3Kdwx_4^6wz8Y>f;utr9f1O@kzLo_5&=>yk+}DWq&@W!ZE<C71YND*dKN2sqLg`NAc64IM9$GQ+TEFdBFkncv@#v<|TilBL^KY*"
        "s+S<M}ek&Ak;&<oJxFrv$!Nmyj5-"
        "$MBpLxXLnh~v+)ogL*iLAW9L)w1aMB_d{;t^UY*JzS@v#3Uy@d0&mqux|aRZ_EB<Y}2l(4suJjt6mo$XjdBWOwfiz~36tv#VY>FHJl00x6~N"
        ";yP*xF`^^1n0Ctqz$(vW8(|rJJ9J9#_`y}NG=_X^+J<JkMAl0*h33y?>pmlLKEl5>Tlc6sIR-UOq&l*KOSqQDs1|z&EJ4L`9!l-"
        "BxG80)<Bh+UC5PP?QMuzh_6*>s37$g7a`W>$JPBHBf0V2oDeKPig1P@CYNTn6ryZo;S`3=q&2LE|PD5*RL3}mTLp|%kfi&@;L=#5uLV+-"
        "9<M|!H9k<_q;Goy0@?>#s(d*Cm>2^z~W<QS_QU0!2QgNY)UH&dOa_J4=|0w?uylLnb9mUX@F3&PnUh_FG2UH^A8E%#`D@OPK!&BM|-"
        "qf3C2kL!&Ia;wGhpdXwXH~wYuD{WLancHk%OV;Pd_V~&WW#Mhq-"
        "45!FaJPGkJ2{=Rx)^ne(P@=g~tbx+l;~&cl4eWzY8j!2~jah9PV6|tk1jQ9<mjBL^CPKz~e-oP0+hO#Kv<A`X-Ot&S-"
        "CvE#;uLVLA7(5=Hh_s?fz9B0agy2!j22IaOC(<~siI3@DYxXr^|sWn%aRBZ%htCubnI^ou@#s6x5R?X(g2pAgZ|o~FU5IN*zaT}W7G1h1vJd"
        "qV(_oqmwRIT|{H=MD#oRzVt?lBChq2Y6@YQiBofqo2~Q(7|5E+z8O8B)A3l<eiRDH*t+>gGdt~oFi0@Zv2a@F2jk`UfcUX4=x?stunDW@H%}"
        "3?hez~9kcHy|8O+bK5}C~WSQ#s_?TqV!FB6R!_#>A28wu)hOcTh&hbnHIAS!KRI#H34E3-"
        "R;yY$|npKP*9Lz#NHuCiPM@CS}D^8&NsRI{O&eOO%fxj8ii3F~`XC7QU7U{*^mqJqkQEuhRec(IlxW*08K*9ft*;h5(T;_}nQb!;_7`pv5|3"
        "v@3@*?G_m?#J2oLcTYr$&fj?_PMc5D_x4G0(&uM|Qm)x|6Bt&fJ#*H`JM<=kZ7rg21`!*3)}$<ct>Gj;Nd9v5fNw#H$?E0*XA^^cXbG{n9I{"
        "D!%;9uN;7J5?%iVnykL5uJyzr{tOOXa=hYUI-j=GD<*~qoR7eT(Azj@dueg0H|WLJhin>+(~xYT3kkRKfIW^#_0*tYqC-Hjsyz1y?BQ=$sP3"
        "OkU3!tMhjFvt<BJ!-"
        ">(xaj?M?7VQIy`WdX_&ycUO604eBT9nc^u@tR12$TG$2IP7H$+rUshvMg~L0n$E)Qc+n(Pph`S&n8%euWtjzTHa*BN_iqOOhf_nIo*{&q=&f"
        "3YTj_Com0Rd*>OV&Cs*L8=>KY?LGe88@_)7`KVazhhvDhY_xvY(LM`UFb5|;SX<WQ@xk2V1R<Yo0lcD`p_v`t<)2{S@Nn~JFwmc2~)7%p0vw"
        "_X5@HvB?Mdp3eNf~nqutwj7$vpBa)*j{FCw$?g|Ta#|8FuHO@teMhpTa*r82v*txbgg%6b!V-"
        "$)U=f++>9`uYV*i+t3sz0dNTRemi!Ps@fS^@_nflV-bUivJyl?z6rNB(?7i~vD0t#PF<cnGWt+VRXt5$7;Ln+|=?5@(MJzCMs79uu=_lZAkz"
        "Qrc{eppZkRLS%a3>Ukmy0a`7_|zEztU^-*SVMHjWB&@zAm$dtk1w6?`W!AWg}!~0Du-N{-O<XA-Hbj9_>%}d;I<|I-uamcGKj1iGPAVEu(k-"
        "AafD}0VQ6L>b7frG7s^P!il?i;xR}vpQ?P&p84EZ;0Mz`7K|#+?UsqMS!K|Pt*}RFXE&(Vxf#x#+LTYZ=@1Aj|5-"
        "UK&nBwLb2cTfj=Pituk&<)$!lXF>p)Hi@)IJpzk_)h-7f-6Uro0(mc#8AfraBdh~bh}{@ZKn)i^I7Ej1nI*b_BkmR(}vpr)Vi-^1wfJ?p-"
        "1^RP&EhoZ#Co;q|uOy!nBonw+DTh%z|anE?o^A&n?8&q>pTC~a&sT6ML3^Tj@%?`*==owx_2EBs0O??QB@@k3Fic1Q2f)S-"
        "r=fYX(jK8{;_`{KNk2~c51+7vos6ZOEI?B|<pE8^L#w6~-Z85s-"
        "{bgyW;<9I{azM`OTgsSWUR0&T;_GwhU$FGtxg&5;<?afRv#HO}jo!4hUOD(SFNNotlkSk<UQd#qP7_CAmBlu%=A#OJZqJQiJAHJ&30wIsP}R"
        "f#i3q#OQ>ndR>!aCK15!*)YFrtAVvH><VKg6(N{TAm(28HVQZlOw8+1+ptBq42gKLMjuBXQ%^&^=UuHB|LEM<hjW=rAvc#ak^+6_s60w$end"
        "G>`qaOi~&Vs<6Ga2T#r?Em_^r~`MOQZWA|T05+-"
        "DxCHSu+YtOH@I&n+|OFB(y8Td{t$1XvzvRLY9l`8{_W~A&dIb;vmYH~yPKi&%f3sPvTp9Ur9#5hGJjT@52&N}(%HQj&c{U|)P98*yWEE)FFC"
        "*|w25-9vO0Adpk8~-S>K%_QOesq7ZZnxktc3qLK8n!;{cJ0jd3CKeT1~v8%UGP0bRVTuJHi9yN)vDOA%^8b%m#?L0>iSdzwf!r-"
        "TvylEc*)%HMFG`ZD9)#IV}j%%l6&S4Hq}G>jyT#qf}mjyby-WA$;r?LafPoOFVLrX}i^1A=V3>DL~pbtKQEaUTR@REF?bH2pE7Ay5?VyOsfu"
        "NPS646wap-"
        ";F4a6asIA`)#(Tg`e9qY=`%(_S_~B`AA(SM$Xuzf#WJPY+Hh4E#VS*cO6e9Fljna#kydEd69xV(grRI^q3UR=)QKpoWG`l1t1RCOPMxDs9ZC"
        "Ls#r?4uIcCx^hOC5N#uD_V$TtXYJw{~VF1-KQNaJd?1XaDIcoE>l{kQer|4!yW8N|-"
        "Eaf43H{{+!off{7~O5bn5#fsN}>1gB?|8&z<eY%0SL|G4LQfb%Y-^?3kPmb<aMoyy+F-{#|&=P9Io0aJ}ZYw|?(y0ezwl$E3smhe`-"
        "bkE#vtuskbgz(ED<;cg?%0I^-6>jX0R#GtC+tZj@qkEw7dk&;vlm?WYihU;SMO-gZM)4e?M<X9#}zanfLQ>ATnJIcIVr~ByOM+xS-"
        "p{8Z?<{B!DQOe2oCTzL0sb!@NebMFcLP$08DBhcutgD*|_YYD<(m4>7A+0Xt;rW=Rpy70u>JrgTl<0HlLCoLpvMziy%jdDeNViZ|e$qdCeA-"
        "oEjfM@|wwZ35W2Y$|4N=G`W?U^%Va|<(7c>4Louh`brB0BI=OA4q2cUzMi_b{h6J4{?=)&*~ai=FU``{6)6QBrNR4V=XFSR26JGic$$`AMXK"
        "C(piZ>xMpZgSXP>9V<4VO`c^iyItM>_0(<z@s_#g4Lx6K!%)RCS83*6+2@&}1y1y4&GR`NVon(v~U51E4TlWbX_f&T<EL+EYWS*}aO3!p36K"
        "+4&zG9zi}0)+2>sT93%=LYjF)-"
        "X@XOswU0jG@t8V0x+y!8MO~`n?Ap>9$NHCYQ@3i+6KxjR6%!NXWfrlIeS~Vk4TIkQnJ`rHdOoxnGI+z!R}Xpro12+=VckCxZ1=+R+Ref+w*4"
        "y9?$|&cAvJMVa(@sQb%F=SfG*D50lv5ga~-"
        "<MO+(e3SjY#BbDj_w{xAzs<KXtz6@85<v}js6M;MNkQldzQSl22r6lAJ5aWbtUE~SA3>Gb)P~oT)EKC0aOrFW>h=HqShi%k)>yn_EIvh+t;v"
        "ygwHDtP%eJ8Z1O7x+4*"
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
    assert old("gen").initial_seed() == 3
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
    assert not {"convert", "dtypes", "formats", "returntypes", "ops"} & {*dir(torch)}
