"""The modules of a network under the names that they have in the network itself, whatever it is wrapped in."""

from collections.abc import Iterator

from torch import nn

WRAPPERS = {  # class, by name so that none is imported: its attributes that hold the network
    "OptimizedModule": ("_orig_mod",),  # torch.compile
    "DataParallel": ("module",),
    "DistributedDataParallel": ("module",),
    "FullyShardedDataParallel": ("_fsdp_wrapped_module",),
    "ActivationWrapper": ("_checkpoint_wrapped_module",),  # of checkpoint_wrapper, offload_wrapper
    "AveragedModel": ("module",),
    "DeepSpeedEngine": ("module",),
    "_FabricModule": ("_forward_module", "_original_module"),
}


def named_modules(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield (path, module), parents first, without the names that wrappers add; a shared module under each path."""
    paths, modules = {"": ""}, {"": model}
    for wrapped, module in model.named_modules(remove_duplicate=False):
        modules[wrapped] = module
        parent, _dot, name = wrapped.rpartition(".")
        if wrapped:
            inside = name in _wrapped_by(modules[parent])
            paths[wrapped] = paths[parent] if inside else f"{paths[parent]}.{name}".removeprefix(".")
        yield paths[wrapped], module


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the network inside the wrappers around it; those of its parts stay."""
    while names := _wrapped_by(model):
        model = getattr(model, names[0])
    return model


def is_a(module: nn.Module, name: str) -> bool:
    """Return whether a module is of a class of this name, which need not be imported."""
    return any(each.__name__ == name for each in type(module).__mro__)


def _wrapped_by(module: nn.Module) -> tuple[str, ...]:
    return next((names for wrapper, names in WRAPPERS.items() if is_a(module, wrapper)), ())
