"""a trainer and an evaluator with metrics, handlers and a checkpoint"""

import tempfile

import torch
from ignite.engine import Events, create_supervised_evaluator, create_supervised_trainer
from ignite.handlers import Checkpoint, CosineAnnealingScheduler, DiskSaver, EarlyStopping
from ignite.metrics import Accuracy, ConfusionMatrix, Loss, RunningAverage
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x = torch.randn(48, 4)
data = TensorDataset(x, (x.sum(1) > 0).long())
model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 2))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
criterion = nn.CrossEntropyLoss()
trainer = create_supervised_trainer(model, optimizer, criterion)
RunningAverage(output_transform=lambda loss: loss).attach(trainer, "average")
evaluator = create_supervised_evaluator(
    model, {"accuracy": Accuracy(), "loss": Loss(criterion), "confusion": ConfusionMatrix(2)}
)
trainer.add_event_handler(Events.ITERATION_STARTED, CosineAnnealingScheduler(optimizer, "lr", 0.01, 0.001, 18))


@trainer.on(Events.EPOCH_COMPLETED)
def told(engine):
    evaluator.run(DataLoader(data, 16))
    found = evaluator.state.metrics
    print(
        engine.state.epoch,
        engine.state.metrics["average"],
        found["accuracy"],
        found["loss"],
        found["confusion"].tolist(),
    )


evaluator.add_event_handler(Events.COMPLETED, EarlyStopping(3, lambda engine: -engine.state.metrics["loss"], trainer))
with tempfile.TemporaryDirectory() as folder:
    keep = Checkpoint(
        {"model": model, "optimizer": optimizer, "trainer": trainer}, DiskSaver(folder, create_dir=True), n_saved=1
    )
    trainer.add_event_handler(Events.EPOCH_COMPLETED, keep)
    trainer.run(DataLoader(data, 8, shuffle=True), max_epochs=3)
    Checkpoint.load_objects(
        {"model": model, "optimizer": optimizer}, torch.load(keep.last_checkpoint, weights_only=False)
    )
print(model(x).sum().item())
