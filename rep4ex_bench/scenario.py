"""Contract: a `Scenario` samples a `Task`: training data, query actions, truth, oracle.

    A ~ P_A,  Z = M0 A + V,  X = g0(Z),  Y = l(Z) + U,  U depends on V, (U, V) independent of A
    truth(a*) = E[Y | do(A = a*)] = E[l(M0 a* + V)] + E[U]

Source: Rep4Ex (arXiv 2310.04295), Section 2. Generators live in `scenarios/`. Methods never see
the oracle, which knows the latents.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from rep4ex_bench.controls import Controls, check_controls
from rep4ex_bench.data import FloatArray, TrainingData
from rep4ex_bench.dial import Dial
from rep4ex_bench.errors import DataError, PluginError
from rep4ex_bench.installed import check_requires
from rep4ex_bench.oracle import Oracle
from rep4ex_bench.parameters import Parameterised
from rep4ex_bench.query_data import OPTIONAL, QueryData
from rep4ex_bench.vocabulary import ASSUMPTIONS, WORDS, check_words

TruthSource = Literal["closed form", "Monte Carlo", "held-out rows"]


@dataclass(frozen=True)
class Queries:
    """Actions a* at which E[Y | do(A = a*)] is asked for.

    Attributes:
        actions: shape (q, k).
        distance: shape (q,), in units of the training support: 0 at its centre, 1 on its boundary,
            3 at three times its extent (the gauge function of the support about its centre).
        path_position: shape (q,), position t of the action on a straight path through the centre
            (|t| is the distance), NaN for actions off the path. Only actions off the path are
            scored; the path is there to be looked at.

    All else is what methods are told beside the actions, see `QueryData`; None where the scenario
    does not give it.
    """

    actions: FloatArray
    distance: FloatArray
    path_position: FloatArray
    covariates: FloatArray | None = None
    environment: FloatArray | None = None
    time: FloatArray | None = None
    second_view: FloatArray | None = None
    previous_features: FloatArray | None = None
    context_features: FloatArray | None = None
    context_outcome: FloatArray | None = None

    def asked(self) -> QueryData:
        """Return what methods are told: no distance and no position.

        Raises:
            DataError: shapes that do not match, or values that are not finite.
        """
        given: dict[str, Any] = {name: getattr(self, name) for name in ("actions", *OPTIONAL)}
        return QueryData(**given)

    @property
    def scored(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Mask of the queries that metrics use."""
        return np.isnan(self.path_position)


@dataclass(frozen=True)
class Truth:
    """E[Y | do(A = a*)] at each query.

    Attributes:
        values: shape (q,).
        standard_errors: shape (q,), of a Monte Carlo or of means of rows; 0 for a closed form.
        source: which of these it is.
    """

    values: FloatArray
    standard_errors: FloatArray
    source: TruthSource


@dataclass(frozen=True)
class Task:
    """One problem. Methods get `train` and, later, `queries.actions`; nothing else.

    `oracle` is None where nobody knows what nature knows: with observed data.

    Raises:
        DataError: truth that is not finite or does not match the queries.
    """

    train: TrainingData
    queries: Queries
    truth: Truth
    oracle: Oracle | None

    def __post_init__(self) -> None:
        q = len(self.queries.actions)
        lengths = {
            "distance": len(self.queries.distance),
            "path_position": len(self.queries.path_position),
            "truth.values": len(self.truth.values),
            "truth.standard_errors": len(self.truth.standard_errors),
        }
        if set(lengths.values()) != {q}:
            raise DataError(f"a task with {q} query actions needs as many of each, got {lengths}")
        if not (np.isfinite(self.truth.values).all() and np.isfinite(self.queries.actions).all()):
            raise DataError("a task needs finite query actions and truth, got values that are not")

    def require_oracle(self) -> Oracle:
        """Return the oracle.

        Raises:
            DataError: observed data have none.
        """
        if self.oracle is None:
            raise DataError("observed data have no oracle: latents, noise and mixing are unknown")
        return self.oracle


@dataclass(frozen=True)
class Description:
    """What is known of a scenario's tasks before one is sampled; None where nothing is known.

    Attributes:
        k: dimension of the actions.
        m: dimension of the features.
        n: training observations.
        latent_dim: dimension of the latents, where it is disclosed.
        offers: words of `vocabulary.py`.
    """

    k: int | None
    m: int | None
    n: int | None
    latent_dim: int | None
    offers: frozenset[str]


@dataclass(frozen=True)
class DataCheck:
    """What was found about one assumption, where a scenario's data were observed, not generated.

    Attributes:
        assumption: which.
        verdict: whether the data bear it out.
        finding: what was found, in words.
    """

    assumption: str
    verdict: Literal["seen", "doubtful", "cannot be checked"]
    finding: str


class Scenario(Parameterised, ABC):
    """A family of problems with known truth.

    Class attributes:
        name: registered name.
        version: raised whenever the same parameters and seed give other numbers.
        data_label: where the features come from, shown wherever the scenario is shown.
        requires: distributions that it needs besides this package's own, e.g. for real data; where
            one is missing its cells are unavailable, which is an empty field and no failure.
        install: what to tell pip then, e.g. an extra; "" names the missing distributions.
    """

    data_label: ClassVar[str] = "synthetic"
    requires: ClassVar[tuple[str, ...]] = ()
    install: ClassVar[str] = ""

    @classmethod
    def check_declarations(cls) -> None:
        """Raise `PluginError` if what the class says of itself is not what it must be."""
        owner = f"scenario {cls.name or cls.__qualname__!r}"
        check_requires(owner, cls.requires)
        for attribute, vocabulary in (("offers", WORDS), ("assumptions", ASSUMPTIONS)):
            words: object = getattr(cls, attribute)
            if not hasattr(words, "__get__"):  # a property says it of an instance only
                check_words(owner, attribute, words, vocabulary)
        controls: object = cls.controls
        if not hasattr(controls, "__get__"):
            check_controls(owner, controls)

    @property
    def offers(self) -> frozenset[str]:
        """The words of `vocabulary.py` that its tasks offer to methods; may depend on parameters.

        A class attribute in its place does where it does not.
        """
        return frozenset({"features", "oracle", "linear_oracle"})

    @property
    def assumptions(self) -> frozenset[str]:
        """The words of `vocabulary.ASSUMPTIONS` that its tasks keep; may depend on parameters.

        The empty set claims nothing: nobody knows which of them hold. A class attribute in its
        place does where it does not depend on parameters.
        """
        return frozenset()

    @property
    def controls(self) -> Controls | None:
        """Who must be able to solve its tasks, and who must not; may depend on parameters.

        None where nobody is known who must. A class attribute in its place does where it does not
        depend on parameters.
        """
        return Controls() if "linear_oracle" in self.offers else None

    @property
    def dial(self) -> Dial | None:
        """Where it stands on a dial of one broken assumption; None where it is on none."""
        return None

    @property
    def resampled_share(self) -> float | None:
        """Share of the rows of one table that each seed trains on, in (0, 1]; None without such.

        None where every seed draws data of its own, so that seeds are independent observations.
        Otherwise boards test with what splits of one table can tell. A class attribute in its place
        does where it does not depend on parameters.
        """
        return None

    def checked_resampled_share(self) -> float | None:
        """Return `resampled_share`; raises `PluginError` for anything but None or a share."""
        share: object = self.resampled_share
        if share is None:
            return None
        if isinstance(share, int | float) and not isinstance(share, bool) and 0 < share <= 1:
            return float(share)
        raise PluginError(
            f"scenario {self.name or type(self).__name__!r}: resampled_share must be None or the "
            f"share of the rows of one table that each seed trains on, in (0, 1], got {share!r}"
        )

    def description(self) -> Description:
        """Return what is known of its tasks without sampling one.

        Raises:
            PluginError: `offers` holds a word that the vocabulary does not have.
        """
        return Description(None, None, None, None, self.checked_offers())

    def data_checks(self) -> list[DataCheck]:
        """Hold the assumptions against observed data; none where the data are generated.

        Raises:
            DataError: data that cannot be used.
        """
        return []

    def checked_offers(self) -> frozenset[str]:
        """Return `offers`; raises `PluginError` for a word that the vocabulary does not have."""
        return check_words(f"scenario {self.name or type(self).__name__!r}", "offers", self.offers)

    def checked_assumptions(self) -> frozenset[str]:
        """Return `assumptions`; raises `PluginError` for a word that is none of them."""
        owner = f"scenario {self.name or type(self).__name__!r}"
        return check_words(owner, "assumptions", self.assumptions, ASSUMPTIONS)

    def checked_controls(self) -> Controls | None:
        """Return `controls`; raises `PluginError` for anything but `Controls` or None."""
        return check_controls(f"scenario {self.name or type(self).__name__!r}", self.controls)

    @abstractmethod
    def sample(self, seed: int) -> Task:
        """Return the task of that seed: same parameters, same seed, same bits.

        Raises:
            ParameterError: a parameter outside its domain.
        """
