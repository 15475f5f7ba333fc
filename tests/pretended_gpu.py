"""A GPU that is none, for machines without: what would mix devices there is refused here.

Tensors that are sent to "cuda" stay in memory and get a mark. What is computed from them has it
too, and they say that they are on the GPU. Whatever a GPU would refuse raises: a computation with
marked and unmarked tensors, NumPy on a marked one, a generator of the CPU for marked numbers.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

GPU = torch.device("cuda")
_DEVICE, _IS_CUDA, _SET_DATA = Tensor.device.__get__, Tensor.is_cuda.__get__, Tensor.data.__set__
_FREE = ("copy_", "__setitem__", "__set__", "_has_compatible_shallow_copy_type")  # may mix devices


def is_marked(tensor: Tensor) -> bool:
    """Whether a tensor counts as being on the GPU."""
    return vars(tensor).get("_on_gpu", False)


def mark(result, marked: bool = True):
    """Put the mark on all tensors in a result, or take it off."""
    for tensor in tensors_in(result):
        tensor._on_gpu = marked
    return result


def tensors_in(value) -> Iterator[Tensor]:
    """All tensors in nested lists, tuples and dicts."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from tensors_in(part)


class PretendedGpu(TorchFunctionMode):
    """While it is entered, "cuda" can be written to, and is as strict as a real one."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs, name = dict(kwargs or {}), getattr(func, "__name__", "")
        marked = [tensor for tensor in tensors_in((args, kwargs)) if is_marked(tensor)]
        if func in (_DEVICE, _IS_CUDA) and marked:
            return GPU if func == _DEVICE else True
        if func == _SET_DATA:  # how modules move their parameters
            func(*args)
            return mark(args[0], is_marked(args[1]))
        if name == "pin_memory":
            return args[0]
        if name in ("to", "cpu"):
            return _sent(func, name, args, kwargs)
        wanted = kwargs.get("device") is not None
        is_target = torch.device(kwargs["device"]).type == "cuda" if wanted else bool(marked)
        if wanted and is_target:
            kwargs["device"] = torch.device("cpu")
        if is_target or marked:
            _refuse(name, args, kwargs, wanted)
        result = func(*args, **kwargs)
        return mark(result) if is_target and name not in _FREE else result


def _sent(func, name: str, args: tuple, kwargs: dict):
    """What `to` and `cpu` return: a copy with the mark, or without."""
    tensor, *rest = args
    targets = [x for x in (*rest, *kwargs.values()) if isinstance(x, Tensor | torch.device | str)]
    goes_there = is_marked(tensor) and name == "to"
    for x in targets:
        goes_there = is_marked(x) if isinstance(x, Tensor) else torch.device(x).type == "cuda"
    here = [torch.device("cpu") if x in (GPU, "cuda") else x for x in rest]
    kwargs = {key: torch.device("cpu") if x in (GPU, "cuda") else x for key, x in kwargs.items()}
    moved = func(tensor, *here, **kwargs)
    moved = moved.clone() if moved is tensor and goes_there != is_marked(tensor) else moved
    return mark(moved, goes_there)


def _refuse(name: str, args: tuple, kwargs: dict, moves: bool) -> None:
    """Raise where a GPU would."""
    if name in ("numpy", "__array__"):
        raise TypeError("can't convert a tensor of the (pretended) GPU to numpy: use Tensor.cpu()")
    if any(isinstance(x, torch.Generator) for x in (*args, *kwargs.values())):
        raise RuntimeError(f"expected a generator of the (pretended) GPU in {name}, got the CPU's")
    takes_indices = name == "__getitem__" and is_marked(args[0])
    if moves or takes_indices or name in _FREE:
        return
    if others := [x for x in tensors_in((args, kwargs)) if not is_marked(x) and x.dim()]:
        shapes = [list(x.shape) for x in others]
        raise RuntimeError(f"{name} mixes the (pretended) GPU with tensors of the CPU, {shapes}")


def made(cls, data: Tensor | None = None, requires_grad: bool = True) -> nn.Parameter:
    """A parameter that is where its numbers are."""
    parameter = _plain_new(cls, data, requires_grad)
    return mark(parameter, data is not None and is_marked(data))


def copied(parameter: nn.Parameter, memo: dict) -> nn.Parameter:
    """A deep copy of a parameter, mark included."""
    return mark(_plain_copy(parameter, memo), is_marked(parameter))


_plain_new, _plain_copy = nn.Parameter.__new__, nn.Parameter.__deepcopy__
