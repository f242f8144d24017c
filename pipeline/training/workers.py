"""The processes of a seed's other devices: what they do, and how they end."""

import signal
import sys
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from data.prepared import prepare
from models.custom import remember
from pipeline.config.settings import Config
from pipeline.console.errors import Failure
from pipeline.host.signals import end_with_parent
from pipeline.training.distributed import ALONE, Devices, SeveralDevices, leave
from pipeline.training.epochs import epochs_left
from pipeline.training.scores import Diverged
from pipeline.training.setup import set_up

END_SECONDS = 5.0  # in which a process ends that has lost the others, or is done


class DeviceLost(Failure):
    """The process of another device was killed; the message is one line and says which."""


@contextmanager
def devices_of(config: Config, seed: int) -> Iterator[Devices]:
    """Give what a seed is trained on: this process is that of the first device, and the others end with the block.

    Raise DeviceLost where one of them is killed.
    """
    if config.devices == 1:
        yield ALONE
        return
    with TemporaryDirectory() as folder:
        store, others = Path(folder) / "store", Others()
        try:
            others.start(config, seed, store)
            yield _join(config, seed, 0, store)
            leave()  # as all do now
            others.wait()
        except Exception as error:
            others.explain(error)
            raise
        finally:
            others.end()
            leave()


class Others:
    """Processes that train with this one; each has a pipe on which it says that it is ready, or why it failed."""

    def __init__(self) -> None:
        self._running: list[tuple[SpawnProcess, Connection]] = []

    def start(self, config: Config, seed: int, store: Path) -> None:
        """Return once all are ready to meet: who waits there waits long, and hears of no signal."""
        context = get_context("spawn")  # a fork would share CUDA's and MLflow's state
        for rank in range(1, config.devices):
            receiver, sender = context.Pipe(duplex=False)
            arguments = (config, config.architecture.source, seed, rank, store, sender)
            process = context.Process(target=_train_along, args=arguments, name=f"device-{rank}", daemon=True)
            with _ignored(signal.SIGINT, signal.SIGHUP):  # they inherit that: the terminal's signals are for the first
                process.start()
            self._running.append((process, receiver))
            sender.close()  # its end is the process's alone, so that what is read ends with it
        for process, receiver in self._running:
            if failure := receiver.recv():
                raise RuntimeError(f"{process.name} failed:\n{failure}")

    def wait(self) -> None:
        """Let those end that have trained to the end."""
        for process, _receiver in self._running:
            process.join(END_SECONDS)

    def explain(self, error: Exception) -> None:
        """Raise DeviceLost where one was killed, which breaks all connections; else add to an error what they say."""
        sentinels = [process.sentinel for process, _receiver in self._running]
        if isinstance(error, RuntimeError | EOFError) and wait(
            sentinels, END_SECONDS
        ):  # no other error is one of a connection
            self.wait()
        for process, receiver in self._running:
            if process.exitcode and process.exitcode < 0:
                killed_by = signal.Signals(-process.exitcode).name
                raise DeviceLost(f"the process of {process.name} was ended by {killed_by} (out of memory?)") from error
            with suppress(EOFError):
                if receiver.poll():
                    error.add_note(f"{process.name} failed:\n{receiver.recv()}")

    def end(self) -> None:
        for process, _receiver in self._running:
            process.terminate()
        for process, receiver in self._running:
            process.join()
            receiver.close()


def _train_along(config: Config, source: str, seed: int, rank: int, store: Path, sender: Connection) -> None:
    """Train a seed with the first process, which measures, prints and keeps everything: here is nothing to save."""
    end_with_parent()
    sys.stdout = None  # print then prints nothing
    warnings.simplefilter("ignore")
    unmeasured = replace(config, rwc_every=None, step_angle_every=None)
    try:
        remember(config.model_name, source)
        prepared = prepare(config.data, Path(config.data_dir))
        if config.device == "cuda":
            torch.cuda.set_device(rank)
        loaders, learner = set_up(unmeasured, seed, prepared)
        sender.send("")
        devices = _join(config, seed, rank, store)
        state = devices.agree(None)
        for _report in epochs_left(unmeasured, state, loaders, learner, devices, measurements=("rwc",)):
            pass
        leave()
    except Diverged:
        pass  # on all devices alike
    except Exception:
        with suppress(OSError):  # the first process is gone
            sender.send(traceback.format_exc())


def _join(config: Config, seed: int, rank: int, store: Path) -> SeveralDevices:
    return SeveralDevices(rank=rank, count=config.devices, cuda=config.device == "cuda", seed=seed, store=store)


@contextmanager
def _ignored(*numbers: signal.Signals) -> Iterator[None]:
    handlers = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, handlers, strict=True):
            signal.signal(number, handler)
