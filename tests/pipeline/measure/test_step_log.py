"""`log_every` logs after every N steps of the optimizer, in one process of several."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import distributed, multiprocessing, nn
from torch.nn.parallel import DistributedDataParallel

from pipeline.measure import LayerTracker, log_every


class Doubling(torch.optim.SGD):
    """Doubles every weight in each step, so that the RWC over n steps is 2^n - 1."""

    @torch.no_grad()
    def step(self, _closure: Any = None) -> None:
        for group in self.param_groups:
            for weight in group["params"]:
                weight.mul_(2)


def logged(model: nn.Module, every: int, steps: int) -> list[tuple[int, dict[str, float]]]:
    found: list[tuple[int, dict[str, float]]] = []
    optimizer = Doubling(model.parameters(), lr=1)
    log_every(every, optimizer, LayerTracker(model, ["rwc"]), lambda metrics, step: found.append((step, metrics)))
    for _step in range(steps):
        optimizer.step()
    return found


def test_logs_after_every_so_many_steps_under_the_pipeline_s_keys() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    assert logged(model, every=2, steps=5) == [(2, {"rwc/01_0": 3, "rwc/02_1": 3}), (4, {"rwc/01_0": 3, "rwc/02_1": 3})]


def test_logs_all_that_the_tracker_measures_and_keeps_it_in_the_history() -> None:
    model, found = nn.Sequential(nn.Linear(2, 2)), []
    optimizer, tracker = Doubling(model.parameters(), lr=1), LayerTracker(model, ["rwc", "weights"])
    log_every(1, optimizer, tracker, lambda metrics, _step: found.append(metrics))
    optimizer.step()
    assert found == [{"rwc/01_0": 1, "weights/01_0": 4}]
    assert tracker.history["value"].tolist() == [1, 4]


def test_a_removed_hook_logs_nothing_more() -> None:
    model, found = nn.Linear(2, 2), []
    optimizer = torch.optim.SGD(model.parameters(), lr=1)
    hook = log_every(1, optimizer, LayerTracker(model, ["rwc"]), lambda *logged: found.append(logged))
    optimizer.step()
    hook.remove()
    optimizer.step()
    assert [step for _metrics, step in found] == [1]


def test_a_number_of_steps_below_1_is_refused() -> None:
    model = nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters())
    with pytest.raises(ValueError, match=r"^every=0 is not a number of steps: give 1 or more$"):
        log_every(0, optimizer, LayerTracker(model), print)


def test_steps_that_a_grad_scaler_skips_do_not_count() -> None:
    model, found = nn.Linear(2, 2), []
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu", init_scale=1.0)
    log_every(1, optimizer, LayerTracker(model, ["rwc"]), lambda _metrics, step: found.append(step))
    for factor in (1.0, float("inf"), 1.0):
        optimizer.zero_grad()
        scaler.scale(model(torch.ones(1, 2)).sum() * factor).backward()
        scaler.step(optimizer)
        scaler.update()
    assert found == [1, 2]


def ddp_process(rank: int, port: int, folder: Path) -> None:
    distributed.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 2))
    wrapped, found = DistributedDataParallel(model), []
    optimizer = torch.optim.SGD(wrapped.parameters(), lr=0.1)
    tracker = LayerTracker(model, ["rwc"])
    log_every(2, optimizer, tracker, lambda metrics, step: found.append([step, metrics]))
    torch.manual_seed(rank)  # each process has images of its own
    for _step in range(4):
        optimizer.zero_grad()
        wrapped(torch.randn(8, 4)).square().mean().backward()
        optimizer.step()
    history = tracker.history["value"].tolist()
    (folder / f"{rank}.json").write_text(json.dumps([found, history]))
    distributed.destroy_process_group()


def test_of_two_processes_both_measure_and_rank_0_logs(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    multiprocessing.spawn(ddp_process, (port, tmp_path), nprocs=2)
    (first, history), (second, same) = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    assert [step for step, _metrics in first] == [2, 4]
    assert [value for _step, metrics in first for value in metrics.values()] == history
    assert second == []
    assert history == same
    assert all(0 < value < 1 for value in history)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # the library's own
def test_accelerate_logs_once_for_accumulated_gradients_and_under_the_pipeline_s_keys(tmp_path: Path) -> None:
    accelerate = pytest.importorskip("accelerate", reason="accelerate is not installed: make test-adapters")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    accelerator = accelerate.Accelerator(
        gradient_accumulation_steps=2, cpu=True, log_with="tensorboard", project_dir=tmp_path
    )
    accelerator.init_trackers("run")
    network = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 1))
    model, optimizer = accelerator.prepare(network, torch.optim.SGD(network.parameters(), lr=0.1))
    tracker = LayerTracker(model, ["rwc"])
    log_every(2, optimizer, tracker, accelerator.log)
    for _batch in range(8):  # 4 steps
        with accelerator.accumulate(model):
            accelerator.backward(model(torch.ones(1, 4)).sum())
            optimizer.step()
            optimizer.zero_grad()
    accelerator.end_training()
    events = EventAccumulator(str(tmp_path / "run")).Reload()
    assert events.Tags()["scalars"] == ["rwc/01_0", "rwc/02_1"]
    points = [(point.step, point.value) for point in events.Scalars("rwc/01_0")]
    assert [step for step, _value in points] == [2, 4]
    rwc = tracker.history.query("layer == '0'")["value"]
    assert [value for _step, value in points] == pytest.approx(rwc.tolist(), rel=1e-6)  # TensorBoard keeps float32
