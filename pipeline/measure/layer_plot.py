"""Draw a measurement of each layer over the epochs, as a study's figure `rwc_layers` does."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from .history import History, Row, rows_of
from .keys import THIRDS, thirds

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    Colour = tuple[float, ...]

# of a study's figures (pipeline/analysis/figures/style.py), with which a test compares these
PALETTE = dict(zip(THIRDS, ("#0072B2", "#D55E00", "#009E73"), strict=True))
FEW_EPOCHS, FEW_LAYERS = 20, 24


def plot(
    history: "History | Iterable[Row]",
    metric: str = "rwc",
    *,
    title: str = "How much each layer changes",
    every: int | None = None,
) -> "Figure":
    """Return a figure with a line for each layer: a colour for each third of the depth, dark for shallow layers.

    `history` is a tracker's, or what `read_history` returned, measured after every epoch or after every `every` steps.
    `plot(history).savefig("rwc.png")` writes the figure. ModuleNotFoundError without matplotlib; ValueError if the
    history has no value of `metric`.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("layerwise.plot needs matplotlib: pip install 'layerwise[plot]'") from error
    lines = _lines(history, metric, every or 1)
    figure = Figure(figsize=(9, 5), dpi=150, layout="constrained")
    axes = figure.subplots()
    _draw(axes, lines, every or 1)
    axes.set_xlabel("step" if every else "epoch")
    axes.set_ylabel(
        f"relative weight change per {f'{every} steps' if every else 'epoch'}" if metric == "rwc" else metric
    )
    _style(axes, [value for points in lines.values() for _, value in points])
    axes.set_title(title, fontsize=10)
    return figure


def _lines(history: "History | Iterable[Row]", metric: str, unit: int) -> dict[str, list[tuple[int, float]]]:
    """Return {layer: points}, layers in the order of the history."""
    rows = rows_of(history)
    lines: dict[str, list[tuple[int, float]]] = {}
    for row in rows:
        if row.metric == metric:
            lines.setdefault(row.layer, []).append((row.epoch * unit, row.value))
    if not lines:
        has = ", ".join(dict.fromkeys(row.metric for row in rows))
        raise ValueError(f"no {metric} in this history; it has {has}" if has else "the history has no epoch yet")
    return lines


def _draw(axes: "Axes", lines: dict[str, list[tuple[int, float]]], unit: int) -> None:
    third_of, last = thirds(list(lines)), max(epoch for points in lines.values() for epoch, _ in points)
    named = len(lines) <= FEW_LAYERS
    for third, colour in PALETTE.items():
        layers = [layer for layer in lines if third_of[layer] == third]
        for layer, shade in zip(layers, _shades(colour, len(layers)), strict=True):
            epochs, values = zip(*lines[layer], strict=True)
            axes.plot(
                epochs, values, color=shade, linewidth=min(1.8, max(1, 60 / len(lines))), markersize=3,
                marker="o" if last <= FEW_EPOCHS * unit else None, label=f"{third}  {layer}" if named else None,
            )  # fmt: skip
        if not named:
            axes.plot([], [], color=colour, linewidth=3, label=third)
    axes.set_xlim(0.5 * unit, last + 0.5 * unit)
    axes.legend(
        title="third of the depth\n(dark: shallow, light: deep)", title_fontsize=8, fontsize=8, alignment="left",
        frameon=False, loc="upper left", bbox_to_anchor=(1, 1),
    )  # fmt: skip


def _style(axes: "Axes", values: list[float]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if any(value > 0 for value in values) and not any(value < 0 for value in values):
        axes.set_yscale("log", nonpositive="mask")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _position: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def _shades(colour: str, count: int) -> "list[Colour]":
    """Return a colour in `count` shades, from dark to light."""
    from matplotlib.colors import to_rgb

    base = to_rgb(colour)
    if count == 1:
        return [base]
    dark, light = [0.55 * part for part in base], [part + 0.45 * (1 - part) for part in base]
    return [
        tuple(low + (high - low) * index / (count - 1) for low, high in zip(dark, light, strict=True))
        for index in range(count)
    ]
