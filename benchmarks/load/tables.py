"""The tables of docs/scale.md, as lines of Markdown."""

from collections.abc import Sequence
from statistics import median
from typing import Any

from benchmarks.load import plan
from benchmarks.load.answers import LOOPS
from benchmarks.load.recording import PARTS
from benchmarks.load.sweeps import on

MEGA, GIGA = 1e6, 1e9
Row = Sequence[object]


def tables(found: dict[str, Any]) -> dict[str, list[str]]:
    """Return the lines of each table by its name."""
    return {
        "sweeps": _sweeps({loop: found[on(loop)]["measured"] for loop in LOOPS if on(loop) in found}),
        "sends": _sends(found["load"]["sends"]),
        "uploads": _uploads(found["files"]["networks"]),
        "answers": _answers(found["answers"]["rounds"]),
        "load": _load(found["load"]["measured"]),
        "rates": _rates(found["uploads"]["rates"]),
        "carries": _carries(found),
        "files": _files(found["files"]["networks"]),
        "database": _database(found["storage"]),
        "origins": _origins(found),
    }


def markdown(*rows: Row) -> list[str]:
    """Return rows as a table, the first as its heading."""
    rule = ["---"] * len(rows[0])
    return ["| " + " | ".join(map(str, row)) + " |" for row in (rows[0], rule, *rows[1:])]


def _sweeps(by_loop: dict[str, Sequence[dict[str, Any]]]) -> list[str]:
    heading = ("event loop", "seeds", "workers", "in all", "first to last seed", "a seed, median", "seeds a minute",
               "aggregation", "requests/s", "points", "in the database",
               "cores busy: server, PostgreSQL, of all")  # fmt: skip
    return markdown(heading, *((loop, *_sweep(each)) for loop, measured in by_loop.items() for each in measured))


def _sweep(each: dict[str, Any]) -> Row:
    times = [f"{each[name]:,.1f} s" for name in ("seconds", "training", "a_seed", "aggregation")]
    return (f"{each['seeds']:,}", each["workers"], *times[:3], f"{60 * each['seeds'] / each['training']:.1f}", times[3],
            f"{each['requests'] / each['seconds']:.0f}", f"{each['points']:,}", in_units(each["bytes_in_database"]),
            _cores(each["cores"]))  # fmt: skip


def _cores(cores: dict[str, float]) -> str:
    return ", ".join(f"{cores[name]:.1f}" for name in ("server", "PostgreSQL", "the machine"))


def _sends(rows: Sequence[dict[str, Any]]) -> list[str]:
    heading = ("when", "requests", "of them", "metric points", "sent")
    lines: list[Row] = []
    for part in PARTS:
        of_part = sorted((row for row in rows if row["part"] == part), key=lambda row: -row["requests"])
        routes = ", ".join(f"{row['requests']} `{_short(row['route'])}`" for row in of_part)
        total = {name: sum(row[name] for row in of_part) for name in ("requests", "points", "bytes")}
        clock = {"system metrics": ", each 10 s", "heartbeat": ", each 30 s"}.get(part, "")
        lines.append((part + clock, total["requests"], routes, total["points"] or "", in_units(total["bytes"])))
    return markdown(heading, *lines)


def _short(route: str) -> str:
    return route.replace("/2.0/mlflow/", "").replace("/2.0/mlflow-artifacts/<path>", "a file")


def _uploads(networks: Sequence[dict[str, Any]]) -> list[str]:
    heading = ("network", "a checkpoint", "at its start", "best model, at its end", "150 epochs", "60 such seeds")
    return markdown(
        heading,
        *(
            (
                each["model"],
                *(in_units(each[kind]) for kind in ("checkpoint", "initial", "best_model", "uploaded")),
                in_units(60 * each["uploaded"]),
            )
            for each in networks
        ),
    )


def _answers(rounds: Sequence[dict[str, Any]]) -> list[str]:
    lines: list[Row] = []
    for loop in dict.fromkeys(each["loop"] for each in rounds):
        of_loop = [each for each in rounds if each["loop"] == loop]
        times = [[1000 * each[kind] for each in of_loop] for kind in ("read_seconds", "log_seconds")]
        lines.append((loop, *(f"{median(each):.1f} ms ({min(each):.1f} to {max(each):.1f})" for each in times)))
    return markdown(("event loop", "a run is read", "a metric is logged"), *lines)


def _load(measured: Sequence[dict[str, Any]]) -> list[str]:
    heading = ("seeds", "workers", "connections a worker", "what else", "requests/s", "points/s", "epochs/s",
               "metrics answered after, median (95 %)", "errors", "cores busy: server, PostgreSQL, of all")  # fmt: skip
    return markdown(heading, *map(_case, measured))


def _case(each: dict[str, Any]) -> Row:
    fewer = f"`checkpoint_every={each['checkpoint_every']}`" if each["checkpoint_every"] > 1 else ""
    past = "" if each["proxied"] else "files past the server"
    errors = sum(each["errors"].values())
    slow = each["p95_seconds"]
    waits = f"{each['median_seconds']:.2f} s ({slow:.2f} s)" if slow else "none was"
    rates = [f"{each[f'{what}_a_second']:.0f}" for what in ("requests", "points")]
    failed = f"{errors} of {errors + each['answered']}"
    return (each["seeds"], each["workers"], each["pool"] or "15, MLflow's own", fewer or past, *rates,
            f"{each['epochs_a_second']:.1f}", waits, failed, _cores(each["cores"]))  # fmt: skip


def _rates(rates: Sequence[dict[str, Any]]) -> list[str]:
    heading = ("seeds that upload at once", "a checkpoint", "taken")
    return markdown(
        heading,
        *((each["uploaders"], in_units(each["bytes"]), f"{in_units(each['bytes_a_second'])}/s") for each in rates),
    )


def _carries(found: dict[str, Any]) -> list[str]:
    heading = ("an epoch takes", *plan.WAYS)
    return markdown(
        heading, *((f"{seconds} s", *(f"{count:,}" for count in plan.seeds(found, seconds))) for seconds in plan.TIMES)
    )


def _files(networks: Sequence[dict[str, Any]]) -> list[str]:
    heading = ("network", "two checkpoints", "initial weights", "best model", "tables", "a seed", "60 seeds")
    return markdown(
        heading,
        *(
            (
                each["model"],
                in_units(2 * each["checkpoint"]),
                in_units(each["initial"]),
                in_units(each["best_model"]),
                in_units(each["tables"]),
                in_units(each["on_disk"]),
                in_units(60 * each["on_disk"]),
            )
            for each in networks
        ),
    )


def _database(stored: dict[str, Any]) -> list[str]:
    rows = {name: round(count) for name, count in stored["rows"].items()}
    named = ("metrics", "latest_metrics", "params", "tags")
    rest = sum(count for name, count in rows.items() if name not in named)
    system = stored["points_of_a_system_sample"] * 360, stored["bytes_of_a_system_sample"] * 360
    return markdown(
        ("what", *(f"`{name}`" for name in named), "other rows", "bytes with indices"),
        (
            f"a seed of {stored['epochs']} epochs",
            *(f"{rows.get(name, 0):,}" for name in named),
            rest,
            in_units(stored["bytes"]),
        ),
        ("its system metrics, an hour", f"{system[0]:,.0f}", "", "", "", "", in_units(system[1])),
    )


def _origins(found: dict[str, Any]) -> list[str]:
    return [f"{part}: {each['date']}, commit {each['commit']}: {each['machine']}  " for part, each in found.items()]


def in_units(size: float) -> str:
    for unit, name in ((1e12, "TB"), (GIGA, "GB"), (MEGA, "MB"), (1e3, "kB")):
        if size >= unit:
            return f"{size / unit:.3g} {name}" if size < 999.5 * unit else f"{size / unit:,.0f} {name}"
    return f"{size:.0f} B"
