"""The description at the top of a run's page in MLflow: what ran, the result, and links to details."""

import hashlib
import re
from collections.abc import Mapping, Sequence

from pipeline.tracking.limits import TAG, shortened
from pipeline.tracking.mlflow_internals import TRAINING_LAYOUT
from pipeline.tracking.run import Run

NOTE = "mlflow.note.content"
OURS = "layerwise.description"
NEW_LINE = "  \n"  # within a paragraph, in Markdown: MLflow shows as many lines as fit, and gaps count
MARKS = re.compile(r"[\\`*_\[\]<>#|!~&$]")


class Page:
    """The addresses of what a run holds, relative to the page that MLflow shows it on."""

    def __init__(self, run: Run) -> None:
        self.run_id = run.id
        self.experiment: str = run.client.get_run(run.id).info.experiment_id

    def of(self, run_id: str, path: str = "") -> str:
        return f"#/experiments/{self.experiment}/runs/{run_id}{path}?{TRAINING_LAYOUT}"

    def artifact(self, path: str) -> str:
        return self.of(self.run_id, f"/artifacts/{path}")

    def picture(self, path: str, what: str) -> str:
        return f"![{what}](get-artifact?path={path}&run_uuid={self.run_id})"


def describe(run: Run, paragraphs: Sequence[str]) -> None:
    """Set a run's description, in Markdown, unless a person has written one: MLflow shows some four lines unopened."""
    text = shortened("\n\n".join(paragraphs), TAG)
    tags = run.tags()
    written = tags.get(NOTE, "")
    if written and tags.get(OURS) != _digest(written):
        return
    run.set_tags({NOTE: text, OURS: _digest(text)})


def links(addresses: Mapping[str, str]) -> str:
    """Return links {what: where to} in a line."""
    return " · ".join(f"[{what}]({address})" for what, address in addresses.items())


def plain(text: str) -> str:
    """Return text so that Markdown shows it as it is: names of layers and data sets may hold anything."""
    return MARKS.sub(r"\\\g<0>", " ".join(text.split()))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
