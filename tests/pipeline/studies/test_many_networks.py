"""Networks of other people train an epoch on Digits: one of each family of torchvision's, and ten of public kinds."""

from collections.abc import Callable
from pathlib import Path

import mlflow
import pytest

from tests.support.networks import NETWORKS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
FAMILIES = (
    "convnext_tiny", "densenet121", "efficientnet_b0", "efficientnet_v2_s", "googlenet", "mnasnet0_5", "mobilenet_v2",
    "mobilenet_v3_small", "regnet_x_400mf", "regnet_y_400mf", "resnet18", "resnext50_32x4d", "shufflenet_v2_x0_5",
    "squeezenet1_0", "squeezenet1_1", "swin_t", "swin_v2_t", "vgg11", "vgg11_bn", "vit_b_32", "wide_resnet50_2",
)  # fmt: skip
OWN = Path(__file__).parents[2] / "support" / "networks.py"
MODELS = [*(f"torchvision:{name}" for name in FAMILIES), *(f"{OWN}:{network.__name__}" for network in NETWORKS)]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.rpartition(":")[2])
def test_an_epoch_on_digits(call: Callable[..., tuple[int, str, str]], model: str, precision: str) -> None:
    given = {
        "model_name": model,
        "dataset": "Digits",
        "batch_size": 32,
        "epochs": 1,
        "seeds": "0",
        "target_val_acc": "none",
    }
    code, out, err = call("study", *(f"--{name}={value}" for name, value in given.items()), f"--precision={precision}")
    assert code == 0, err
    assert "contiguous memory" in err if model.endswith(":LeNet") else err == "", out
    (seed,) = mlflow.MlflowClient().search_runs(["0"], "tags.`layerwise.kind` = 'seed'")
    assert seed.data.metrics["test_acc"] > 0
    assert seed.outputs.model_outputs
