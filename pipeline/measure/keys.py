"""The metric keys of layers and groups: the same for every run, so that MLflow draws runs in one chart."""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256

THIRDS = ("first", "middle", "last")
LONGEST = 250  # characters of a metric's name in MLflow


def layer_keys(layers: Iterable[str], metric: str = "rwc") -> dict[str, str]:
    """Return {layer: key}; positions start at 1 and have as many digits as the last needs, at least two."""
    names = list(layers)
    digits = max(2, len(str(len(names))))
    return {layer: _within(f"{metric}/{position:0{digits}}_{layer}") for position, layer in enumerate(names, start=1)}


def group_key(group: str, metric: str = "rwc") -> str:
    return _within(f"{metric}_group/{group}")


def _within(key: str) -> str:
    """Return a key, or a too long one with a digest in place of its middle."""
    if len(key) <= LONGEST:
        return key
    digest = sha256(key.encode()).hexdigest()[:8]
    half = (LONGEST - len(digest) - 2) // 2
    return f"{key[:half]}-{digest}-{key[-half:]}"


def third_key(third: str) -> str:
    """Return the key of the mean over a third of the layers: the same for all networks, whatever their groups."""
    return f"rwc_third/{third}"


def thirds(layers: Sequence[str]) -> dict[str, str]:
    """Return {layer: first, middle or last}, its third of the depth, for the layers of a network in order."""
    count = len(layers)
    ends = [round(count * part / len(THIRDS)) for part in range(len(THIRDS) + 1)]
    return {
        layer: third
        for third, begin, end in zip(THIRDS, ends[:-1], ends[1:], strict=True)
        for layer in layers[begin:end]
    }


def as_metrics(measured: Mapping[str, Mapping[str, float]], names: Iterable[str] = ("rwc",)) -> dict[str, float]:
    """Return {`rwc/01_conv1`: value} for `mlflow.log_metrics`, from measurements by name and layer.

    MLflow draws one chart a key, so name only measurements that you look at. Undefined values stay NaN, which MLflow
    stores. KeyError for a name that was not measured.
    """
    metrics: dict[str, float] = {}
    for name in names:
        keys = layer_keys(measured[name], name)
        metrics |= {keys[layer]: value for layer, value in measured[name].items()}
    return metrics
