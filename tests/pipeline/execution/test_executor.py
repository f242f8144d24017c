"""The executor that the settings name, and the message where Ray is not installed."""

import sys

import pytest

from pipeline.config.resolve import read_settings
from pipeline.console.errors import BadInput
from pipeline.execution.executor import executor_of
from pipeline.execution.local import Local


def test_local_is_the_default() -> None:
    with executor_of([read_settings({"jobs": "2"})]) as executor:
        assert isinstance(executor, Local)
        assert executor.capacity.seeds == 2


def test_without_ray_the_message_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "pipeline.execution.ray.cluster", raising=False)
    monkeypatch.setitem(sys.modules, "ray", None)
    with (
        pytest.raises(BadInput, match=r"lacks Ray: pip install -r requirements-ray\.txt; got 'ray'"),
        executor_of([read_settings({"executor": "ray"})]),
    ):
        pass
