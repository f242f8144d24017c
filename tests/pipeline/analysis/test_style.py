"""Colours of groups and layers, the number of seeds in words, and figures that are the same for everybody."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from pipeline.analysis.comparison import Compared, accuracy_table
from pipeline.analysis.figures import style
from pipeline.analysis.figures.comparison_figures import comparison_figures
from pipeline.analysis.figures.dataset_figures import dataset_figures
from pipeline.analysis.figures.study_figures import study_figures

ROOT = Path(__file__).parents[3]
GROUPS = {"a": "early", "b": "early", "c": "later", "d": ""}
TASTE = """
text.usetex: True
savefig.bbox: tight
savefig.dpi: 40
savefig.transparent: True
font.family: serif
font.size: 20
figure.dpi: 50
figure.facecolor: black
axes.facecolor: red
axes.prop_cycle: cycler('color', ['k'])
axes.grid: True
axes.formatter.limits: -1, 1
lines.linewidth: 9
lines.marker: x
legend.frameon: True
image.cmap: jet
svg.fonttype: none
xtick.labelsize: 3
"""


def test_seeds_text_counts_missing_seeds() -> None:
    assert style.seeds_text([1, 2], 3) == "2 of 3 seeds"
    assert style.seeds_text([1], 1) == "1 seed"


def test_shades_go_from_dark_to_light_and_groups_have_different_colours() -> None:
    dark, light = style.shades("#0072B2", 2)
    assert sum(dark) < sum(to_rgb("#0072B2")) < sum(light)
    colours = style.group_colours(["", "a", "a", "b"])
    assert len(set(colours.values())) == 3


def pets() -> Iterator[tuple[str, Figure]]:
    images, labels = np.zeros((4, 32, 32, 1), dtype=np.uint8), np.array([0, 1, 0, 1], dtype=np.uint8)
    return dataset_figures(images, labels, [2, 2], [1, 1], classes=["cat", "dog"], name="Pets")


def written(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_no_matplotlibrc_and_no_importing_program_changes_a_figure(
    histories: Callable, compared: Callable[..., Compared], tmp_path: Path
) -> None:
    (tmp_path / "taste").write_text(TASTE)
    study, other = histories({0: 3, 7: 2}, GROUPS), compared("FMNIST")

    def draw(folder: Path) -> dict[str, bytes]:
        style.write_all(study_figures(study, "title"), folder)
        style.write_all(comparison_figures([other], accuracy_table([other])), folder)
        style.write_all(pets(), folder)
        return written(folder)

    ordinary = draw(tmp_path / "ordinary")
    with matplotlib.rc_context(fname=str(tmp_path / "taste")):
        mine = dict(matplotlib.rcParams)
        assert draw(tmp_path / "with taste") == ordinary
        assert dict(matplotlib.rcParams) == mine
    assert len(ordinary) == 2 * (6 + 3 + 2)


@pytest.mark.parametrize("backend", ["module://matplotlib_inline.backend_inline", "qtagg", "nonsense", ""])
def test_a_notebook_s_backend_and_a_matplotlibrc_in_the_working_folder_do_not_matter(
    tmp_path: Path, backend: str
) -> None:
    style.write_all(pets(), tmp_path / "ordinary")
    (tmp_path / "matplotlibrc").write_text(TASTE)
    code = """
import os
from pathlib import Path
from pipeline.analysis.figures import style
import matplotlib
from tests.pipeline.analysis.test_style import pets
style.write_all(pets(), Path("figures"))
print(os.environ["MPLBACKEND"], matplotlib.rcParams._get_backend_or_none(), matplotlib.rcParams["font.size"])
"""
    environment = os.environ | {"MPLBACKEND": backend, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", code]
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert written(tmp_path / "figures") == written(tmp_path / "ordinary")
    assert ran.stdout.split() == [*backend.split(), "qtagg" if backend == "qtagg" else "None", "20.0"], (
        "the program's own"
    )
