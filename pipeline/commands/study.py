"""Command `study`, the project's main: prepare the data, train every seed, aggregate."""

from functools import partial

from pipeline.config.schema import Settings
from pipeline.execution.executor import executor_of
from pipeline.execution.status import live_table
from pipeline.execution.studies import Study
from pipeline.training.inputs import prepare_inputs


def run(settings: Settings) -> None:
    """Train all seeds of a study, and average them."""
    with executor_of([settings]) as executor:
        config = executor.resolve(settings)
        one = Study(config, prepare_inputs(config), config.study_name)
        with live_table([one.status], executor.capacity) as table:
            (failure,) = executor.run([partial(one.run, executor)], table.refresh)
    if failure:
        raise failure
