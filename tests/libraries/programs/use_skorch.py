"""a classifier with scikit-learn's pipeline, search and scores; a regressor; pickles"""

import pickle

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier, NeuralNetRegressor
from skorch.callbacks import EarlyStopping, EpochScoring, LRScheduler
from torch import nn


class Net(nn.Module):
    def __init__(self, width=16, out=10):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, out))

    def forward(self, x):
        return self.layers(x)


x, y = load_digits(return_X_y=True)
x, y = x[:300].astype(np.float32), y[:300].astype(np.int64)
torch.manual_seed(0)
net = NeuralNetClassifier(
    Net,
    criterion=nn.CrossEntropyLoss,
    optimizer=torch.optim.Adam,
    lr=0.01,
    max_epochs=4,
    batch_size=32,
    verbose=0,
    iterator_train__shuffle=True,
    callbacks=[EpochScoring("accuracy", name="scored"), EarlyStopping(patience=3), LRScheduler("StepLR", step_size=2)],
)
pipeline = make_pipeline(StandardScaler(), net).fit(x, y)
print([(row["train_loss"], row["valid_loss"], float(row["scored"])) for row in net.history])
print(pipeline.score(x, y), pipeline.predict_proba(x[:2]).sum(1).round(3))
again = pickle.loads(pickle.dumps(net))
print(np.allclose(again.predict_proba(x[:5]), net.predict_proba(x[:5])))
torch.manual_seed(1)
net.set_params(callbacks=None, train_split=None)
search = GridSearchCV(net, {"module__width": [8, 24], "max_epochs": [2]}, cv=2, scoring="neg_log_loss", refit=False)
print(search.fit(x / 16, y).cv_results_["mean_test_score"])
torch.manual_seed(2)
line = NeuralNetRegressor(Net, module__out=1, max_epochs=3, lr=0.01, verbose=0, train_split=None)
line.fit(x / 16, y[:, None].astype(np.float32))
print([float(loss) for loss in line.history[:, "train_loss"]], line.predict(x[:3] / 16).ravel().tolist())
