"""The tables of a study's seeds, read back to the last bit."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import compute, csv

from pipeline.analysis.averages import Values
from pipeline.analysis.statistics import Histories
from pipeline.analysis.study_tables import REMAINING
from pipeline.tracking.artifacts import download
from pipeline.tracking.queries import StoredSeed
from pipeline.tracking.tables import COLUMNS, EPOCH_TABLE, LAYER_TABLE, LEVEL_TABLE, LEVELS

DOWNLOADS = 8  # at once: each waits for the server most of its time
KEYS = {EPOCH_TABLE: ("metric",), LAYER_TABLE: ("metric", "layer")}
TEXT = pa.dictionary(pa.int32(), pa.string())
TYPES = {"epoch": pa.int64(), "layer": TEXT, "group": TEXT, "metric": TEXT, "value": pa.float64()}


def read_histories(seeds: Sequence[StoredSeed], epochs: int) -> Histories:
    """Read the two tables of every seed, the first `epochs` epochs: two downloads a seed, however many metrics.

    The levels of equilibrium are the same for all seeds: one more for the first. The remaining distances of a seed that
    ran longer are left out: they are those to weights beyond these epochs.
    """
    scalars, ran, _group_of = _arrays(seeds, EPOCH_TABLE, epochs)
    ends = [int(np.flatnonzero(of_seed)[-1]) + 1 for of_seed in np.any([*ran.values()], axis=0)]
    scalars = {metric: values[:, : max(ends)] for metric, values in scalars.items()}
    layers, measured, group_of = _arrays(seeds, LAYER_TABLE, max(ends))
    last_epochs = {seed.number: end for seed, end in zip(seeds, ends, strict=True)}
    return Histories(last_epochs, group_of, scalars, layers, measured, _levels(seeds[0]))


def _arrays(
    seeds: Sequence[StoredSeed], name: str, epochs: int
) -> tuple[dict[str, Values], dict[str, NDArray[np.bool_]], dict[str, str]]:
    """Return the values of a table of every seed by metric, where it has rows, and the groups of its layers.

    The arrays are seeds x epochs, or seeds x layers x epochs. Each seed's table goes into them as it arrives.
    """
    known: list[dict[str, int]] = [{} for _key in KEYS[name]]
    group_of: dict[str, str] = {}
    values = np.full((len(seeds), *(0 for _key in known), epochs), np.nan)
    measured = np.zeros(values.shape, dtype=bool)
    with ThreadPoolExecutor(DOWNLOADS) as pool:
        read = partial(_table, name=name, epochs=epochs)
        batches = (pool.map(read, seeds[first : first + DOWNLOADS]) for first in range(0, len(seeds), DOWNLOADS))
        for row, table in enumerate(chain.from_iterable(batches)):
            places = [_places(table[key], names) for key, names in zip(KEYS[name], known, strict=True)]
            new = [len(names) - size for names, size in zip(known, values.shape[1:], strict=False)]
            if any(new):
                more = [(0, 0), *((0, count) for count in new), (0, 0)]
                values, measured = np.pad(values, more, constant_values=np.nan), np.pad(measured, more)
            cells = (row, *places, table["epoch"].to_numpy() - 1)
            values[cells], measured[cells] = table["value"].to_numpy(), True
            if "group" in table.column_names:
                pairs = table.group_by(["layer", "group"]).aggregate([]).to_pydict()  # in any order
                group_of |= dict(zip(pairs["layer"], pairs["group"], strict=True))
    found = {metric: place for metric, place in known[0].items() if measured[:, place].any()}
    where = {metric: measured[:, place] for metric, place in found.items()}
    group_of = {layer: group_of[layer] for layer in known[-1] if layer in group_of}
    return {metric: values[:, place] for metric, place in found.items()}, where, group_of


def _places(column: pa.ChunkedArray, known: dict[str, int]) -> NDArray[np.intp]:
    """Return the place of each text of a column among the known ones, which new ones join."""
    encoded = column.combine_chunks()
    places = [known.setdefault(text, len(known)) for text in encoded.dictionary.to_pylist()]
    found: NDArray[np.intp] = np.array(places, dtype=np.intp)[encoded.indices.to_numpy()]
    return found


def _table(seed: StoredSeed, name: str, epochs: int) -> pa.Table:
    """Return a table of a seed up to an epoch, without what is about the epochs beyond."""
    types = {column: TYPES[column] for column in COLUMNS[name]}
    options = csv.ConvertOptions(column_types=types, null_values=[])  # a layer may be called "nan"
    with TemporaryDirectory() as folder:
        table = csv.read_csv(download(seed.artifacts, name, folder), convert_options=options).unify_dictionaries()
    kept = compute.less_equal(table["epoch"], epochs)
    if compute.all(kept).as_py():
        return table
    return table.filter(compute.and_(kept, compute.not_equal(table["metric"], REMAINING)))


def _levels(seed: StoredSeed) -> pd.DataFrame:
    with TemporaryDirectory() as folder:
        path = download(seed.artifacts, LEVEL_TABLE, folder)
        missing = {column: [""] for column in LEVELS[3:]}
        return pd.read_csv(path, keep_default_na=False, na_values=missing, dtype={"layer": "str", "group": "str"})
