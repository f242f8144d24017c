"""An artifact store that refuses files at random moments, or is unreachable when a study resumes."""

import os
import random
import shutil
import signal
import subprocess
from pathlib import Path

from benchmarks.chaos.proxy import DROPPED, refusing
from benchmarks.chaos.record import record
from benchmarks.chaos.study import LIMIT, Left, log_of, phase, start
from tests.support.server import Server


def refuse_files(project: Path, folder: Path, seconds: float, kills: int, draw: random.Random) -> Left:
    """Have the artifact store refuse uploads (403, 413) at random moments, or be unreachable when a study resumes.

    Each time the study must end with a line; the same command resumes once the store accepts and answers.
    """
    failed_at, gate = list[str](), _Gate()
    with Server(folder, os.environ) as server, refusing(server.port, gate) as address:
        while True:
            process = start(project, address, folder / "data", folder / "log", server_wait=2)
            try:
                code = process.wait(draw.uniform(0.2, 1) * seconds if len(failed_at) < kills else LIMIT)
            except subprocess.TimeoutExpired:
                assert len(failed_at) < kills, log_of(folder)
                failed_at.append(phase(log_of(folder)))
                code = _end_by_refusal(project, address, folder, process, gate, draw)
            if code == 0:
                return failed_at, *record(server.address)


class _Gate:
    """What the proxy before the store refuses: uploads with a status, or downloads without an answer."""

    def __init__(self) -> None:
        self.method, self.status = "", DROPPED

    def __call__(self, method: str, path: str) -> int | None:
        return self.status if method == self.method and "mlflow-artifacts" in path else None


def _end_by_refusal(
    project: Path, address: str, folder: Path, process: subprocess.Popen[bytes], gate: _Gate, draw: random.Random
) -> int:
    """Return the exit code of a study whose store refuses files from now on; it does so no more afterwards."""
    status = draw.choice((403, 413, DROPPED))
    if status == DROPPED:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for checkpoints in (folder / "data" / "outbox").glob("*/checkpoints"):
            shutil.rmtree(checkpoints)  # or nothing is downloaded
        gate.method, gate.status = "GET", status
        process = start(project, address, folder / "data", folder / "log", server_wait=2)
    else:
        gate.method, gate.status = "PUT", status
    code = process.wait(LIMIT)
    gate.method = ""
    log = log_of(folder)
    assert code in (0, 1, 2), log
    assert "Traceback" not in log, log
    assert "is damaged" not in log, log
    assert code == 0 or "refused" in log or "unreachable" in log, log
    return code
