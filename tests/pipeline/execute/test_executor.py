"""Which executor the settings name, and what is said where Ray is not installed."""

import sys

import pytest

from pipeline.execute.executor import executor_of
from pipeline.execute.local import Local
from pipeline.resolve import checked
from pipeline.values import ConfigError


def test_local_is_the_default() -> None:
    with executor_of([checked({"jobs": "2"})]) as executor:
        assert isinstance(executor, Local)
        assert executor.room.seeds == 2


def test_without_ray_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "pipeline.execute.ray", raising=False)
    monkeypatch.setitem(sys.modules, "ray", None)
    with (
        pytest.raises(ConfigError, match=r"lacks Ray: pip install -r requirements-ray\.txt; got 'ray'"),
        executor_of([checked({"executor": "ray"})]),
    ):
        pass
