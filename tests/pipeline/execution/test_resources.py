"""What a seed takes of a node, and how many seeds find room."""

from typing import Any

import pytest

from pipeline.config.resolve import read_settings
from pipeline.console.errors import BadInput
from pipeline.execution.resources import Needs

PLAIN = {"CPU": 8.0}
WITH_GPUS = {"CPU": 8.0, "GPU": 2.0}


@pytest.mark.parametrize(
    ("given", "needs", "places"),
    [
        ({}, (1, 1.0), 2),
        ({"device": "cpu", "ray_cpus": "3"}, (3, 0.0), 4),
        ({"device": "cpu", "ray_cpus": "3", "devices": "2"}, (6, 0.0), 2),
        ({"devices": "2"}, (2, 2.0), 1),
        ({"ray_gpus": "0.25"}, (1, 0.25), 8),
        ({"ray_gpus": "0.4"}, (1, 0.4), 4),  # two on each GPU: a share is of one
        ({"ray_gpus": "0"}, (1, 0.0), 16),
        ({"ray_gpus": "0.01"}, (1, 0.01), 8),  # as many as there are CPUs
    ],
)
def test_places_are_counted_node_by_node(given: dict[str, Any], needs: tuple[int, float], places: int) -> None:
    nodes = [PLAIN, WITH_GPUS]
    found = Needs.of(read_settings(given), nodes)
    assert found == needs
    assert found.places(nodes) == places


def test_without_gpus_auto_takes_none() -> None:
    assert Needs.of(read_settings({}), [PLAIN]) == (1, 0.0)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"ray_cpus": "9"}, "none of 1 has 9 CPUs and 0 GPUs: ask for less"),
        ({"ray_gpus": "0.5"}, "none of 1 has 1 CPUs and 0.5 GPUs: ask for less"),
        ({"device": "cuda"}, "device must be cpu or auto on a cluster without GPUs, or with ray_gpus=0; got 'cuda'"),
    ],
)
def test_what_fits_on_no_node_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        Needs.of(read_settings(given), [PLAIN])
