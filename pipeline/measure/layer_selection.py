"""The layers of a model that can be measured now; each reason why others are left out is reported once."""

import warnings
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from .weights import Choice, Parameter, Weights, choice_of, chosen, layer_weights, parameters_of

NO_LAYERS = (
    "no layer is measured: the model has no weight of two or more dimensions that `layers` means. Name parameters in "
    "`layers`; FSDP1 flattens weights: shard with FSDP2 (fully_shard) instead, or measure inside summon_full_params"
)


class Notices:
    """Warns of each cause once: a measurement does not end a training run."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def say(self, text: str, cause: str = "") -> None:
        """Warn, unless the same text, or another of this cause, was said before."""
        if (cause or text) not in self._said:
            self._said.add(cause or text)
            warnings.warn(f"layerwise: {text}", stacklevel=2)

    def say_failed(self, layer: str, error: Exception) -> None:
        reason = (str(error).strip().splitlines() or [""])[0][:200]
        self.say(f"{layer} could not be measured ({type(error).__name__}: {reason})", "failed")


class Selection:
    """The layers of a model that `layers` means and that can be measured: `now()` reads them.

    ValueError for a name or pattern that matches no parameter.
    """

    def __init__(self, model: nn.Module, layers: Choice, notices: Notices) -> None:
        self.model, self.notices = model, notices
        self._layers = choice_of(layers)
        layer_weights(model, self._layers)  # raises ValueError
        self.parameters: dict[str, Parameter] = {}

    def now(self) -> Weights:
        """Return {layer: weights}, not copied; say which layers are left out, and which names share a layer."""
        found = chosen(parameters_of(self.model), self._layers)
        self.parameters = {each.layer: each for each in found}
        weights = {each.layer: each.tensor for each in found if each.tensor is not None}
        left_out = {layer: why for layer, weight in weights.items() if (why := why_unmeasurable(weight))}
        if left_out:
            self.notices.say(f"not measured: {', '.join(f'{layer} ({why})' for layer, why in left_out.items())}")
        if shared := "; ".join(f"{each.layer}, also {', '.join(each.others)}" for each in found if each.others):
            self.notices.say(f"shared weights are measured once: {shared}")
        if not found and not any(is_lazy(each) for each in self.model.parameters()):
            self.notices.say(NO_LAYERS)
        return {layer: weight for layer, weight in weights.items() if layer not in left_out}


def why_unmeasurable(weight: Tensor) -> str:
    """Return why a weight cannot be measured, or an empty string."""
    if not weight.numel():
        return "no elements"
    if weight.is_meta:
        return "no data"
    if weight.layout is not torch.strided:
        return str(weight.layout)
    if any(placement.is_partial() for placement in getattr(weight, "placements", ())):
        return "a partial sum"
    return "" if _is_number(weight.dtype) else str(weight.dtype)


@cache
def _is_number(dtype: torch.dtype) -> bool:
    """Return whether weights are the numbers that they stand for; integers may be codes, float4 is packed."""
    if not dtype.is_floating_point:
        return False
    try:
        torch.zeros(1).to(dtype).to(torch.float32)
    except (NotImplementedError, RuntimeError):
        return False
    return True
