"""What of a node's CPUs and GPUs a seed takes, and how many seeds find room on a cluster at once."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pipeline.config.settings import AUTO
from pipeline.config.values import ConfigError

Node = Mapping[str, float]  # how many of each resource it has


class Needs(NamedTuple):
    """The CPUs and GPUs of a seed, or its share of a GPU, named as Ray names them."""

    num_cpus: int
    num_gpus: float

    @classmethod
    def of(cls, values: Mapping[str, Any], nodes: Sequence[Node]) -> "Needs":
        """Return what checked settings take on a cluster; raise ConfigError where no node has it."""
        devices, gpus = values["devices"], values["ray_gpus"]
        if gpus == AUTO:
            gpus = float(devices * (values["device"] != "cpu" and any(node.get("GPU") for node in nodes)))
        if not gpus and values["device"] == "cuda":
            raise ConfigError("device must be cpu or auto on a cluster without GPUs, or with ray_gpus=0; got 'cuda'")
        needs = cls(devices * values["ray_cpus"], gpus)
        if not needs.places(nodes):
            raise ConfigError(
                f"ray_cpus and ray_gpus must fit on one node: none of {len(nodes)} has {needs.num_cpus} CPUs and "
                f"{gpus:g} GPUs: ask for less"
            )
        return needs

    def places(self, nodes: Sequence[Node]) -> int:
        """Return how many seeds find room at once."""
        return sum(map(self._places_on, nodes))

    def _places_on(self, node: Node) -> int:
        by_cpus = int(node.get("CPU", 0) / self.num_cpus)
        if not self.num_gpus:
            return by_cpus
        gpus = int(node.get("GPU", 0))
        shared = self.num_gpus <= 1  # a share is of one GPU
        return min(by_cpus, gpus * int(1 / self.num_gpus) if shared else gpus // int(self.num_gpus))
