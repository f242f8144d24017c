"""The tables of a study's seeds, read back."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from tempfile import TemporaryDirectory

import pandas as pd

from pipeline.analysis.statistics import Histories
from pipeline.analysis.study_tables import REMAINING
from pipeline.tracking.artifacts import download
from pipeline.tracking.queries import StoredSeed
from pipeline.tracking.tables import EPOCH_TABLE, LAYER_TABLE, LEVEL_TABLE, LEVELS, read_table, stack

DOWNLOADS = 8  # at once: each waits for the server most of its time


def read_histories(seeds: Sequence[StoredSeed], epochs: int) -> Histories:
    """Read the two tables of every seed, the first `epochs` epochs: two downloads a seed, however many metrics.

    The levels of equilibrium are the same for all seeds: one more for the first. The remaining distances of a seed that
    ran longer are left out: they are those to weights beyond these epochs.
    """
    scalars, layers = (_table_of_all(seeds, name) for name in (EPOCH_TABLE, LAYER_TABLE))
    last = scalars.groupby("seed")["epoch"].max()
    beyond = (layers["metric"] == REMAINING) & layers["seed"].isin(last[last > epochs].index)
    scalars, layers = (table[table["epoch"] <= epochs].reset_index(drop=True) for table in (scalars, layers[~beyond]))
    return Histories(scalars, layers, _levels(seeds[0]))


def _table_of_all(seeds: Sequence[StoredSeed], name: str) -> pd.DataFrame:
    with ThreadPoolExecutor(DOWNLOADS) as pool:
        return stack(list(pool.map(partial(_table, name=name), seeds)))


def _levels(seed: StoredSeed) -> pd.DataFrame:
    with TemporaryDirectory() as folder:
        path = download(seed.artifacts, LEVEL_TABLE, folder)
        missing = {column: [""] for column in LEVELS[3:]}
        return pd.read_csv(path, keep_default_na=False, na_values=missing, dtype={"layer": "str", "group": "str"})


def _table(seed: StoredSeed, name: str) -> pd.DataFrame:
    with TemporaryDirectory() as folder:
        return read_table(download(seed.artifacts, name, folder), seed.number)
