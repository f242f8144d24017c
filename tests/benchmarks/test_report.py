"""The table of docs/performance.md: each line says where its figure is from, and whether the target holds."""

from benchmarks.report import Figure, table


def test_a_line_a_figure_with_its_origin() -> None:
    def part(date: str, holds: bool | None) -> dict:
        figure = Figure("an epoch", "the floor", "1.05", "at most 1.06", holds)
        return {"machine": "M", "date": date, "commit": "c", "figures": [figure._asdict()]}

    text = table({"a": part("2026-01-01", True), "b": part("2026-01-01", False), "c": part("2026-02-02", None)})
    assert "| a [1] | an epoch | the floor | 1.05 | at most 1.06 | holds |" in text
    assert "| b [1] | an epoch | the floor | 1.05 | at most 1.06 | **does not hold** |" in text
    assert "| c [2] | an epoch | the floor | 1.05 | at most 1.06 | cannot tell |" in text
    assert text.count("[1] 2026-01-01, commit c: M") == 1
