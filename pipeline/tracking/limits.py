"""The longest texts that MLflow stores; names of metrics, which have a limit too, are made by `measure/keys.py`."""

from collections.abc import Iterable

TAG, EXPERIMENT_TAG, PARAM, NAME = 8000, 20_000, 6000, 250  # characters
NAMED = 20  # things of one kind in a text


def shortened(text: str, longest: int) -> str:
    """Return a text, or its beginning and three dots: MLflow refuses a longer one, or cuts it with a warning."""
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def listed(things: Iterable[object]) -> str:
    """Return things separated by commas; of more than NAMED the first ones, and how many more there are."""
    names = [str(thing) for thing in things]
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more
