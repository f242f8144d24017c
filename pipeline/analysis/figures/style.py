"""The style of all figures: colours that colour-blind readers can tell apart, axes, marks, and output files."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from matplotlib import rc_context, rcdefaults
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from pipeline.analysis.statistics import Histories

# Okabe and Ito's palette; grey for layers without a group
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
GREY = "#6E6E6E"
NO_GROUP = "no group"
NAMED_STOPS = 3
DOTS_PER_INCH = 150
MOST_VECTOR_POINTS = 40_000
LONGEST_LABEL = 60  # characters
Numbers = NDArray[np.float64]
Colour = tuple[float, float, float]


def new_figure(width: float = 9, height: float = 5) -> Figure:
    # the layout must be computed at the resolution of the file, since the width of letters depends on it
    return Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout="constrained")


def group_colours(groups: Iterable[str]) -> dict[str, str]:
    """Return a colour for each group in order, and grey for the empty name."""
    named = [group for group in dict.fromkeys(groups) if group]
    return {group: PALETTE[index % len(PALETTE)] for index, group in enumerate(named)} | {"": GREY}


def line(group: str) -> str:
    """Return the line style of a group: dashed for no group, as grey can look like a group's lightest shade."""
    return "-" if group else "--"


def shades(colour: str, count: int) -> list[Colour]:
    """Return a colour in `count` shades, from dark (shallow layers) to light (deep ones)."""
    base = np.array(to_rgb(colour))
    dark, light = 0.55 * base, base + 0.45 * (1 - base)
    if count == 1:
        return [to_rgb(colour)]
    return [(r, g, b) for r, g, b in np.linspace(dark, light, count)]


def open_axes(axes: Axes) -> None:
    """Draw a light grid, and no frame at the top and right."""
    axes.grid(alpha=0.25, linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)


def epoch_axis(axes: Axes, histories: Histories, *, colour: str = "black") -> None:
    """Label the epochs, and mark those at which seeds ended early: the mean may jump there."""
    last = histories.last_epoch
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlim(0.5, last + 0.5)
    early = {seed: epoch for seed, epoch in histories.last_epochs.items() if epoch < last}
    stops = sorted(set(early.values()))
    for epoch in stops:
        faint = min(1, (NAMED_STOPS / len(stops)) ** 0.5)
        axes.axvline(epoch + 0.5, color=colour, linewidth=0.9, linestyle=(0, (2, 3)), alpha=faint)
    if early:
        named = [f"seed {seed} after epoch {epoch}" for seed, epoch in sorted(early.items(), key=lambda stop: stop[1])]
        counted = f"{len(early)} seeds, after epochs {' to '.join(map(str, dict.fromkeys((stops[0], stops[-1]))))}"
        which = ", ".join(named) if len(named) <= NAMED_STOPS else counted
        axes.set_xlabel(f"epoch\nended early (dotted lines):\n{which}")


def many(points: int) -> bool:
    """Return whether the points, some 20 bytes each in an SVG, take more space there than an image of them."""
    return points > MOST_VECTOR_POINTS


def log_axis(axes: Axes, label: str) -> None:
    """Label the y axis, and make it logarithmic with plain numbers if anything drawn is above zero."""
    axes.set_ylabel(label)
    if any((np.asarray(line.get_ydata()) > 0).any() for line in axes.lines):
        axes.set_yscale("log", nonpositive="mask")
        plain_numbers(axes.yaxis)


def plain_numbers(axis: Axis) -> None:
    """Write 0.05, 0.1, 0.2 on a logarithmic axis instead of powers of ten."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _position: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def marker(histories: Histories) -> str | None:
    """Return a marker if the epochs are few enough to tell apart."""
    return "o" if histories.last_epoch <= 20 else None


def label(layer: str) -> str:
    """Return a layer's name, or of a long one its beginning and end: it needs room beside the axes."""
    return layer if len(layer) <= LONGEST_LABEL else f"{layer[: LONGEST_LABEL // 2]}…{layer[-LONGEST_LABEL // 2 :]}"


def seeds_text(seeds: Sequence[int], asked: int) -> str:
    """Return how many seeds a figure shows, and of how many if some are missing."""
    return f"{len(seeds)} of {asked} seeds" if len(seeds) < asked else f"{asked} seed{'s' * (asked != 1)}"


@contextmanager
def matplotlib_defaults() -> Iterator[None]:
    """Draw with matplotlib's own defaults, whatever a matplotlibrc or the importing program sets; restore it after."""
    with rc_context():
        rcdefaults()
        yield


@matplotlib_defaults()
def write_all(figures: Iterable[tuple[str, Figure]], folder: Path) -> None:
    """Write figures by name, each as it is drawn: `figures` must draw while it is iterated."""
    for name, figure in figures:
        write(figure, folder, name)


def write(figure: Figure, folder: Path, name: str) -> None:
    """Write a figure as PNG and SVG, with the same layout; equal figures make equal files."""
    folder.mkdir(parents=True, exist_ok=True)
    figure.draw_without_rendering()
    figure.set_layout_engine(None)
    figure.savefig(folder / f"{name}.png")
    with rc_context({"svg.hashsalt": name}):
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
