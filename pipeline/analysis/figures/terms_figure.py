"""Why layers differ in the elementwise form: each layer's terms as stacked bars."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter

from pipeline.analysis.figures import style
from pipeline.analysis.statistics import Histories
from pipeline.analysis.terms import ANGLE, CANCELLATION, CHANGE, NORMS, REST, SHAPE, WHOLE, Contrast, contrast
from pipeline.analysis.windows import Window

LABELS = {
    CHANGE: "motion: change of the epoch (l2_change)",
    ANGLE: "motion: step angle / its level",
    CANCELLATION: "motion: what survives an epoch",
    NORMS: "shape, in rwc / l2_change",
    SHAPE: "size and shape (shape_factor B)",
    REST: "rest",
}
ALL = "all of rwc_elementwise"
COLOURS = dict(zip((SHAPE, CHANGE, ANGLE, CANCELLATION, NORMS, REST), (*style.PALETTE[:5], style.GREY), strict=True))
FACTORS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20)


def terms_figure(histories: Histories, heading: str) -> Figure | None:
    """Draw each term of each layer as a factor of its geometric mean over layers; None where the study lacks terms."""
    found = contrast(histories)
    if found is None:
        return None
    layers = found.layers
    figure = style.new_figure(height=max(3.5, 0.3 * len(layers) + 2))
    axes = figure.subplots()
    _stack(axes, found.parts, len(layers))
    axes.plot(found.whole, range(len(layers)), "D", color="black", markersize=5, label=ALL, zorder=3)
    axes.set_yticks(range(len(layers)), list(map(style.label, layers)), fontsize=8)
    axes.invert_yaxis()
    _factors(axes)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1), fontsize=8)
    read = (
        f"{Window.LATE.text(histories.last_epoch)}, mean over the seeds\nshares of the spread: {shares_in_words(found)}"
    )
    axes.set_title(f"Why layers differ in rwc_elementwise: {heading}\n{read}", fontsize=10)
    return figure


def shares_in_words(found: Contrast) -> str:
    shares = [(name, found.shares[name]) for name in WHOLE]
    return ", ".join(f"{name} {share:.0%}" for name, share in shares if np.isfinite(share))


def _stack(axes: Axes, drawn: dict[str, style.Numbers], count: int) -> None:
    """Draw bars from zero: positive terms to the right, negative ones to the left."""
    ends = {1: np.zeros(count), -1: np.zeros(count)}
    for name, values in drawn.items():
        for sign, end in ends.items():
            part = np.where(sign * values > 0, values, 0)
            axes.barh(
                range(count), part, left=end, color=COLOURS[name], height=0.7, label=LABELS[name] if sign > 0 else None
            )
            end += part
    axes.axvline(0, color="black", linewidth=0.8)


def _factors(axes: Axes) -> None:
    axes.xaxis.set_major_locator(FixedLocator(list(np.log(FACTORS))))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _position: f"x{np.exp(value):g}"))
    axes.set_xlabel("factor against the geometric mean of the layers")
    style.open_axes(axes)
