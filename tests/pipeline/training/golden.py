"""Print the losses of a seed's first steps, to the last bit.

To record them: python tests/pipeline/training/golden.py > tests/pipeline/training/golden.json
"""

import json
import os
import sys
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[3]
# One thread, and kernels that are the same on every x86-64 machine with AVX2. COMPATIBLE is the one branch that MKL
# takes on the processors of all makers; oneDNN chooses its blocks by the size of the caches, and is switched off below.
PINNED = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_CBWR": "COMPATIBLE",
    "OMP_NUM_THREADS": "1",
    "ONEDNN_MAX_CPU_ISA": "AVX2",  # the forms of small maps are those of every processor
    "OPENBLAS_CORETYPE": "Haswell",
    "PYTHONPATH": str(ROOT),
}
STEPS = {"AlexNet": 20}
SETTINGS = {
    "dataset": "Digits",
    "batch_size": "16",
    "lr": "0.01",
    "momentum": "0.9",
    "weight_decay": "1e-4",
    "val_split": "0",
    "pretrained": "false",
    "precision": "fp32",
    "device": "cpu",
    "compile": "false",
}


def losses(model_name: str, steps: int) -> list[str]:
    """Return the training loss of each step, in hexadecimal, computed from what goes in and out of the model."""
    from torch.nn.functional import cross_entropy

    from data.prepared import prepare
    from pipeline.config.resolve import load_config
    from pipeline.training.loop import train_epoch
    from pipeline.training.scores import Scores
    from pipeline.training.setup import make_trainer

    with TemporaryDirectory() as folder:
        config = load_config(SETTINGS | {"model_name": model_name, "data_dir": folder})
        trainer = make_trainer(config, 0, prepare(config.data, Path(folder)))
        seen, by_step = [], []

        def first_batches(loader):
            for _images, labels in islice(loader, steps):
                seen.append(labels)
                yield _images, labels

        def record(module, _inputs, logits):
            if module.training:
                by_step.append(cross_entropy(logits.detach(), seen[-1]).item().hex())

        trainer.model.register_forward_hook(record)
        train_epoch(trainer.model, first_batches(trainer.loaders["train"]), trainer.optimizer, "fp32", Scores())
    return by_step


def main() -> None:
    import torch  # only now: kernels are chosen as torch is imported

    torch.backends.mkldnn.enabled = False
    torch.backends.nnpack.set_flags(False)
    by_model = {model: losses(model, steps) for model, steps in STEPS.items()}
    print(json.dumps({"torch": torch.__version__.partition("+")[0], "losses": by_model}, indent=1))


if __name__ == "__main__":
    os.chdir(ROOT)
    if not PINNED.items() <= os.environ.items():
        os.execve(sys.executable, [sys.executable, __file__], {**os.environ, **PINNED})
    main()
