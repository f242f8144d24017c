"""Tables of docs/results.md that are computed from those of studies."""

import pandas as pd

from benchmarks.results import _medians as medians
from benchmarks.results import _shares as shares


def test_the_paper_s_medians_stand_beside_those_of_layers_and_epochs_without_the_first() -> None:
    values = {1: 100.0, 2: 1.0, 3: 3.0}
    rows = [
        (epoch, layer, "early", metric, factor * value)
        for epoch, value in values.items()
        for layer, factor in (("conv1", 1.0), ("conv2", 2.0))
        for metric in ("rwc_elementwise", "rwc")
    ]
    layers = pd.DataFrame(rows, columns=["epoch", "layer", "group", "metric", "mean"])
    others = pd.DataFrame([(2, "x", group, "rwc_elementwise", 5.0) for group in ("middle", "later")],
                          columns=layers.columns)  # fmt: skip
    lines = medians({"VGG19-CIFAR-10": (("VGG19", "CIFAR-10"), pd.concat([layers, others]))})
    assert lines[2] == "| VGG19-CIFAR-10 | early | 1.9 | 1.27 | 2.5 | 1.75 to 3.75 |"
    assert len(lines) == 5
    assert len(medians({"own": (("own.py:Net", "CIFAR-10"), layers)})) == 2


def test_shares_of_the_terms_are_percentages() -> None:
    table = pd.DataFrame({"term": ["shape_factor", "rest", "l2_change"], "share": [0.75, 0.25, float("nan")]})
    assert shares({"study": table})[2] == "| study |  |  | 75% | 25% |"
