"""A loop of one's own that logs the change of each layer to MLflow, under the keys that the project's seed runs have.

In a clone of the repository: `pip install . scikit-learn mlflow`, then `python examples/mlflow_loop.py`. It takes
seconds, and leaves `mlflow.db` in the folder it is called from.
"""

import mlflow
import torch
from layerwise import LayerTracker, as_metrics
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import cross_entropy

PARAMS = {"lr": 0.02, "momentum": 0.9, "batch_size": 32, "epochs": 8, "seed": 0}
TRAINING = 1437  # of 1,797 images of handwritten digits, 8 x 8, values 0 to 16


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, kernel_size=3, stride=2, padding=1)
        self.fc = nn.Linear(32 * 4 * 4, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.fc(self.conv2(self.conv1(images).relu()).relu().flatten(1))


torch.manual_seed(PARAMS["seed"])
digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)
model = Network()
optimizer = torch.optim.SGD(model.parameters(), lr=PARAMS["lr"], momentum=PARAMS["momentum"])
tracker = LayerTracker(model)

with mlflow.start_run(run_name="digits"):
    mlflow.log_params(PARAMS)
    for epoch in range(1, PARAMS["epochs"] + 1):
        for batch in torch.randperm(TRAINING).split(PARAMS["batch_size"]):
            loss = cross_entropy(model(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            predicted = model(images[TRAINING:]).argmax(dim=1)
        accuracy = 100 * (predicted == labels[TRAINING:]).float().mean().item()
        mlflow.log_metrics(as_metrics(tracker.epoch_end()) | {"test_acc": accuracy}, step=epoch)

print("Browse it: `mlflow ui` in this folder, then http://127.0.0.1:5000, the run `digits`, Model metrics")
