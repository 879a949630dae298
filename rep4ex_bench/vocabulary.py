"""The closed vocabularies: what a scenario offers and a method needs; what a scenario assumes.

A method applies to a scenario that offers every word that it needs. What words cannot say is said
by `Method.unsupported`. Assumptions are those of the identification theorem (Rep4Ex, arXiv
2310.04295, Section 3): `scenario_conformance.py` holds a scenario to those that it declares.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from rep4ex_bench.errors import PluginError

WORDS = {
    "features": "X, one row of features per training unit",
    "covariates": "W, observed confounders of actions and outcome, one row per training unit",
    "environment": "the environment of each training unit, an integer",
    "time": "the time of each training unit",
    "second_view": "a second set of features of the same latents, one row per training unit",
    "previous_features": "the features of the same unit one step before, one row per training unit",
    "context": "a few labelled units at the new action, beside each query",
    "oracle": "what nature knows: true latents and noise, fresh draws under do(A = a)",
    "linear_oracle": "an oracle of Z = M0 A + V: the actions move the latents linearly",
}

ASSUMPTIONS = {
    "linear_action_effect": "Z = M0 A + V: the actions move the latents linearly",
    "injective_mixing": "X = g0(Z) with g0 injective: no two latents share their features",
    "noiseless_features": "X depends on Z alone, without noise",
    "full_support": "V, and so Z under any action, can lie anywhere in R^d",
    "exclusion": "A acts on Y through Z alone",
    "full_row_rank": "M0 has rank d: the actions move every direction of the latents",
    "known_dimension": "methods are told d, the number of latents",
}


def check_words(
    owner: str, attribute: str, words: object, vocabulary: Mapping[str, str] = WORDS
) -> frozenset[str]:
    """Return words of a vocabulary as a set.

    Args:
        owner: whose they are, for the message.
        attribute: "needs", "offers" or "assumptions".
        words: a set, list or tuple of words.
        vocabulary: the words with an explanation each.

    Raises:
        PluginError: something else, or a word that the vocabulary does not have.
    """
    known = ", ".join(vocabulary)
    expected = f"{owner}: `{attribute}` must be a set of words out of {known}"
    if not isinstance(words, frozenset | set | list | tuple):
        raise PluginError(f"{expected}, got {words!r:.200}: write it as a set of words")
    for word in sorted(words, key=str):
        if word not in vocabulary:
            near = difflib.get_close_matches(str(word), vocabulary, n=1, cutoff=0.7)
            remedy = f"write {near[0]!r}" if near else "use one of these or leave it out"
            raise PluginError(f"{expected}, got {word!r:.200}: {remedy}")
    return frozenset(words)


def broken_assumptions(declared: Iterable[str]) -> tuple[str, ...]:
    """Return the words of `ASSUMPTIONS` that are not declared, in their order."""
    return tuple(word for word in ASSUMPTIONS if word not in frozenset(declared))


def breaks_text(declared: frozenset[str]) -> str:
    """Return what a scenario breaks, short: "breaks: full_support".

    Who declares nothing claims nothing, which is not the same as breaking everything.
    """
    if not declared:
        return "nothing is known of its assumptions"
    return f"breaks: {', '.join(broken_assumptions(declared)) or 'nothing'}"
