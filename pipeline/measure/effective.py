"""The weights that a module computes with, where it stores something else: parametrised, normalised, pruned ones."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.nn.utils.parametrize import ParametrizationList, is_parametrized
from torch.nn.utils.prune import BasePruningMethod
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm


class Effective(NamedTuple):
    """A weight: its name, the parameters in which it is stored, and how to read it."""

    name: str
    stored: tuple[Tensor, ...]
    read: Callable[[], Tensor]


def effective_weights(module: nn.Module) -> Iterator[Effective]:
    """Yield the parameters of a module itself, as it computes with them."""
    if isinstance(module, ParametrizationList):
        return
    made = [*_hooked(module), *_parametrised(module)]
    parts = {id(tensor) for each in made for tensor in each.stored}
    for name, own in module.named_parameters(recurse=False, remove_duplicate=False):
        if id(own) not in parts:
            yield Effective(name, (own,), partial(getattr, module, name))
    yield from made


def _parametrised(module: nn.Module) -> Iterator[Effective]:
    if is_parametrized(module):
        for name, each in module.parametrizations.items():  # type: ignore[operator, union-attr]
            if stored := tuple(each.parameters()):
                yield Effective(name, stored, partial(_read, module, name, each))


def _read(module: nn.Module, name: str, parametrization: nn.Module) -> Tensor:
    """Read a parametrised weight; in training mode reading spectral_norm's would be a step of its power iteration."""
    training = parametrization.training
    parametrization.eval()
    try:
        return getattr(module, name)  # type: ignore[no-any-return]
    finally:
        parametrization.train(training)


def _hooked(module: nn.Module) -> Iterator[Effective]:
    """Yield the weights that a hook makes before each forward pass: pruned ones, and torch's older norms."""
    for hook in module._forward_pre_hooks.values():  # torch has no public way to ask for hooks
        made: Any = hook
        parts: tuple[str, ...] = ("orig",)
        if isinstance(hook, WeightNorm):
            name, parts, read = made.name, ("g", "v"), partial(made.compute_weight, module)
        elif isinstance(hook, SpectralNorm):
            name, read = made.name, partial(made.compute_weight, module, do_power_iteration=False)
        elif isinstance(hook, BasePruningMethod):
            name, read = made._tensor_name, partial(made.apply_mask, module)
        else:
            continue
        yield Effective(name, tuple(getattr(module, f"{name}_{part}") for part in parts), read)
