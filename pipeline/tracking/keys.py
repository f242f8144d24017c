"""The metric keys of layers and groups, the same on seed and study runs, so that MLflow draws them in one chart."""

from collections.abc import Iterable


def layer_keys(layers: Iterable[str]) -> dict[str, str]:
    """Return {layer: key}; positions start at 1 and have as many digits as the last needs, at least two."""
    names = list(layers)
    digits = max(2, len(str(len(names))))
    return {layer: f"rwc/{position:0{digits}}_{layer}" for position, layer in enumerate(names, start=1)}


def group_key(group: str) -> str:
    return f"rwc_group/{group}"
