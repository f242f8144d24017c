"""Seeds at once, without networks: each sends its next request once the last one is answered, over a kept connection.

`python -m benchmarks.load.crowd` reads a Crowd from its input as JSON, and prints what came of each request. It knows
nothing but the standard library: a process of seeds starts at once, and leaves the machine to the server.
"""

import json
import sys
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from typing import Any, NamedTuple

TIMEOUT_SECONDS = 120  # MLflow's own
STACK_BYTES = 512 * 1024
SAID_CHARACTERS = 600  # of an answer that is an error
RUN = "<run>"  # stands for the id of a seed's run in paths and bodies
JSON = {"Content-Type": "application/json"}


class Template(NamedTuple):
    """A request of any seed: `size` bytes where there is no body; `metrics` where it begins another epoch."""

    name: str
    method: str
    path: str
    body: str
    size: int
    metrics: bool


class Crowd(NamedTuple):
    """Runs that send the requests of `cycle` again and again, from `step` on, until a time or so many rounds are over.

    Where there is no limit to the rounds, the runs begin at different requests, so that not all do the same at once.
    """

    port: int
    runs: list[str]
    cycle: list[Template]
    step: int
    until: float = float("inf")
    rounds: int = sys.maxsize


class Answer(NamedTuple):
    """What came of a request: what the server said where it is not 200; `status` is 0 where there was no answer."""

    name: str
    ended: float
    seconds: float
    status: int
    said: str = ""


def send_all(crowd: Crowd) -> list[Answer]:
    """Send all that a crowd has to send; every request that was begun is waited for."""
    answers: list[Answer] = []
    payloads = {each.size: bytes(each.size) for each in crowd.cycle if each.size}
    threading.stack_size(STACK_BYTES)
    threads = [
        threading.Thread(target=_send, args=(crowd, number, payloads, answers)) for number in range(len(crowd.runs))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def _send(crowd: Crowd, number: int, payloads: dict[int, bytes], answers: list[Answer]) -> None:
    connection = HTTPConnection("127.0.0.1", crowd.port, timeout=TIMEOUT_SECONDS)
    for template, step in _turns(crowd, number):
        began = time.time()
        if began >= crowd.until:
            break
        path = template.path.replace(RUN, crowd.runs[number])
        body = payloads[template.size] if template.size else _filled(template, crowd.runs[number], step)
        try:
            connection.request(template.method, path, body, {} if template.size else JSON)
            response = connection.getresponse()
            said, status = response.read(), response.status
        except (OSError, HTTPException) as error:
            connection.close()  # it opens another one
            said, status = type(error).__name__.encode(), 0
        ended = time.time()
        wrong = "" if status == 200 else said[:SAID_CHARACTERS].decode(errors="replace")
        answers.append(Answer(template.name, ended, ended - began, status, wrong))
    connection.close()


def _turns(crowd: Crowd, number: int) -> Iterator[tuple[Template, int]]:
    """Yield the requests of a run, each with its epoch."""
    length = len(crowd.cycle)
    first = number * length // len(crowd.runs) if crowd.rounds == sys.maxsize else 0
    step = crowd.step
    for turn in range(first, first + min(crowd.rounds * length, sys.maxsize // 2)):
        template = crowd.cycle[turn % length]
        step += template.metrics
        yield template, step


def _filled(template: Template, run: str, step: int) -> bytes | None:
    if not template.body:
        return None
    if not template.metrics:
        return template.body.replace(RUN, run).encode()
    content: dict[str, Any] = json.loads(template.body)
    now = time.time_ns() // 1_000_000
    points = [{**point, "timestamp": now, "step": step} for point in content["metrics"]]
    return json.dumps({**content, "run_id": run, "metrics": points}).encode()


if __name__ == "__main__":
    given = json.load(sys.stdin)
    given["cycle"] = [Template(*each) for each in given["cycle"]]
    json.dump(send_all(Crowd(**given)), sys.stdout)
