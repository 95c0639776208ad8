"""Public programs for PyTorch: minGPT, nanoGPT, PyTorch's examples and tutorials. Nothing of theirs is here, only their names."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tests.programs.stand_ins import classes_of_images, cora, names, sentences, shakespeare, style_model, text, wikitext

TUTORIALS = "beginner intermediate advanced recipes unstable".split()


class Program(NamedTuple):
    """Files of a checkout, and how they are run: each line of `commands` in turn, after `before` has written the data."""

    checkout: str
    folder: str
    commands: list[str] | list[list[str]]
    before: Callable[[Path], None] | None = None
    steps: int | None = None  # of an optimizer, after which it is ended
    limit: int = 120  # in seconds, under PyTorch
    name: str = ""


def _own_name(program):
    """What tells a program from the others of its folder."""
    place = program.checkout if program.folder == "." else f"{program.checkout}/{program.folder}"
    model = re.search("--model (\\w+)", program.commands[0])
    words = [Path(line.split()[0]).stem for line in program.commands] + ([model[1]] if model else [])
    return f"{place}: {', '.join(words)}"


_NANO = (
    "--dataset=shakespeare_char --device=cpu --eval_interval=10 --eval_iters=4 --block_size=32 --batch_size=6 --n_layer=2 "
    "--n_head=2 --n_embd=32 --max_iters=20 --lr_decay_iters=20 --dropout=0.1 --gradient_accumulation_steps=2"
)
_GPT = "--trainer.num_workers=0 --trainer.batch_size=8"
_WORDS = "main.py --epochs 2 --emsize 32 --nhid 32 --log-interval 5 --bptt 10 --batch_size 4 --lr 2"


def _example(folder, commands, before=None, **how):
    return Program("examples", folder, [commands] if isinstance(commands, str) else commands, before, **how)


_PICTURES = classes_of_images(*((f"pictures/{part}/{kind}", 4) for part in ("train", "val") for kind in "ab"))
_BSDS = classes_of_images(("dataset/BSDS300/images/train", 6), ("dataset/BSDS300/images/test", 2))
_FX = (
    "proxy_based_graph_creation replace_op inline_function profiling_tracer module_tracer primitive_library custom_tracer "
    "invert wrap_output_dynamically subgraph_rewriter_basic_use"
).split()
_MODELS = ("LSTM", "GRU", "RNN_TANH", "RNN_RELU", "Transformer")

PROGRAMS = [
    Program(
        "minGPT", ".", [f"projects/adder/adder.py {_GPT} --trainer.max_iters=60 --model.model_type=gpt-nano"], limit=300
    ),
    Program(
        "minGPT",
        ".",
        [
            f"projects/chargpt/chargpt.py {_GPT} --trainer.max_iters=20 --model.model_type=gpt-micro --data.block_size=32"
        ],
        lambda at: text(at / "input.txt"),
        limit=300,
    ),
    Program("nanoGPT", ".", [f"train.py {_NANO} --compile=False --dtype=float32"], shakespeare),
    Program(
        "nanoGPT",
        ".",
        [
            f"train.py {_NANO} --compile=False --dtype=float32",
            "sample.py --device=cpu --num_samples=2 --max_new_tokens=100 --dtype=float32",
        ],
        shakespeare,
    ),
    Program("nanoGPT", ".", ["bench.py --device=cpu --batch_size=1 --block_size=32 --compile=False --real_data=False"]),
    _example("mnist", "main.py --epochs 2 --no-accel --save-model"),
    _example("mnist_rnn", "main.py --epochs 1"),
    _example("mnist_forward_forward", "main.py --epochs 2 --no_accel --train_size 300 --test_size 100"),
    _example("vae", "main.py --epochs 2", lambda at: (at / "results").mkdir(exist_ok=True)),
    _example("siamese_network", "main.py --epochs 1 --dry-run"),
    _example("regression", "main.py"),
    _example("dcgan", "main.py --dataset fake --dry-run --workers 0 --manualSeed 1 --ngf 16 --ndf 16"),
    _example(
        "super_resolution",
        [
            "main.py --upscale_factor 4 --batchSize 2 --testBatchSize 2 --nEpochs 1 --lr 0.001 --threads 0",
            "super_resolve.py --input_image dataset/BSDS300/images/test/0.jpg --model model_epoch_1.pth --output_filename o.png",
        ],
        _BSDS,
    ),
    _example("time_sequence_prediction", ["generate_sine_wave.py", "train.py --steps 1"], steps=1),
    *(
        _example(
            "word_language_model",
            [f"{_WORDS} --model {model}", "generate.py --data data/wikitext-2 --words 30"],
            wikitext,
        )
        for model in _MODELS
    ),
    _example("reinforcement_learning", "reinforce.py", steps=60),
    _example("reinforcement_learning", "actor_critic.py", steps=60),
    _example("gcn", "main.py --epochs 20 --no-accel", cora),
    _example("gat", "main.py --epochs 2 --no-accel", cora, limit=200),
    *(_example("fx", f"{name}.py") for name in _FX),
    _example("fx/native_interpreter", "use_interpreter.py"),
    _example(
        "imagenet", "main.py -b 4 --epochs 1 --no-accel -j 0 -p 1 --seed 1 --lr 0.001 pictures", _PICTURES, limit=300
    ),
    _example(
        "fast_neural_style",
        [
            "first.py",
            "neural_style/neural_style.py eval --content-image images/content-images/0.jpg --model model.pth --output-image o.jpg",
        ],
        style_model,
    ),
    _example(
        "language_translation",
        "main.py -e 1 --enc_layers 1 --dec_layers 1 --backend cpu --logging_dir output/ --dry_run",
    ),
]
PROGRAMS = [program._replace(name=_own_name(program)) for program in PROGRAMS]
_BEFORE = {
    "char_rnn_classification_tutorial": names,
    "char_rnn_generation_tutorial": names,
    "seq2seq_translation_tutorial": sentences,
    "transfer_learning_tutorial": classes_of_images(
        *((f"data/hymenoptera_data/{part}/{kind}", 4) for part in ("train", "val") for kind in ("ants", "bees"))
    ),
}
_STEPS = {
    "char_rnn_classification_tutorial": 40,
    "char_rnn_generation_tutorial": 400,
    "seq2seq_translation_tutorial": 200,
}
_STEPS |= {"reinforcement_q_learning": 100, "transfer_learning_tutorial": 6, "chatbot_tutorial": 10}


def tutorials(checkouts: Path) -> list[Program]:
    """All scripts of PyTorch's tutorials."""
    found = []
    for part in TUTORIALS:
        for path in sorted((checkouts / "tutorials" / f"{part}_source").rglob("*.py")):
            name = path.stem
            folder = path.parent.relative_to(checkouts / "tutorials").as_posix()
            label = f"tutorials/{folder}/{name}".replace("_source", "")
            found.append(Program("tutorials", folder, [path.name], _BEFORE.get(name), _STEPS.get(name), name=label))
    return found
