"""The processes of a seed's other devices, started by torch's launcher."""

import signal
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch.multiprocessing.spawn import ProcessContext, ProcessExitedException, start_processes

from data.prepared import prepare
from models.custom import remember
from pipeline.config.folders import data_folders
from pipeline.config.settings import Config
from pipeline.console.errors import Failure
from pipeline.host.signals import end_with_parent
from pipeline.training.distributed import ONE_DEVICE, Devices, SeveralDevices, leave
from pipeline.training.scores import Diverged
from pipeline.training.setup import make_trainer

END_SECONDS = 5.0  # in which a process ends that has lost the others, or is done
POLL_SECONDS = 0.1


class DeviceLost(Failure):
    """The process of another device was killed; the message is one line and says which."""


@contextmanager
def devices_of(config: Config, seed: int) -> Iterator[Devices]:
    """Give the devices of a seed: this process has the first one, and the others end with the block.

    Raise DeviceLost if one of them is killed, and torch's ProcessRaisedException for an error in one.
    """
    if config.devices == 1:
        yield ONE_DEVICE
        return
    with TemporaryDirectory() as name:
        folder = Path(name)
        others = _start(config, seed, folder)
        try:
            while len(list(folder.glob("ready-*"))) < config.devices - 1:  # a wait in the group hears no signal
                _join(others, POLL_SECONDS)
            yield _join_group(config, seed, 0, folder)
            leave()  # as all do now
            _join(others, END_SECONDS)
        except (RuntimeError, EOFError):  # a lost connection, say: the process that ended first tells why
            _join(others, END_SECONDS)
            raise
        finally:
            for process in others.processes:
                process.terminate()
            for process in others.processes:
                process.join()
            leave()


def _start(config: Config, seed: int, folder: Path) -> ProcessContext:
    arguments = (config, config.architecture.source, seed, folder)
    with _ignored(signal.SIGINT, signal.SIGHUP):  # which they inherit: the terminal's signals are for the first
        started: ProcessContext | None = start_processes(  # type: ignore[no-untyped-call]  # torch's
            _train_along, arguments, config.devices - 1, join=False, daemon=True, start_method="spawn"
        )
    assert started is not None, "it does not wait"
    return started


def _join(others: ProcessContext, seconds: float) -> None:
    """Wait until all have ended, or the seconds are over; raise the error that has ended one of them."""
    until = time.monotonic() + seconds
    try:
        while not others.join(max(0.0, until - time.monotonic())) and time.monotonic() < until:
            pass
    except ProcessExitedException as error:
        ended = f"was ended by {error.signal_name} (out of memory?)" if error.signal_name else str(error)
        raise DeviceLost(f"the process of device {error.error_index + 1} {ended}") from error


def _train_along(index: int, config: Config, source: str, seed: int, folder: Path) -> None:
    """Train a seed with the first process, which measures, prints and saves everything."""
    end_with_parent()
    sys.stdout = None
    warnings.simplefilter("ignore")
    rank = index + 1
    remember(config.model_name, source)
    prepared = prepare(config.data, *data_folders(config))
    if config.device == "cuda":
        torch.cuda.set_device(rank)
    trainer = make_trainer(config, seed, prepared, measures=False)
    (folder / f"ready-{rank}").touch()
    devices = _join_group(config, seed, rank, folder)
    if state := devices.broadcast(None):
        trainer.restore(state)
    try:
        for _result in trainer.run(devices):
            pass
    except Diverged:  # on all devices alike
        return
    leave()


def _join_group(config: Config, seed: int, rank: int, folder: Path) -> SeveralDevices:
    cuda = config.device == "cuda"
    return SeveralDevices(rank=rank, count=config.devices, cuda=cuda, seed=seed, store=folder / "store")


@contextmanager
def _ignored(*numbers: signal.Signals) -> Iterator[None]:
    handlers = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, handlers, strict=True):
            signal.signal(number, handler)
