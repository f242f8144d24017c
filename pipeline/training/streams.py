"""Independent streams of random numbers: each begins at a seed of its own, made of a name and the seed of a run."""

from hashlib import sha256


def stream_seed(name: str, *numbers: int) -> int:
    """Return where a stream's generator begins, for `manual_seed`: the first 64 bits of the SHA-256 of its arguments.

    A generator that begins at the seed itself repeats what torch's global one drew: a first order of the images would
    follow from the initial weights.
    """
    return int.from_bytes(sha256(" ".join((name, *map(str, numbers))).encode()).digest()[:8])
