"""The table in docs/performance.md: a line a figure, each with the machine, the date and the commit that it is from."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from pipeline.host.provenance import commit, machine, versions

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "performance.md"
FIGURES = ROOT / "docs" / "performance.json"
BEGIN, END = "<!-- figures: made by `make bench` -->\n", "<!-- end of the figures -->\n"


class Figure(NamedTuple):
    """One measured number: of what, against what, its value, the target, and whether that holds; None: cannot tell."""

    what: str
    baseline: str
    value: str
    target: str
    holds: bool | None


def peak_megabytes() -> float:
    """Return the most memory that this process has had: not getrusage's, which is inherited from its parent."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def stamp() -> dict[str, str]:
    """Return what every figure is kept with: machine, date and commit."""
    return {
        "machine": f"{machine()}, {versions()}",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "commit": commit(),
    }


def keep(part: str, figures: Iterable[Figure]) -> None:
    """Replace the figures of one part, and write the page anew."""
    parts = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    parts[part] = {**stamp(), "figures": [figure._asdict() for figure in figures]}
    parts = dict(sorted(parts.items()))
    FIGURES.write_text(json.dumps(parts, indent=1) + "\n")
    before, _mark, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(before + BEGIN + table(parts) + END + rest.partition(END)[2])


def table(parts: dict[str, dict]) -> str:
    lines = ["", "| | what | against | measured | target | |", "|---|---|---|---|---|---|"]
    origins: list[str] = []
    for name, part in parts.items():
        origin = f"{part['date']}, commit {part['commit']}: {part['machine']}"
        origins += [] if origin in origins else [origin]
        for row in (Figure(**values) for values in part["figures"]):
            unknown = "cannot tell" if row.target else ""
            verdict = {True: "holds", False: "**does not hold**", None: unknown}[row.holds]
            mark = f"{name} [{origins.index(origin) + 1}]"
            lines.append(f"| {mark} | {row.what} | {row.baseline} | {row.value} | {row.target} | {verdict} |")
    return "\n".join(lines + [""] + [f"[{n}] {origin}  " for n, origin in enumerate(origins, start=1)]) + "\n\n"
