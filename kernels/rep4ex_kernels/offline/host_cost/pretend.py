"""A GPU that is not there: the CUDA code path runs on CPU tensors, its kernels do nothing.

Torch itself is what pretends. A tensor says that its device is `cuda:99`, constructors and `.to`
take that device, and `torch.cuda` answers for an H100. So the code under test asks whatever it
likes, in whatever way, and takes the way that it takes on a GPU. Of the project, three things are
replaced: what launches a kernel, the question whether a dispatch mode is on (the one that counts
is), and Triton's own `run`, so that no launch can go past the first.

`pretended_gpu` follows each tensor, which takes a dispatch mode; `everything_on_gpu` follows none,
says that all are on the GPU, and leaves the speed of the host as it is. Where torch's own C++ code
branches on the device, the branch of the CPU is taken.
"""

from __future__ import annotations

import contextlib
import functools
import os
import types
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils._device import _device_constructors
from torch.utils._pytree import tree_map_only

from rep4ex_kernels import _launch, _registration
from rep4ex_kernels.offline.host_cost.seams import Replacements
from rep4ex_kernels.offline.host_cost.tally import HostCost, Tally
from rep4ex_kernels.offline.host_cost.watch import DeviceMismatchError, Place, Watch

# No machine has so many: what is kept for a device is kept apart from what a real one gets.
DEVICE = torch.device("cuda", 99)
HOST = torch.device("cpu")
_H100 = types.SimpleNamespace(
    name="pretended", major=9, minor=0, multi_processor_count=132, total_memory=80 << 30
)
# Constructors that are given values of the host.
_FROM_VALUES = ("tensor", "as_tensor", "asarray")
Launched = Callable[[Any, tuple[Any, ...]], None]


class PretendedGPU:
    """What `pretended_gpu` gives: moves tensors, counts calls."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def move(self, inputs: Any) -> Any:
        """Return copies on the pretended GPU of the tensors of nested tuples, lists and dicts."""

        def copied(tensor: Tensor) -> Tensor:
            return tensor.detach().to(DEVICE).requires_grad_(tensor.requires_grad)

        return tree_map_only(Tensor, copied, inputs)

    def count(self, call: Callable[[], object], warm_up: int = 1) -> HostCost:
        """Count what a call costs after so many that are not counted."""
        for _ in range(warm_up):
            call()
        self._watch.tally = Tally()
        call()
        return self._watch.tally.result()


@contextlib.contextmanager
def pretended_gpu() -> Iterator[PretendedGPU]:
    """Take CPU tensors for those of a GPU if they were made or moved there inside the block.

    Raises:
        SeamError: code that is to be replaced is no longer there.
        RuntimeError: kernels are interpreted (TRITON_INTERPRET=1), or the block is inside another.
        DeviceMismatchError: in the block, where tensors are used on the GPU that are not there.
    """
    watch = Watch()

    def launched(kernel: Any, arguments: tuple[Any, ...]) -> None:
        watch.tally.add("launches")
        for tensor in arguments:
            if isinstance(tensor, Tensor) and watch.settle(tensor) is Place.HOST:
                raise DeviceMismatchError(
                    f"kernel {_name(kernel)}: expected tensors of the GPU, received one of shape "
                    f"{tuple(tensor.shape)} in host memory; make it with device="
                )

    with Replacements() as replacements:
        _replace_launches(replacements, launched)
        _replace_cuda(replacements, lambda: watch.tally.add("waits", "synchronize"))
        replacements.put_everywhere(_registration, "runs_eagerly", lambda *_: True)
        _replace_devices(replacements, watch)
        with watch:
            yield PretendedGPU(watch)


@contextlib.contextmanager
def everything_on_gpu() -> Iterator[None]:
    """Take all tensors for those of a GPU, without following them: for measuring time.

    Raises: as `pretended_gpu`, except for tensors that are not on the GPU.
    """
    with Replacements() as replacements:
        _replace_launches(replacements, lambda *_: None)
        _replace_cuda(replacements, lambda: None)
        replacements.put(Tensor, "device", property(lambda _: DEVICE))
        replacements.put(Tensor, "is_cuda", property(lambda _: True))
        _replace_constructors(replacements, _on_cpu)
        plain = Tensor.to

        def to(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
            _, arguments = _without_device(self, args, kwargs)
            return plain(self, **arguments) if arguments else self

        replacements.put(Tensor, "to", to)
        yield


def _replace_launches(replacements: Replacements, launched: Launched) -> None:
    from triton.runtime.jit import JITFunction  # noqa: PLC0415 - not importable without triton

    if os.environ.get("TRITON_INTERPRET") == "1":
        raise RuntimeError(
            "TRITON_INTERPRET: expected to be unset, as no kernel runs here; received 1"
        )
    if "device" in vars(Tensor):
        raise RuntimeError("pretended GPU: one at a time; leave the block that is open first")

    def execute(kernel: Any, grid: Any, arguments: tuple[Any, ...], constants: Any) -> None:
        launched(kernel, arguments)

    def run(self: Any, *args: Any, **_: Any) -> None:
        launched(self, args)

    replacements.put(_launch, "_execute", execute)
    replacements.put(JITFunction, "run", run)


def _name(kernel: Any) -> str:
    return getattr(kernel, "__name__", None) or str(kernel)


def _replace_cuda(replacements: Replacements, wait: Callable[[], None]) -> None:
    answers: dict[str, Any] = {
        "is_available": lambda: True,
        "current_device": lambda: DEVICE.index,
        "device_of": lambda _: contextlib.nullcontext(),
        "is_current_stream_capturing": lambda: False,
        "get_device_capability": lambda *_: (_H100.major, _H100.minor),
        "get_device_properties": lambda *_: _H100,
        "synchronize": lambda *_: wait(),
    }
    for name, answer in answers.items():
        replacements.put(torch.cuda, name, answer)
    for owner in (torch.cuda.Event, torch.cuda.Stream):
        replacements.put(owner, "synchronize", lambda *_: wait())


def _is_gpu(device: Any) -> bool:
    return device is not None and torch.device(device).type == "cuda"


def _replace_constructors(
    replacements: Replacements, replace: Callable[[Callable[..., Tensor]], Callable[..., Tensor]]
) -> None:
    constructors: set[Any] = _device_constructors()
    for constructor in constructors:
        name = constructor.__name__
        in_torch = getattr(torch, name, None) is constructor
        if in_torch:  # some are of parts of torch that nobody uses here
            replacements.put_everywhere(torch, name, replace(constructor))


def _on_cpu(constructor: Callable[..., Tensor]) -> Callable[..., Tensor]:
    @functools.wraps(constructor)
    def make(*args: Any, device: Any = None, pin_memory: bool = False, **kwargs: Any) -> Tensor:
        return constructor(*args, **kwargs)

    return make


def _replace_devices(replacements: Replacements, watch: Watch) -> None:
    """Make tensors say where they lie, and constructors and copies take the pretended GPU."""

    def on_gpu(tensor: Tensor) -> bool:
        return watch.place(tensor) is Place.GPU

    def constructor_of(constructor: Callable[..., Tensor]) -> Callable[..., Tensor]:
        @functools.wraps(constructor)
        def make(*args: Any, device: Any = None, pin_memory: bool = False, **kwargs: Any) -> Tensor:
            gpu = _is_gpu(device)
            place = Place.PINNED if pin_memory else Place.HOST
            if gpu and constructor.__name__ not in _FROM_VALUES:
                place = Place.GPU
            with watch.results_on(place):
                made = constructor(*args, **kwargs)
            return made.to(DEVICE) if gpu and place is not Place.GPU else made

        return make

    replacements.put(Tensor, "device", property(lambda t: DEVICE if on_gpu(t) else HOST))
    replacements.put(Tensor, "is_cuda", property(on_gpu))
    replacements.put(Tensor, "is_cpu", property(lambda t: not on_gpu(t)))
    _replace_constructors(replacements, constructor_of)
    _replace_copies(replacements, watch, on_gpu)
    grouped: Callable[..., Any] = torch._C._group_tensors_by_device_and_dtype

    def by_device(lists: Any, *args: Any) -> Any:
        """Group tensors for an optimiser, which C++ code does by the device that it knows."""
        groups = grouped(lists, *args)
        return {
            (each[0][0].device, dtype): (each, places)
            for (_, dtype), (each, places) in groups.items()
        }

    replacements.put(torch._C, "_group_tensors_by_device_and_dtype", by_device)


def _replace_copies(
    replacements: Replacements, watch: Watch, on_gpu: Callable[[Tensor], bool]
) -> None:
    plain, plain_list, copied = Tensor.to, Tensor.tolist, Tensor.clone

    def to(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        device, arguments = _without_device(self, args, kwargs)
        if device is None or _is_gpu(device) == on_gpu(self):
            return plain(self, **arguments) if arguments else self
        blocking = not arguments.get("non_blocking", False)
        arguments = {"dtype": self.dtype, **arguments, "copy": True}
        back = Place.HOST if blocking else Place.PINNED
        with watch.results_on(Place.GPU if _is_gpu(device) else back, blocking):
            return plain(self, **arguments)

    def tolist(self: Tensor) -> Any:
        return plain_list(to(self, "cpu"))

    def on_host(read: Callable[..., Any]) -> Callable[..., Any]:
        def from_host(self: Tensor, *args: Any, **kwargs: Any) -> Any:
            if on_gpu(self):
                raise TypeError("can't convert a tensor of the pretended GPU to numpy; use .cpu()")
            return read(self, *args, **kwargs)

        return from_host

    def pin_memory(self: Tensor, *_: Any) -> Tensor:
        with watch.results_on(Place.PINNED):
            return copied(self)

    stand_ins = {
        "to": to,
        "cpu": lambda self, *_: to(self, "cpu"),
        "cuda": lambda self, *_, non_blocking=False: to(self, "cuda", non_blocking=non_blocking),
        "pin_memory": pin_memory,
        "is_pinned": lambda self, *_: watch.place(self) is Place.PINNED,
        "tolist": tolist,
        "numpy": on_host(Tensor.numpy),
        "__array__": on_host(Tensor.__array__),
    }
    for name, stand_in in stand_ins.items():
        replacements.put(Tensor, name, stand_in)


def _without_device(
    tensor: Tensor, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, dict[str, Any]]:
    """Return the device that `Tensor.to` is asked for, or None, and its other arguments."""
    arguments = dict(kwargs)
    names = ["non_blocking", "copy"]
    rest = list(args)
    if rest and isinstance(rest[0], Tensor):
        arguments["other"] = rest.pop(0)
    elif rest and isinstance(rest[0], torch.dtype):
        arguments["dtype"] = rest.pop(0)
    elif rest:
        arguments["device"] = rest.pop(0)
        if rest and isinstance(rest[0], torch.dtype | None):
            arguments["dtype"] = rest.pop(0)
    arguments |= dict(zip(names, rest, strict=False))
    other = arguments.pop("other", None)
    if other is not None:
        arguments |= {"device": other.device, "dtype": other.dtype}
    device = arguments.pop("device", None)
    return device, {name: value for name, value in arguments.items() if value is not None}
