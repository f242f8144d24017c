"""Tables in pages of docs/: of figures with their machine, date and commit, and of what else is measured."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.host.hardware import machine
from pipeline.host.provenance import commit, versions

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "performance.md"
FIGURES = ROOT / "docs" / "performance.json"
END = "<!-- end -->"


class Figure(NamedTuple):
    """One measured value, its baseline and target; `holds` is None if the measurement cannot tell."""

    what: str
    baseline: str
    value: str
    target: str
    holds: bool | None


def peak_megabytes() -> float:
    """Return the peak memory of this process; that of getrusage is inherited from the parent."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def stamp() -> dict[str, str]:
    """Return machine, date and commit, which are stored with every figure."""
    return {
        "machine": f"{machine()}, {versions()}",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "commit": commit(),
    }


def origin(part: Mapping[str, str]) -> str:
    return f"{part['date']}, commit {part['commit']}: {part['machine']}"


def markdown(*rows: Sequence[str]) -> list[str]:
    """Return the lines of a table; the first row is its heading."""
    rule = ["---"] * len(rows[0])
    return [f"| {' | '.join(row)} |" for row in (rows[0], rule, *rows[1:])]


def fill(page: Path, name: str, lines: Iterable[str]) -> None:
    """Replace the lines between the marks of a table in a page."""
    before, mark, rest = page.read_text().partition(f"<!-- table: {name} -->\n")
    assert mark, f"{page} has no mark of the table {name}"
    page.write_text(before + mark + "\n" + "\n".join(lines) + "\n\n" + END + rest.partition(END)[2])


def keep(part: str, figures: Iterable[Figure]) -> None:
    """Store the figures of one part in place of its former ones, and update the page."""
    parts = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    parts[part] = {**stamp(), "figures": [figure._asdict() for figure in figures]}
    parts = dict(sorted(parts.items()))
    FIGURES.write_text(json.dumps(parts, indent=1) + "\n")
    fill(PAGE, "figures", table(parts))


def table(parts: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the table of all figures, and below it the origins that its first column refers to by number."""
    origins = list(dict.fromkeys(map(origin, parts.values())))
    rows = []
    for name, part in parts.items():
        for figure in (Figure(**values) for values in part["figures"]):
            unknown = "cannot tell" if figure.target else ""
            verdict = {True: "holds", False: "**does not hold**", None: unknown}[figure.holds]
            rows.append([f"{name} [{origins.index(origin(part)) + 1}]", *figure[:4], verdict])
    lines = markdown(["", "what", "against", "measured", "target", ""], *rows)
    return [*lines, "", *(f"[{number}] {text}  " for number, text in enumerate(origins, start=1))]
