"""metrics of classes, numbers, images and rankings, one by one and as a collection"""

import torch
import torchmetrics
from torchmetrics import MeanMetric, MetricCollection
from torchmetrics.classification import (
    BinaryAUROC,
    MulticlassAccuracy,
    MulticlassConfusionMatrix,
    MulticlassF1Score,
    MultilabelAveragePrecision,
)
from torchmetrics.functional import pairwise_cosine_similarity
from torchmetrics.image import PeakSignalNoiseRatio, StructuralSimilarityIndexMeasure
from torchmetrics.regression import MeanSquaredError, PearsonCorrCoef, R2Score, SpearmanCorrCoef
from torchmetrics.retrieval import RetrievalMAP
from torchmetrics.text import Perplexity

torch.manual_seed(0)
several = MetricCollection(
    {"accuracy": MulticlassAccuracy(4), "f1": MulticlassF1Score(4), "confusion": MulticlassConfusionMatrix(4)}
)
for _ in range(3):
    scores, labels = torch.randn(20, 4).softmax(-1), torch.randint(4, (20,))
    print({name: value.tolist() for name, value in several(scores, labels).items()})
print({name: value.tolist() for name, value in several.compute().items()})
several.reset()
area = BinaryAUROC()
area.update(torch.rand(30), torch.randint(2, (30,)))
print("auroc", area.compute().item())
print("map", MultilabelAveragePrecision(3)(torch.rand(20, 3), torch.randint(2, (20, 3))).item())
for metric in (MeanSquaredError(), PearsonCorrCoef(), R2Score(), SpearmanCorrCoef()):
    for _ in range(2):
        x = torch.randn(20)
        metric.update(x + 0.3 * torch.randn(20), x)
    print(type(metric).__name__, metric.compute().item())
images = torch.rand(2, 3, 32, 32)
print("ssim", StructuralSimilarityIndexMeasure(data_range=1.0)(images, images.flip(0)).item())
print("psnr", PeakSignalNoiseRatio(data_range=1.0)(images, images * 0.9).item())
print("ranks", RetrievalMAP()(torch.rand(12), torch.randint(2, (12,)), indexes=torch.arange(12) // 4).item())
print("perplexity", Perplexity()(torch.randn(2, 5, 7), torch.randint(7, (2, 5))).item())
print(pairwise_cosine_similarity(torch.randn(3, 4)))
mean = MeanMetric()
mean.update(torch.tensor([1.0, 3.0]), weight=torch.tensor([1.0, 2.0]))
print(mean, mean.compute(), {**mean.state_dict()}, torchmetrics.Metric in type(mean).__mro__)
print((mean + 1).compute())
