"""What `auto` means, and the switches for bit-identical results on CUDA; they can be set without a GPU."""

import os
from collections.abc import Iterator
from typing import Literal

import pytest
import torch

import pipeline.host.hardware as hardware_module
from pipeline.host.hardware import compile_on, make_repeatable, precision_on


@pytest.fixture
def switches(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave torch's switches as they were; monkeypatch cannot, as they are attributes of no object."""
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "put back afterwards")
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    yield
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before
    torch.use_deterministic_algorithms(False)


@pytest.mark.usefixtures("switches")
def test_cuda_is_asked_for_ieee_float32_and_the_same_bits() -> None:
    make_repeatable("cuda", torch.get_num_threads())
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    assert torch.are_deterministic_algorithms_enabled()
    assert torch.is_deterministic_algorithms_warn_only_enabled()
    assert not torch.backends.cuda.matmul.allow_tf32
    assert not torch.backends.cudnn.allow_tf32
    assert not torch.backends.cudnn.benchmark


@pytest.mark.parametrize(
    ("device", "wanted", "able", "expected"),
    [
        ("cpu", "auto", True, False),
        ("cuda", "auto", True, True),
        ("cuda", "auto", False, False),
        ("cpu", True, True, True),
        ("cuda", False, True, False),
    ],
)
def test_auto_compiles_on_cuda_where_there_is_a_compiler(
    device: str, wanted: bool | Literal["auto"], able: bool, expected: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware_module, "can_compile", lambda: able)
    assert compile_on(device, wanted) is expected
    assert compile_on(device, wanted, devices=2) is (wanted is True)


@pytest.mark.parametrize(
    ("found", "precision"),
    [
        ({"avx512_bf16": True, "amx_bf16": False}, "bf16"),
        ({"avx512_bf16": False, "amx_bf16": True}, "bf16"),
        ({"avx512_bf16": False, "amx_bf16": False}, "fp32"),
        ({"neon": True}, "fp32"),
    ],
    ids=["AVX512", "AMX", "neither", "another architecture"],
)
def test_auto_is_bf16_on_a_cpu_that_computes_in_it(
    found: dict[str, bool], precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found)
    assert precision_on("cpu", "auto") == precision
    assert precision_on("cpu", "fp32") == "fp32"


@pytest.mark.parametrize(
    ("found", "limit", "expected"),
    [
        (True, None, True),
        (True, "ALL", True),
        (True, "avx512_core_amx", True),
        (True, "AVX2", False),
        (True, "AVX512_CORE_BF16", False),
        (False, None, False),
    ],
)
def test_amx_counts_where_the_processor_has_it_and_onednn_may_use_it(
    monkeypatch: pytest.MonkeyPatch, found: bool, limit: str | None, expected: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": found})
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    if limit:
        monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", limit)
    assert hardware_module.has_amx() is expected
