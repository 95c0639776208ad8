"""Trainer: train, evaluate, predict, checkpoints, and resuming from one"""

import tempfile

import torch
from torch.utils.data import Dataset
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)


class Sentences(Dataset):
    def __init__(self, count, seed):
        g = torch.Generator().manual_seed(seed)
        self.tokens = torch.randint(60, (count, 10), generator=g)
        self.labels = (self.tokens[:, 0] > 30).long()

    def __len__(self):
        return len(self.tokens)

    def __getitem__(self, i):
        return {"input_ids": self.tokens[i], "labels": self.labels[i]}


class Tell(TrainerCallback):
    def on_log(self, args, state, control, logs=None, **kwargs):
        print(
            state.global_step,
            {k: v for k, v in sorted(logs.items()) if k in ("loss", "eval_loss", "learning_rate", "grad_norm")},
        )


def model_of(seed):
    torch.manual_seed(seed)
    return BertForSequenceClassification(
        BertConfig(vocab_size=60, hidden_size=32, num_hidden_layers=1, num_attention_heads=4, intermediate_size=64)
    )


def main(folder):
    options = TrainingArguments(
        output_dir=folder,
        max_steps=6,
        per_device_train_batch_size=4,
        learning_rate=1e-3,
        lr_scheduler_type="cosine",
        warmup_steps=2,
        logging_steps=2,
        save_steps=3,
        eval_steps=3,
        eval_strategy="steps",
        report_to=[],
        disable_tqdm=True,
        seed=7,
        gradient_accumulation_steps=2,
        use_cpu=True,
    )
    parts = {
        "args": options,
        "train_dataset": Sentences(32, 0),
        "eval_dataset": Sentences(12, 1),
        "compute_metrics": lambda out: {"accuracy": float((out.predictions.argmax(-1) == out.label_ids).mean())},
        "callbacks": [Tell()],
    }
    trainer = Trainer(model=model_of(0), **parts)
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    print(trainer.evaluate()["eval_accuracy"], trainer.predict(Sentences(5, 2)).predictions.round(3).tolist())
    again = Trainer(model=model_of(1), **parts)
    again.remove_callback(PrinterCallback)
    again.train(resume_from_checkpoint=f"{folder}/checkpoint-3")
    print("went on", again.evaluate()["eval_loss"])


with tempfile.TemporaryDirectory() as folder:
    main(folder)
