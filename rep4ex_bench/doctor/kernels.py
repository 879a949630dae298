"""Which backend each kernel takes here and why, and whether each gives the right numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from rep4ex_bench.doctor.finding import Finding
from rep4ex_kernels import energy_distance, hsic, mmd2, mmr_penalty, residualize
from rep4ex_kernels._dispatch import explained

# Columns of points and values together that a narrow and a wide problem have.
_WIDTHS = (4, 64)
_TOLERANCE = {"value": 1e-5, "gradient": 1e-4}
_ROWS = 257

Loss = Callable[[Tensor, Tensor, str | None], Tensor]
LOSSES: dict[str, Loss] = {
    "residualize": lambda x, y, b: residualize(x, y, backend=b)[0].square().sum(),
    "mmr": lambda x, y, b: mmr_penalty(x, y, 1.5, backend=b),
    "mmd": lambda x, y, b: mmd2(x, y, bandwidths=[1.0, 2.5], backend=b),
    "energy": lambda x, y, b: energy_distance(x, y, backend=b),
    "hsic": lambda x, y, b: hsic(x, y, 1.5, 2.0, backend=b),
}


def devices() -> list[torch.device]:
    """Return the devices that kernels can run on here."""
    return [
        torch.device(name) for name in ("cpu", *(["cuda"] if torch.cuda.is_available() else []))
    ]


def check_dispatch() -> Iterator[Finding]:
    """Yield, per op, device and dtype, the backends of a narrow and a wide problem with reasons."""
    for device in devices():
        for op in LOSSES:
            for dtype in (torch.float32, torch.float64):
                name = f"{op} {str(dtype).removeprefix('torch.')} {device.type}"
                told = [_told(op, device, dtype, width) for width in _WIDTHS]
                if told[0] == told[1]:
                    text = told[0]
                else:
                    text = "; ".join(
                        f"{width} columns: {each}"
                        for width, each in zip(_WIDTHS, told, strict=True)
                    )
                yield Finding("kernels", name, "ok", text)


def _told(op: str, device: torch.device, dtype: torch.dtype, width: int) -> str:
    chosen, reasons = explained(op, device, dtype, width)
    others = [f"{name}: {why.partition(';')[0]}" for name, why in reasons.items()]
    return chosen + (f" ({', '.join(others)})" if others else "")


def check_numbers(losses: dict[str, Loss] | None = None) -> Iterator[Finding]:
    """Yield, per op and device, how far value and gradient are from the float64 reference."""
    for device in devices():
        for op, loss in (losses or LOSSES).items():
            yield _numbers(op, loss, device)


def _numbers(op: str, loss: Loss, device: torch.device) -> Finding:
    name = f"{op} {device.type}"
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(_ROWS, 2, generator=generator).to(device)
    y = (torch.randn(_ROWS, 2, generator=generator) + 0.3).to(device)
    try:
        found, expected = (_value_and_gradient(loss, x, y, b) for b in (None, "reference"))
    except Exception as error:
        return Finding("self-check", name, "problem", f"{type(error).__name__}: {error}", _REMEDY)
    errors = {
        part: float((a - b).double().norm() / b.double().norm())
        for part, a, b in zip(_TOLERANCE, found, expected, strict=True)
    }
    text = ", ".join(f"{part} to {error:.1e}" for part, error in errors.items())
    if all(errors[part] <= allowed for part, allowed in _TOLERANCE.items()):
        return Finding("self-check", name, "ok", text)
    allowed = ", ".join(f"{value:g} of the {part}" for part, value in _TOLERANCE.items())
    return Finding("self-check", name, "problem", f"{text}; allowed is {allowed}", _REMEDY)


_REMEDY = (
    "REP4EX_KERNELS_BACKEND=torch takes the path without compiled code; please report this with "
    "the output of `rep4ex-bench doctor --json`"
)


def _value_and_gradient(
    loss: Loss, x: Tensor, y: Tensor, backend: str | None
) -> tuple[Tensor, Tensor]:
    leaf = x.clone().requires_grad_()
    value = loss(leaf, y, backend)
    (gradient,) = torch.autograd.grad(value, leaf)
    return value.detach(), gradient
