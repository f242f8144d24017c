"""PyTorch Lightning on Digits: a callback logs how much each layer changes, beside Lightning's own metrics.

In a clone of the repository: `pip install .[lightning,plot,mlflow] scikit-learn`, then
`python examples/lightning_loop.py`. It takes seconds, and leaves `mlflow.db` and `lightning.png` in the folder it is
called from.
"""

import lightning
import torch
from layerwise import plot
from layerwise.lightning import LayerwiseCallback
from lightning.pytorch.loggers import MLFlowLogger
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

EPOCHS, TRAINING = 8, 1437  # of 1,797 images of handwritten digits, 8 x 8, values 0 to 16


class Network(lightning.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, kernel_size=3, stride=2, padding=1)
        self.fc = nn.Linear(32 * 4 * 4, 10)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.fc(self.conv2(self.conv1(images).relu()).relu().flatten(1))

    def training_step(self, batch: list[torch.Tensor]) -> torch.Tensor:
        images, labels = batch
        return cross_entropy(self(images), labels)

    def validation_step(self, batch: list[torch.Tensor]) -> None:
        images, labels = batch
        self.log("test_acc", 100 * (self(images).argmax(dim=1) == labels).float().mean(), prog_bar=True)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.02, momentum=0.9)


lightning.seed_everything(0, verbose=False)
digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)
training = DataLoader(TensorDataset(images[:TRAINING], labels[:TRAINING]), batch_size=32, shuffle=True)
test = DataLoader(TensorDataset(images[TRAINING:], labels[TRAINING:]), batch_size=360)

callback = LayerwiseCallback()
trainer = lightning.Trainer(
    max_epochs=EPOCHS,
    logger=MLFlowLogger("digits", tracking_uri="sqlite:///mlflow.db"),
    callbacks=[callback],
    accelerator="cpu",
    enable_checkpointing=False,
    enable_progress_bar=False,
    enable_model_summary=False,
)
trainer.fit(Network(), training, test)

plot(callback.tracker.history).savefig("lightning.png")
print(callback.tracker.history.pivot(index="epoch", columns="layer", values="value").round(4).to_string())
print("Browse it: `mlflow ui` in this folder, then http://127.0.0.1:5000, the experiment `digits`, Model metrics")
