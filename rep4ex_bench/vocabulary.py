"""The closed vocabulary in which a scenario says what it offers and a method what it needs.

A method applies to a scenario that offers every word that it needs. What words cannot say is said
by `Method.unsupported`.
"""

from __future__ import annotations

import difflib

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


def check_words(owner: str, attribute: str, words: object) -> frozenset[str]:
    """Return words of the vocabulary as a set.

    Args:
        owner: whose they are, for the message.
        attribute: "needs" or "offers".
        words: a set, list or tuple of words.

    Raises:
        PluginError: something else, or a word that the vocabulary does not have.
    """
    known = ", ".join(WORDS)
    expected = f"{owner}: `{attribute}` must be a set of words out of {known}"
    if not isinstance(words, frozenset | set | list | tuple):
        raise PluginError(f"{expected}, got {words!r:.200}: write it as a set of words")
    for word in sorted(words, key=str):
        if word not in WORDS:
            near = difflib.get_close_matches(str(word), WORDS, n=1, cutoff=0.7)
            remedy = f"write {near[0]!r}" if near else "use one of these or leave it out"
            raise PluginError(f"{expected}, got {word!r:.200}: {remedy}")
    return frozenset(words)
