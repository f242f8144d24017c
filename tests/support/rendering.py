"""What takes most of the time of a tiny study, and can be left out where a test does not look at it."""

from pathlib import Path

import pytest
from matplotlib.figure import Figure

from pipeline.analysis.figures import style
from pipeline.tracking import study_log
from pipeline.training import seed, smoke_test


def leave_out_figures(patch: pytest.MonkeyPatch) -> None:
    """Leave out figures, of which empty files are written, and reports."""

    def write(_figure: Figure, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.png").touch()

    patch.setattr(style, "write", write)
    patch.setattr(study_log, "write_report", lambda *_arguments: None)


def leave_out_models(patch: pytest.MonkeyPatch) -> None:
    """Leave out the export of the best network, and that of the smoke test."""
    patch.setattr(seed, "log_best_model", lambda *_arguments: None)
    patch.setattr(smoke_test, "export_network", lambda *_arguments: None)
