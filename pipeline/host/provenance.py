"""Which code and packages made the numbers of a run."""

import hashlib
import math
import os
import platform
import re
import subprocess
from functools import cache
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parents[2]
CODE = f"HEAD:./{Path(__file__).relative_to(ROOT)}"  # what a commit of this project holds, and no other
COMMIT = "LAYERWISE_COMMIT"  # of code that was sent here without its history
UNKNOWN = "unknown"
# a hook of another repository sets them
OTHER_REPOSITORY = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY")
PACKAGES = ("torch", "torchvision", "mlflow", "numpy")


@cache
def commit() -> str:
    """Return the commit that holds the project's code, with -dirty and a hash of what differs from it, or UNKNOWN.

    git looks for a repository in all folders above, which may be that of something else.
    """
    if sent := os.environ.get(COMMIT):
        return sent
    try:
        _git("cat-file", "-e", CODE)
        known, changed = _git("rev-parse", "--short=12", "HEAD").decode(), _git("status", "--porcelain", "--", ".")
        content = _git("diff", "HEAD", "--", ".") if changed else b""
    except (OSError, subprocess.CalledProcessError):
        return UNKNOWN
    dirty = f"-dirty-{hashlib.sha256(changed + content).hexdigest()[:8]}" if changed else ""
    return known.strip() + dirty


def _git(*command: str) -> bytes:
    here = {name: value for name, value in os.environ.items() if name not in OTHER_REPOSITORY}
    return subprocess.run(["git", "-C", str(ROOT), *command], capture_output=True, check=True, env=here).stdout


def history(former: str, now: str, first: int) -> str:
    """Return what made the epochs of a run: `former` those before epoch `first`, `now` the others.

    Like `a; from epoch 4: b`: a run that other code resumes keeps the record of both.
    """
    kept = [(epoch, text) for epoch, text in _spans(former) if epoch < first]
    if not kept or kept[-1][1] != now:
        kept.append((first, now))
    return kept[0][1] + "".join(f"; from epoch {epoch}: {text}" for epoch, text in kept[1:])


def made_after(record: str, epoch: int) -> set[str]:
    """Return what made the epochs of a `history` after an epoch."""
    begins, texts = zip(*_spans(record), strict=True)
    ends = [*(begin - 1 for begin in begins[1:]), math.inf]
    return {text for text, end in zip(texts, ends, strict=True) if end > epoch}


def made_up_to(record: str, epoch: int) -> set[str]:
    """Return what made the epochs of a `history` up to an epoch."""
    return {text for begin, text in _spans(record) if begin <= epoch}


def _spans(record: str) -> list[tuple[int, str]]:
    """Return the first epoch of each text of a `history`, and the text."""
    text, *later = re.split(r"; from epoch (\d+): ", record)
    return [(1, text), *((int(epoch), text) for epoch, text in zip(later[::2], later[1::2], strict=True))]


def versions() -> str:
    """Return the versions of Python and of the packages that numbers depend on."""
    return ", ".join([f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in PACKAGES)])


def release() -> str:
    """Return the version of the project, read from the source of `layerwise`: importing that would import torch."""
    source = (ROOT / "pipeline" / "measure" / "__init__.py").read_text()
    return next(line.split('"')[1] for line in source.splitlines() if line.startswith("__version__ ="))
