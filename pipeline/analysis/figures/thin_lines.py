"""Thin lines of many seeds: a collection of lines or, where they are very many, an image."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.collections import LineCollection
from numpy.typing import NDArray

from pipeline.analysis.figures.style import Colour, Numbers, many

FEW_LINES = 100
BEHIND = 1.5  # all other lines


def thin_lines(axes: Axes, x: Numbers, curves: Numbers, colours: Sequence[Colour]) -> None:
    """Draw seeds x layers x points as thin lines behind all others, one colour per layer; the more, the fainter."""
    seeds, layers, points = curves.shape
    lines = np.stack(np.broadcast_arrays(x, curves), axis=-1).reshape(seeds * layers, points, 2)
    ink = min(1, (FEW_LINES / len(lines)) ** 0.5)
    look: dict[str, Any] = {
        "colors": np.tile(colours, (seeds, 1)),
        "linewidths": max(0.3, 0.6 * ink),
        "alpha": 0.4 * ink,
    }
    if many(seeds * layers * points):
        axes.update_datalim(lines.reshape(-1, 2))
        axes.add_artist(Cloud(lines, look))
    else:
        axes.add_collection(LineCollection(list(lines), zorder=BEHIND, **look))


class Cloud(Artist):
    """Lines x points x 2 as an image, drawn once: matplotlib would draw them for each file, which takes most time."""

    def __init__(self, lines: Numbers, look: dict[str, Any]) -> None:
        super().__init__()
        self.lines, self.look = lines, look
        self.set_zorder(BEHIND)

    def draw(self, renderer: RendererBase) -> None:
        """Draw the image, once the layout is final."""
        figure = self.get_figure(root=True)
        if figure and figure.get_layout_engine() is None:
            pixels, corner = self._image
            x, y = corner / renderer.get_image_magnification()
            renderer.draw_image(renderer.new_gc(), x, y, pixels)

    @cached_property
    def _image(self) -> tuple[NDArray[np.uint8], Numbers]:
        """The pixels of the axes, and where their lower left corner lies in the figure."""
        assert self.axes
        corner, end = np.floor(self.axes.bbox.get_points() + 0.5)
        places = self.axes.transData.transform(self.lines.reshape(-1, 2)).reshape(self.lines.shape)
        lines = LineCollection(list(places - corner), **self.look)
        width, height = end - corner
        renderer = RendererAgg(width, height, self.axes.figure.dpi)  # type: ignore[no-untyped-call]  # untyped there
        lines.draw(renderer)
        return np.asarray(renderer.buffer_rgba())[::-1], corner  # type: ignore[no-untyped-call]  # untyped there
