"""What a failed comparison leaves behind, so that a miss on a machine far away can be understood.

`Compared` holds values found and expected with their errors; its `check` fails with all of them,
a hash of every input, and the way that was taken. `conftest.py` adds the tensors and numbers of a
failing test's own frames and keeps both in its report, and so in JUnit's file, as the property
"evidence".
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
from numbers import Number
from pathlib import Path

import torch

HERE = Path(__file__).parent
MOST_BYTES = 2**28  # of a tensor that is hashed
MOST_LINES = 40
SWITCHES = ("REP4EX_KERNELS_BACKEND", "TRITON_INTERPRET", "REP4EX_CHECK_STREAMS")

# Triton kernels that the running test launched; `conftest.py` empties it before each.
launched: list[str] = []


class Compared:
    """Errors of one call, by name, with what they were taken of."""

    def __init__(self, call, **inputs):
        self.call, self.inputs = call, inputs
        self.errors, self.tensors = {}, {}

    def add(self, name, found, expected, error):
        self.errors[name], self.tensors[name] = float(error), (found, expected)
        return self

    def __iter__(self):
        return iter(self.errors.values())

    def check(self, **limits):
        """Fail unless every error named is below its limit; NaN is not."""
        __tracebackhide__ = True
        missed = {n: e for n, e in self.errors.items() if n in limits and not e < limits[n]}
        assert limits.keys() <= self.errors.keys(), f"no error named {limits.keys()}"
        if missed:
            names = ", ".join(f"{n} {e:.3g}, limit {limits[n]:.3g}" for n, e in missed.items())
            raise AssertionError(f"{self.call}: {names}\n{self.explained(limits)}")

    def explained(self, limits):
        lines = []
        for name, error in self.errors.items():
            found, expected = self.tensors[name]
            lines.append(f"{name}: error {error:.6g}, limit {limits.get(name, 'none')}")
            lines += [f"  found    {described(found)}", f"  expected {described(expected)}"]
            lines += [f"  worst    {worst_entry(found, expected)}"]
        lines += [f"input {name}: {described(value)}" for name, value in self.inputs.items()]
        return "\n".join([*lines, *surroundings()])


def bound(function):
    """What a function brings besides its arguments: names of its closure and its defaults."""
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    named = {name: cell.cell_contents for name, cell in cells}
    code, defaults = function.__code__, function.__defaults__ or ()
    last = code.co_varnames[code.co_argcount - len(defaults) : code.co_argcount]
    return named | dict(zip(last, defaults, strict=True))


def described(value):
    """A tensor's form, device, hash and first entries; anything else as it is."""
    if not isinstance(value, torch.Tensor):
        return repr(value)[:200]
    form = f"{tuple(value.shape)} {str(value.dtype)[6:]} {value.device}"
    try:
        held = value.detach().cpu()
        first = ", ".join(f"{entry:.9g}" for entry in held.flatten()[:4].tolist())
        size = f"norm {float(held.double().norm()):.9g}, " if value.numel() != 1 else ""
        return f"{form} sha256 {digest(held)} {size}[{first}{', ...' * (value.numel() > 4)}]"
    except (RuntimeError, TypeError) as error:  # after a fault of the device nothing can be read
        return f"{form} not readable: {str(error).splitlines()[0]}"


def digest(tensor):
    """The first 16 digits of the SHA-256 of a tensor's bytes, in order of its indices."""
    if tensor.numel() * tensor.element_size() > MOST_BYTES:
        return "not taken, too large"
    raw = tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()
    return hashlib.sha256(raw).hexdigest()[:16]


def worst_entry(found, expected):
    """Where two tensors differ most, and by what."""
    with contextlib.suppress(RuntimeError, TypeError, AttributeError):
        one, two = found.detach().double().cpu(), expected.detach().double().cpu()
        place = int((one - two).abs().nan_to_num(torch.inf).argmax())
        index = tuple(int(i) for i in torch.unravel_index(torch.tensor(place), one.shape))
        return (
            f"at {index}: {float(one.flatten()[place]):.9g}, not {float(two.flatten()[place]):.9g}"
        )
    return "not comparable"


def surroundings():
    """Versions, device, switches and the Triton kernels that were launched."""
    lines = [f"torch {torch.__version__}, {triton_version()}, {platform.machine()}"]
    if torch.cuda.is_available():
        major, minor = torch.cuda.get_device_capability()
        lines.append(
            f"{torch.cuda.get_device_name()}, sm_{major}{minor}, CUDA {torch.version.cuda}"
        )
    lines += [f"{name}={os.environ[name]}" for name in SWITCHES if name in os.environ]
    return [*lines, f"Triton kernels launched: {'; '.join(launched[-8:]) or 'none'}"]


def triton_version():
    with contextlib.suppress(ImportError):
        import triton

        return f"triton {triton.__version__}"
    return "no triton"


def of_frames(traceback):
    """Tensors and numbers of the frames of our tests in a traceback, the last frame first."""
    lines = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if HERE in Path(code.co_filename).parents and code.co_filename != __file__:
            entries = traceback.tb_frame.f_locals.items()
            told = [(name, shown(value)) for name, value in entries if not name.startswith("@")]
            found = [f"  {name} = {text}" for name, text in told if text]
            lines = [
                f"{Path(code.co_filename).name}:{traceback.tb_lineno} {code.co_name}",
                *found,
                *lines,
            ]
        traceback = traceback.tb_next
    return "\n".join([*lines[:MOST_LINES], *surroundings()])


def shown(value):
    """A description of what a frame's entry is worth, or nothing."""
    if isinstance(value, torch.Tensor):
        return described(value)
    if isinstance(value, Number | str) and not isinstance(value, type):
        return repr(value)[:200]
    if isinstance(value, list | tuple) and value and len(value) < 8:
        parts = [shown(entry) for entry in value]
        return f"({'; '.join(parts)})" if all(parts) else ""
    return ""
