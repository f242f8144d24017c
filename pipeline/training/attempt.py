"""What a network cannot do, told in one line: what it raised, in which of its modules, and a way out."""

from collections.abc import Iterator
from contextlib import contextmanager
from linecache import getline
from traceback import walk_tb

from torch import Tensor, nn

from models import Architecture, ModelError
from models.architectures import one_line

CHANGE = "change it, or name another one"


class LogitsError(Exception):
    """A network returns something else than logits; the message says what."""


@contextmanager
def attempt(architecture: Architecture, what: str, remedy: str = CHANGE) -> Iterator[None]:
    """Raise ModelError, which says that a network cannot do this, in place of what its code raises."""
    try:
        yield
    except ModelError:
        raise
    except LogitsError as error:
        raise ModelError(f"{architecture.name} must return logits, images x classes: {error}: {CHANGE}") from error
    except (Exception, SystemExit) as error:  # a network may raise anything
        raise ModelError(f"{architecture.name} cannot {what} ({one_line(error)}{_place(error)}): {remedy}") from error


def checked(logits: object, images: int, classes: int, *, training: bool) -> Tensor:
    """Return logits, images x classes; raise LogitsError."""
    if isinstance(logits, Tensor) and logits.shape == (images, classes):
        return logits
    got = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
    given = f"{images} image{'s' * (images != 1)} in {'training' if training else 'evaluation'}"
    raise LogitsError(f"for {given} it returned {got}, not {(images, classes)}")


def _place(error: BaseException) -> str:
    """Return the module of a network that raised an error, with the line of its code unless the module is torch's."""
    found = []
    for frame, line in walk_tb(error.__traceback__):
        names = frame.f_code.co_varnames[: frame.f_code.co_argcount]
        module = frame.f_locals.get(names[0]) if names else None
        if frame.f_code.co_name == "forward" and isinstance(module, nn.Module):
            found.append((module, frame.f_code.co_filename, line))
    if not found:
        return ""
    network, _file, _line = found[0]
    paths = {id(module): path for path, module in network.named_modules()}
    inner, _file, _line = found[-1]
    path = paths.get(id(inner), "")
    place = f", in {path} ({type(inner).__name__})" if path else ""
    own = [(file, line) for module, file, line in found if not type(module).__module__.startswith("torch.")]
    code = getline(*own[-1]).strip() if own else ""
    return f"{place}, line {own[-1][1]}: {code}" if code else place
