"""Snapshots at the numbers of Fibonacci."""

from pipeline.tracking.snapshots import snapshot_of


def test_snapshots_are_taken_at_the_numbers_of_fibonacci() -> None:
    assert [epoch for epoch in range(1, 60) if snapshot_of(epoch)] == [1, 2, 3, 5, 8, 13, 21, 34, 55]
    assert snapshot_of(13) == "weights-0013.pt"
