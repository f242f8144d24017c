"""Seeds of different lengths, and studies that share seeds: no mean mixes epochs, and no study loses its seeds."""

from collections.abc import Callable, Iterator
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from mlflow.entities import Run

from tests.support.in_process import run_main, track_to
from tests.support.rendering import leave_out_models

pytestmark = pytest.mark.usefixtures("unrendered")

Call = Callable[..., tuple[int, str, str]]
Do = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def common(small_options: dict[str, str]) -> dict[str, str]:
    """A network that trains in a moment."""
    return {name: value for name, value in small_options.items() if name != "epochs"}


@pytest.fixture
def do_here(call_here: Call, common: dict[str, str]) -> Do:
    """Return a runner of commands in the store of this process."""

    def run_command(command: str, **settings: object) -> tuple[int, str, str]:
        given = settings if "study" in settings else common | settings
        return call_here(command, *arguments(given))

    return run_command


@pytest.fixture
def do(store: str, do_here: Do) -> Do:  # noqa: ARG001  # it sets the environment
    """Return the same for a store that is empty."""
    return do_here


def arguments(given: dict[str, object]) -> list[str]:
    return [f"--{name}={value}" for name, value in given.items()]


def runs(kind: str) -> list[Run]:
    found = mlflow.MlflowClient().search_runs(["0"], f"tags.layerwise.kind = '{kind}'")
    return sorted(found, key=lambda run: run.info.start_time)


def accuracies(run: Run) -> dict[int, float]:
    return {point.step: point.value for point in mlflow.MlflowClient().get_metric_history(run.info.run_id, "test_acc")}


@pytest.fixture(scope="module")
def two_lengths(
    common: dict[str, str], empty_store: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Run]]:
    """Seed 0 with 2 epochs, seed 42 with 6, in a store to which each test adds studies of them."""
    with pytest.MonkeyPatch.context() as patch:
        leave_out_models(patch)
        folder = tmp_path_factory.mktemp("lengths")
        track_to(folder, empty_store, patch)
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        for seed, epochs in ((0, 2), (42, 6)):
            assert run_main(patch, "train", *arguments(common), f"--seed={seed}", f"--epochs={epochs}") == 0
        yield runs("seed")


def test_aggregate_takes_the_first_epochs_of_a_longer_seed(do_here: Do, two_lengths: list[Run]) -> None:
    code, _out, err = do_here("aggregate", epochs=2, seeds="0,42")
    assert (code, err) == (0, "")
    study = runs("study")[-1]
    short, long = map(accuracies, two_lengths)
    assert set(accuracies(study)) == {1, 2}
    assert study.data.metrics["test_acc_mean"] == pytest.approx((short[2] + long[2]) / 2)
    seeds = pd.read_csv(Path(study.info.artifact_uri) / "tables" / "seeds.csv")
    assert seeds["epochs"].tolist() == [2, 2]


def test_aggregate_names_a_seed_with_too_few_epochs_as_missing(do_here: Do, two_lengths: list[Run]) -> None:
    code, out, err = do_here("aggregate", epochs=6, seeds="0,42")
    assert code == 1
    assert "1 of 2 seeds finished; missing: 0 (2 of 6 epochs)" in err
    assert "1 of 2 seeds, test accuracy" in out
    study = runs("study")[-1]
    assert (study.info.status, study.data.tags["layerwise.seeds"]) == ("FAILED", "1 of 2")
    assert accuracies(study) == accuracies(two_lengths[1])


def test_without_seeds_and_epochs_aggregate_takes_all_finished_seeds_of_the_longest(
    do_here: Do, two_lengths: list[Run]
) -> None:
    code, _out, err = do_here("aggregate")
    assert (code, "missing: 0 (2 of 6 epochs)" in err) == (1, True)
    assert do_here("aggregate", epochs=1)[0] == 0
    study = runs("study")[-1]
    assert (study.data.params["seeds"], set(accuracies(study))) == ("0,42", {1})
    assert study.data.metrics["test_acc_mean"] == pytest.approx(sum(accuracies(run)[1] for run in two_lengths) / 2)


@pytest.mark.usefixtures("two_lengths")
def test_untrained_seeds_are_missing(do_here: Do) -> None:
    code, _out, err = do_here("aggregate", seeds="7")
    assert (code, "has no finished seed with these settings" in err) == (2, True)
    code, _out, err = do_here("aggregate", seeds="0,7", epochs=2)
    assert (code, "1 of 2 seeds finished; missing: 7" in err) == (1, True)


def test_a_study_keeps_its_seeds_and_epochs_when_a_smaller_one_shares_them(do: Do) -> None:
    assert do("study", seeds="0,1,2", epochs=3)[0] == 0
    (first,) = runs("study")
    before = accuracies(first)
    assert do("study", seeds="0", epochs=3)[0] == 0
    assert do("study", seeds="0,1", epochs=2)[0] == 0
    code, out, _err = do("aggregate", study=first.info.run_id)
    assert (code, "3 of 3 seeds" in out) == (0, True)
    again = mlflow.MlflowClient().get_run(first.info.run_id)
    assert (accuracies(again), again.data.tags["layerwise.seeds"]) == (before, "3 of 3")
    assert len(mlflow.MlflowClient().get_metric_history(first.info.run_id, "test_acc")) == 3, "nothing is logged twice"


def test_compare_takes_the_study_with_the_most_seeds_and_epochs_and_names_the_others(do: Do, call: Call) -> None:
    for seeds, epochs in (("0", 1), ("0,1,2", 3), ("0", 3), ("0,1", 2)):
        assert do("study", seeds=seeds, epochs=epochs)[0] == 0
    small, large, *others = (run.info.run_id for run in runs("study"))
    code, out, _err = call("compare")
    assert code == 0
    assert f"run {large}, 3 seeds" in out
    for run_id in (small, *others):
        assert f"(run {run_id}) is left out" in out
    (compared,) = runs("compare")
    assert compared.data.tags["layerwise.compared"] == large
    table = pd.read_csv(Path(compared.info.artifact_uri) / "tables" / "accuracies.csv")
    assert table["n"].max() == 3


def test_settings_of_a_study_are_not_ignored_silently(do: Do) -> None:
    assert do("study", seeds="0", epochs=1)[0] == 0
    (study,) = runs("study")
    code, _out, err = do("aggregate", study=study.info.run_id, epochs=3, seeds="0,1")
    assert (code, "study has settings of its own: leave out epochs, seeds" in err) == (2, True)
