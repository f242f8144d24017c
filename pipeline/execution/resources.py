"""What of a node's CPUs and GPUs a seed takes, and how many seeds find room on a cluster at once."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pipeline.config.schema import Settings
from pipeline.console.errors import BadInput

Node = Mapping[str, float]  # how many of each resource it has


class Needs(NamedTuple):
    """The CPUs and GPUs of a seed, or its share of a GPU, named as Ray names them."""

    num_cpus: int
    num_gpus: float

    @classmethod
    def of(cls, settings: Settings, nodes: Sequence[Node]) -> "Needs":
        """Return what settings take on a cluster; raise BadInput where no node has it."""
        devices, gpus = settings.devices, settings.ray_gpus
        if gpus == "auto":
            gpus = float(devices * (settings.device != "cpu" and any(node.get("GPU") for node in nodes)))
        if not gpus and settings.device == "cuda":
            raise BadInput("device must be cpu or auto on a cluster without GPUs, or with ray_gpus=0; got 'cuda'")
        needs = cls(devices * settings.ray_cpus, gpus)
        if not needs.places(nodes):
            raise BadInput(
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
