"""Trainer: fit with validation, callbacks, a checkpoint; validate, test, predict; resume"""

import logging
import tempfile
import warnings

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import EarlyStopping, LearningRateMonitor, ModelCheckpoint
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

warnings.simplefilter("ignore")
logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)


class Batches:  # any iterable will do
    def __init__(self, loader):
        self.loader = loader

    def __iter__(self):
        return iter(self.loader)

    def __len__(self):
        return len(self.loader)


class Data(pl.LightningDataModule):
    def setup(self, stage):
        x = torch.randn(48, 4, generator=torch.Generator().manual_seed(5))
        self.data = TensorDataset(x, (x.sum(1) > 0).long())

    def train_dataloader(self):
        return DataLoader(self.data, 8, shuffle=True)

    def val_dataloader(self):
        return DataLoader(self.data, 16)

    test_dataloader = val_dataloader

    def predict_dataloader(self):
        return Batches(self.val_dataloader())


class Net(pl.LightningModule):
    def __init__(self, width=16, lr=0.01):
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Dropout(0.1), nn.Linear(width, 2))

    def forward(self, x):
        return self.net(x)

    def training_step(self, batch, index):
        loss = nn.functional.cross_entropy(self(batch[0]), batch[1])
        self.log("loss", loss, on_step=True, on_epoch=True)
        return loss

    def validation_step(self, batch, index):
        self.log("val_loss", nn.functional.cross_entropy(self(batch[0]), batch[1]))

    test_step = validation_step

    def predict_step(self, batch, index):
        return self(batch[0]).argmax(1)

    def on_train_epoch_end(self):
        print(self.current_epoch, self.trainer.callback_metrics["loss_epoch"].item())

    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.parameters(), lr=self.hparams.lr)
        return {"optimizer": optimizer, "lr_scheduler": torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.9)}


def main(folder):
    pl.seed_everything(0)
    quiet = {"accelerator": "cpu", "logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    keep = ModelCheckpoint(folder, monitor="val_loss", filename="best", save_last=True)
    trainer = pl.Trainer(
        max_epochs=3,
        callbacks=[keep, EarlyStopping("val_loss", patience=3)],
        gradient_clip_val=1.0,
        accumulate_grad_batches=2,
        **quiet,
    )
    net = Net()
    trainer.fit(net, datamodule=Data())
    print(trainer.validate(net, datamodule=Data(), verbose=False), trainer.test(net, datamodule=Data(), verbose=False))
    print(torch.cat(trainer.predict(net, datamodule=Data())).sum().item(), keep.best_model_score.item())
    again = Net.load_from_checkpoint(keep.best_model_path)
    print(again.hparams, again.eval()(torch.ones(1, 4)).tolist())
    more = pl.Trainer(max_epochs=4, **quiet, enable_checkpointing=False)
    more.fit(net, datamodule=Data(), ckpt_path=keep.last_model_path)
    print(LearningRateMonitor.__name__, more.current_epoch, more.global_step)


with tempfile.TemporaryDirectory() as folder:
    main(folder)
