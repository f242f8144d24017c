"""Files of a run: listed, and downloaded."""

import errno
import os
from pathlib import Path

from mlflow import artifacts as store

from pipeline.host.disk import is_full
from pipeline.tracking.retry import StoreError, first_line, is_outage

NO_SPACE = os.strerror(errno.ENOSPC)


def list_files(artifacts: str, folder: str = "") -> set[str]:
    """Return the names of a run's artifacts, or of those in a folder of them."""
    uri = f"{artifacts}/{folder}".rstrip("/")
    return {item.path.rpartition("/")[2] for item in store.list_artifacts(artifact_uri=uri)}


def download(artifacts: str, path: str, folder: str) -> Path:
    """Download a file of a run's artifacts into a folder and return where it lies.

    Raise StoreError where it is missing or refused; what the store raises in an outage passes, and so does a full disk.
    """
    try:  # by its address: by the run's id MLflow would first ask for the run with all its metrics
        return Path(store.download_artifacts(artifact_uri=f"{artifacts}/{path}", dst_path=folder))
    except Exception as error:
        if NO_SPACE in str(error):  # all that MLflow's threads for downloads keep of it
            raise OSError(errno.ENOSPC, NO_SPACE) from error
        if is_outage(error) or is_full(error):
            raise
        raise StoreError(
            f"{path} cannot be downloaded from {artifacts} ({first_line(error)}): check access to the artifact store, "
            "and the same command resumes; fresh=true trains from the start instead"
        ) from error
