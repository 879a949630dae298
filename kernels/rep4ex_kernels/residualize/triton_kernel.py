"""The kernels of least squares: moments, factorisation, fit and its adjoint.

Each is a loop over device functions of ``_triton_least_squares``; what they do to whole problems is
in ``triton_impl.py``.
"""

from __future__ import annotations

import triton
import triton.language as tl

from rep4ex_kernels._triton_least_squares import (
    back_substitution,
    cross_moments,
    factor_problem,
    first_row,
    fitted_rows,
    forward_substitution,
    store_part,
    summed_moments,
    without_null,
)

USER_TENSORS = ["actions_ptr", "targets_ptr", "weights_ptr", "upstream_ptr", "to_coefficients_ptr"]


@triton.jit
def shift_of(
    actions_ptr, weights_ptr, state_ptr, n, k,
    CENTRED: tl.constexpr, WEIGHTED: tl.constexpr, K: tl.constexpr,
):  # fmt: skip
    """What is subtracted from [1, a], (K,) float64: the mean, or the first row with weight."""
    feature = tl.arange(0, K)
    real = (feature >= 1) & (feature <= k)
    if CENTRED:
        return tl.load(state_ptr + 1 + k + feature, mask=real, other=0.0)
    row = 0
    if WEIGHTED:
        row = first_row(weights_ptr, n, 128)
    first = tl.load(actions_ptr + row * k - 1 + feature, mask=real, other=0.0)
    return first.to(tl.float64)


@triton.jit
def moments_part(
    actions_ptr, targets_ptr, weights_ptr, state_ptr, gram_ptr, cross_ptr, squares_ptr,
    part, chunk, gram_chunks, target_chunks, start, stop, n, k, d,
    CENTRED: tl.constexpr, WEIGHTED: tl.constexpr, K: tl.constexpr, D: tl.constexpr,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """Moments of one part of the rows with one chunk of [1, a], or after those of the targets."""
    shift = shift_of(actions_ptr, weights_ptr, state_ptr, n, k, CENTRED, WEIGHTED, K)
    if chunk < gram_chunks:
        total, squares = cross_moments(
            actions_ptr, targets_ptr, weights_ptr, shift, start, stop, chunk * D, k, d,
            True, WEIGHTED, K, D, BLOCK,
        )  # fmt: skip
        columns = chunk * D + tl.arange(0, D)
        place = (part * K + tl.arange(0, K))[:, None] * (gram_chunks * D) + columns[None, :]
        tl.store(gram_ptr + place, total)
    else:
        column = (chunk - gram_chunks) * D
        total, squares = cross_moments(
            actions_ptr, targets_ptr, weights_ptr, shift, start, stop, column, k, d,
            False, WEIGHTED, K, D, BLOCK,
        )  # fmt: skip
        store_part(cross_ptr, squares_ptr, part, column, total, squares, target_chunks * D, K, D)


@triton.jit(
    do_not_specialize=["gram_chunks", "target_chunks", "n", "k", "d", "rows_per_part", "size"],
    do_not_specialize_on_alignment=USER_TENSORS,
)
def moments_kernel(
    actions_ptr, targets_ptr, weights_ptr, state_ptr, gram_ptr, cross_ptr, squares_ptr,
    gram_chunks, target_chunks, n, k, d, rows_per_part, size,
    CENTRED: tl.constexpr, WEIGHTED: tl.constexpr, K: tl.constexpr, D: tl.constexpr,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """Grid (batches, parts, chunks of [1, a], then of the targets)."""
    batch = tl.program_id(0).to(tl.int64)
    part = tl.program_id(1)
    parts = tl.num_programs(1)
    start = part * rows_per_part
    moments_part(
        actions_ptr + batch * n * k, targets_ptr + batch * n * d, weights_ptr + batch * n,
        state_ptr + batch * size,
        gram_ptr + batch * parts * K * gram_chunks * D,
        cross_ptr + batch * parts * K * target_chunks * D,
        squares_ptr + batch * parts * target_chunks * D,
        part, tl.program_id(2), gram_chunks, target_chunks,
        start, tl.minimum(start + rows_per_part, n), n, k, d,
        CENTRED, WEIGHTED, K, D, BLOCK,
    )  # fmt: skip


@triton.jit(
    do_not_specialize=["parts", "width", "n", "k", "size"],
    do_not_specialize_on_alignment=USER_TENSORS,
)
def factor_kernel(
    gram_ptr, actions_ptr, weights_ptr, state_ptr, flags_ptr,
    parts, width, n, k, size, ridge, tolerance, constant_part, eps,
    WEIGHTED: tl.constexpr, NULL: tl.constexpr, K: tl.constexpr, HEIGHT: tl.constexpr,
):  # fmt: skip
    """Grid (batches,): the state of each problem."""
    batch = tl.program_id(0).to(tl.int64)
    row = 0
    if WEIGHTED:
        row = first_row(weights_ptr + batch * n, n, 128)
    factor_problem(
        gram_ptr + batch * parts * HEIGHT * width, state_ptr + batch * size,
        actions_ptr + (batch * n + row) * k, flags_ptr,
        parts, width, k, ridge, tolerance, constant_part, eps, NULL, K, HEIGHT,
    )  # fmt: skip


@triton.jit(
    do_not_specialize=["parts", "width", "n", "k", "d", "rows_per_program", "size"],
    do_not_specialize_on_alignment=USER_TENSORS,
)
def fit_kernel(
    actions_ptr, targets_ptr, state_ptr, cross_ptr, squares_ptr, upstream_ptr,
    residual_ptr, coefficients_ptr, parts, width, n, k, d, rows_per_program, size, factor,
    CENTRED: tl.constexpr, SCALED: tl.constexpr, COEFFICIENTS: tl.constexpr,
    K: tl.constexpr, HEIGHT: tl.constexpr, D: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """t - c - a W, all of it in float64 as offsets cancel in it; SCALED times factor and upstream.

    Grid (batches, programs, chunks of D columns). With COEFFICIENTS also [c; W] of least norm.
    """
    batch = tl.program_id(0).to(tl.int64)
    state_ptr += batch * size
    targets_ptr += batch * n * d
    actions_ptr += batch * n * k
    column = tl.program_id(2) * D
    columns = column + tl.arange(0, D)
    i = tl.arange(0, K)
    right, sums, _ = summed_moments(
        cross_ptr + batch * parts * HEIGHT * width, squares_ptr + batch * parts * width,
        state_ptr, parts, column, width, k, CENTRED, K, HEIGHT, D,
    )  # fmt: skip
    mean = sums / tl.load(state_ptr)
    factor_ptr = state_ptr + 2 + 2 * k
    slopes = forward_substitution(factor_ptr, right, k, K)
    slopes = back_substitution(factor_ptr, slopes, k, K)
    if COEFFICIENTS:  # noqa: SIM102 - a constant, and a number that the program knows
        if tl.program_id(1) == 0:
            slopes = without_null(factor_ptr + k * k, slopes, k, K)
            centre = tl.load(state_ptr + 2 + k + i, mask=i < k, other=0.0)
            out = coefficients_ptr + batch * (k + 1) * d + columns
            intercept = mean - tl.sum(centre[:, None] * slopes, 0)
            tl.store(out, intercept.to(tl.float32), mask=columns < d)
            tl.store(
                out[None, :] + (1 + i)[:, None] * d,
                slopes.to(tl.float32),
                mask=(i < k)[:, None] & (columns < d)[None, :],
            )
    if SCALED:
        factor *= tl.load(upstream_ptr + batch)
    start = tl.program_id(1) * rows_per_program
    stop = tl.minimum(start + rows_per_program, n)
    for begin in range(start, stop, BLOCK):
        rows = begin + tl.arange(0, BLOCK)
        inside = rows < stop
        place = rows[:, None] * d + columns[None, :]
        mask = inside[:, None] & (columns < d)[None, :]
        value = tl.load(targets_ptr + place, mask=mask, other=0.0).to(tl.float64) - mean[None, :]
        value -= fitted_rows(actions_ptr, state_ptr, slopes, rows, inside, k, K, D, BLOCK)
        if SCALED:
            value *= factor
        tl.store(residual_ptr + batch * n * d + place, value.to(tl.float32), mask=mask)


@triton.jit(
    do_not_specialize=["parts", "width", "n", "k", "d", "rows_per_program", "size"],
    do_not_specialize_on_alignment=USER_TENSORS,
)
def adjoint_kernel(
    actions_ptr, targets_ptr, weights_ptr, state_ptr, cross_ptr, squares_ptr, to_coefficients_ptr,
    gradient_ptr, parts, width, n, k, d, rows_per_program, size,
    WEIGHTED: tl.constexpr, K: tl.constexpr, HEIGHT: tl.constexpr, D: tl.constexpr,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """g + w (t / sum(w) + A_c G^-1 T): t and T are what reaches the mean and the slope.

    The moments of g are without weights, of actions less their (weighted) mean. Grid as above.
    """
    batch = tl.program_id(0).to(tl.int64)
    state_ptr += batch * size
    targets_ptr += batch * n * d
    actions_ptr += batch * n * k
    column = tl.program_id(2) * D
    columns = column + tl.arange(0, D)
    present = columns < d
    i = tl.arange(0, K)
    right, sums, _ = summed_moments(
        cross_ptr + batch * parts * HEIGHT * width, squares_ptr + batch * parts * width,
        state_ptr, parts, column, width, k, True, K, HEIGHT, D,
    )  # fmt: skip
    out = to_coefficients_ptr + batch * (k + 1) * d + columns
    to_intercept = tl.load(out, mask=present, other=0.0).to(tl.float64)
    to_slope = tl.load(
        out[None, :] + (1 + i)[:, None] * d, mask=(i < k)[:, None] & present[None, :], other=0.0
    ).to(tl.float64)
    centre = tl.load(state_ptr + 2 + k + i, mask=i < k, other=0.0)
    to_mean = (to_intercept - sums) / tl.load(state_ptr)
    to_slope -= centre[:, None] * to_intercept[None, :] + right
    factor_ptr = state_ptr + 2 + 2 * k
    slopes = without_null(factor_ptr + k * k, to_slope, k, K)
    slopes = forward_substitution(factor_ptr, slopes, k, K)
    slopes = back_substitution(factor_ptr, slopes, k, K)
    slopes = without_null(factor_ptr + k * k, slopes, k, K)
    start = tl.program_id(1) * rows_per_program
    stop = tl.minimum(start + rows_per_program, n)
    for begin in range(start, stop, BLOCK):
        rows = begin + tl.arange(0, BLOCK)
        inside = rows < stop
        place = rows[:, None] * d + columns[None, :]
        mask = inside[:, None] & present[None, :]
        back = to_mean[None, :] + fitted_rows(
            actions_ptr, state_ptr, slopes, rows, inside, k, K, D, BLOCK
        )
        if WEIGHTED:
            w = tl.load(weights_ptr + batch * n + rows, mask=inside, other=0.0)
            back *= w[:, None].to(tl.float64)
        value = tl.load(targets_ptr + place, mask=mask, other=0.0).to(tl.float64) + back
        tl.store(gradient_ptr + batch * n * d + place, value.to(tl.float32), mask=mask)
