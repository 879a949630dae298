"""Colours that can be told apart, and looks that do not depend on the result."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from rep4ex_bench.boards.report.appearance import (
    DARK_COLOURS,
    DARK_PAGE,
    LIGHT_COLOURS,
    LIGHT_PAGE,
    appearances,
)

# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB
VISION = {
    "normal": np.eye(3),
    "red-blind": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "green-blind": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
}


def linear(colour: str) -> np.ndarray:
    channel = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(channel <= 0.04045, channel / 12.92, ((channel + 0.055) / 1.055) ** 2.4)


def oklab(rgb: np.ndarray) -> np.ndarray:
    to_cones = np.array(
        [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ]
    )
    to_lab = np.array(
        [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ]
    )
    return to_lab @ np.cbrt(to_cones @ np.clip(rgb, 0, 1))


def contrast(a: str, b: str) -> float:
    weights = np.array([0.2126, 0.7152, 0.0722])
    dark, light = sorted(float(weights @ linear(colour)) for colour in (a, b))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("colours", [LIGHT_COLOURS, DARK_COLOURS])
@pytest.mark.parametrize("vision", VISION)
def test_any_two_colours_stay_apart(colours, vision):
    seen = [oklab(VISION[vision] @ linear(colour)) for colour in colours]
    distances = [np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)]
    assert min(distances) >= 0.12


@pytest.mark.parametrize(
    ("colours", "page"), [(LIGHT_COLOURS, LIGHT_PAGE), (DARK_COLOURS, DARK_PAGE)]
)
def test_contrast_to_the_page(colours, page):
    assert min(contrast(colour, page) for colour in colours) >= 3


def test_looks_follow_the_order_of_the_suite(run):
    looks = appearances(run.records)
    assert [look.role for look in looks.values()] == ["method"] * 3 + ["oracle", "control"]
    # other values, other ranks: same looks
    assert appearances(run.records.assign(value=1.0)) == looks


def test_beyond_the_palette_no_two_methods_look_alike():
    frame = pd.DataFrame(
        {"method_label": [f"m{i}" for i in range(20)], "method": "m", "role": "method"}
    )
    looks = {(look.colour, look.symbol) for look in appearances(frame).values()}
    assert len(looks) == 20
