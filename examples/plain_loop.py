"""A plain PyTorch loop that prints how much each layer changed in each epoch: two lines of it are layerwise.

In a clone of the repository: `pip install . scikit-learn`, then `python examples/plain_loop.py`. It takes seconds.
"""

from collections import OrderedDict

import torch
from layerwise import LayerTracker
from sklearn.datasets import load_digits
from torch import nn
from torch.nn.functional import cross_entropy

EPOCHS, BATCH, TRAINING = 8, 32, 1437  # of 1,797 images of handwritten digits, 8 x 8, values 0 to 16

torch.manual_seed(0)
digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16
labels = torch.tensor(digits.target)

layers = {
    "conv1": nn.Conv2d(1, 16, kernel_size=3, padding=1),
    "relu1": nn.ReLU(),
    "conv2": nn.Conv2d(16, 32, kernel_size=3, stride=2, padding=1),
    "relu2": nn.ReLU(),
    "flatten": nn.Flatten(),
    "fc1": nn.Linear(32 * 4 * 4, 64),
    "relu3": nn.ReLU(),
    "fc2": nn.Linear(64, 10),
}
model = nn.Sequential(OrderedDict(layers))
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
tracker = LayerTracker(model, ["rwc"])  # the first line

print("relative weight change of each layer")
print("epoch  test accuracy" + "".join(f"{layer:>9}" for layer in tracker.weights))
for epoch in range(1, EPOCHS + 1):
    for batch in torch.randperm(TRAINING).split(BATCH):
        loss = cross_entropy(model(images[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    rwc = tracker.epoch_end()["rwc"]  # the second
    with torch.no_grad():
        predicted = model(images[TRAINING:]).argmax(dim=1)
    accuracy = 100 * (predicted == labels[TRAINING:]).float().mean().item()
    print(f"{epoch:5}{accuracy:13.1f} %" + "".join(f"{change:9.4f}" for change in rwc.values()))
