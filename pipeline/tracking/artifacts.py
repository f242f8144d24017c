"""Files of a run, downloaded."""

import errno
import os
from pathlib import Path

from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from pipeline.host.disk import is_full
from pipeline.tracking.retry import StoreError, first_line, is_outage

NO_SPACE = os.strerror(errno.ENOSPC)


def download(artifacts: str, path: str, folder: str) -> Path:
    """Download a file of a run's artifacts into a folder and return where it is.

    Raise StoreError where it is missing or refused; what the store raises in an outage passes, and so does a full disk.
    """
    repository = get_artifact_repository(artifacts)  # not the client, which first asks for the run with all its metrics
    try:
        return Path(repository.download_artifacts(path, folder))  # type: ignore[no-untyped-call]  # mlflow's
    except Exception as error:
        if NO_SPACE in str(error):  # all that MLflow's threads for downloads keep of it
            raise OSError(errno.ENOSPC, NO_SPACE) from error
        if is_outage(error) or is_full(error):
            raise
        raise StoreError(
            f"{path} cannot be downloaded from {artifacts} ({first_line(error)}): check access to the artifact store, "
            "and the same command resumes; fresh=true trains from the start instead"
        ) from error
