"""What a seed's page in MLflow opens with: its study, its accuracy, and what changed most."""

from collections.abc import Mapping, Sequence

from pipeline.analysis.answer import opening
from pipeline.analysis.statistics import Histories
from pipeline.tracking.description import NEW_LINE, Page, describe, links, plain
from pipeline.tracking.queries import StoredSeed, StoredStudy
from pipeline.tracking.run import Run


def describe_seeds(
    study: Run, stored: StoredStudy, finished: Sequence[StoredSeed], histories: Histories, paper: Mapping[str, str]
) -> None:
    """Describe each seed by its own numbers, with links to the study; `paper` as in `analysis/answer.py`."""
    page, settings = Page(study), stored.settings
    leads = links({stored.name: page.of(study.id), "its report": page.artifact("report.html")})
    for seed in finished:
        said = opening(
            histories.of_seed(seed.number),
            model=settings["model_name"],
            dataset=settings["dataset"],
            asked=1,
            paper=paper,
        )
        describe(Run(seed.id), [f"Seed {seed.number} of {leads}{NEW_LINE}{plain(' '.join(said))}"])
