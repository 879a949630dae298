"""Attacks on what a bundle claims: numbers, cells, order, protocol. Every hash fits."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import replace
from typing import Any, ClassVar

from rep4ex_bench.leaderboard.attacks.base import BundleAttack, Outcome, Workshop, judged, rehashed
from rep4ex_bench.leaderboard.bundle import Bundle

Rows = list[dict[str, Any]]

_SCORER = "scoring.py: errors are computed from the predictions and regenerated truth"
_GRID = "scoring.py: every cell of the suite, each once, by its recomputed key"


class _Claim(BundleAttack):
    """A bundle with hashes of its own, as far as they fit, for the reader and the scorer."""

    def attempt(self, workshop: Workshop) -> Outcome:
        """Write the bundle to a folder of its own and return what was said of it."""
        return judged(self.bundle(workshop), workshop.folder / type(self).__name__)

    @abstractmethod
    def bundle(self, workshop: Workshop) -> Bundle:
        """Return the dishonest bundle."""


class BetterNumbers(_Claim):
    """Claims half of the error."""

    name: ClassVar[str] = "claimed metrics differ from the predictions"
    aim: ClassVar[str] = "a better rank without better predictions"
    defence: ClassVar[str] = _SCORER

    def bundle(self, workshop: Workshop) -> Bundle:
        """Halve every claimed nmse_outside."""

        def halve(rows: Rows) -> Rows:
            return [
                r | {"value": r["value"] / 2} if r["metric"] == "nmse_outside" else r for r in rows
            ]

        return workshop.tampered(records=halve)


class OneNumber(_Claim):
    """Changes the last digits of one number."""

    name: ClassVar[str] = "one edited record"
    aim: ClassVar[str] = "a change too small to be noticed"
    defence: ClassVar[str] = _SCORER

    def bundle(self, workshop: Workshop) -> Bundle:
        """Take a hundred thousandth off one value of one cell."""

        def edit(rows: Rows) -> Rows:
            place = next(i for i, r in enumerate(rows) if r["metric"] == "nmse_by_distance")
            rows[place]["value"] *= 1 - 1e-5
            return rows

        return workshop.tampered(records=edit)


class UnmatchedHash(_Claim):
    """Edits a file after the hash was published."""

    name: ClassVar[str] = "records edited after the commitment"
    aim: ClassVar[str] = "other claims under an old hash"
    defence: ClassVar[str] = "bundle.py: every file has the hash that the manifest lists"

    def bundle(self, workshop: Workshop) -> Bundle:
        """Keep the honest manifest over tampered files."""
        changed = workshop.tampered(records=lambda rows: [r | {"value": 0.0} for r in rows])
        return Bundle(workshop.honest.manifest, workshop.honest.digest, changed.contents)


class OtherQueries(_Claim):
    """Predicts at easier actions."""

    name: ClassVar[str] = "predictions for other queries"
    aim: ClassVar[str] = "errors at the centre of the support counted as errors far outside it"
    defence: ClassVar[str] = "scoring.py: actions are those of the seed's queries"

    def bundle(self, workshop: Workshop) -> Bundle:
        """Move every action to the centre, with the truth as prediction."""

        def move(rows: Rows) -> Rows:
            return [r | {"actions": [0.0 for _ in r["actions"]]} for r in rows]

        return workshop.tampered(predictions=move)


class OtherOrder(_Claim):
    """Permutes the rows."""

    name: ClassVar[str] = "predictions in another order"
    aim: ClassVar[str] = "each truth meets the prediction that suits it"
    defence: ClassVar[str] = "scoring.py: queries 0 to q - 1, each once and in order"

    def bundle(self, workshop: Workshop) -> Bundle:
        """Turn the order of all rows of every cell."""
        return workshop.tampered(predictions=lambda rows: rows[::-1])


class SortedPredictions(_Claim):
    """Permutes the predictions under the right queries, and claims what they would give."""

    name: ClassVar[str] = "predictions sorted against the truth"
    aim: ClassVar[str] = "as above, with query numbers that look right"
    defence: ClassVar[str] = _SCORER

    def bundle(self, workshop: Workshop) -> Bundle:
        """Give the largest prediction to the largest truth; keep the claims."""

        def match(rows: Rows) -> Rows:
            for key in {r["cell_key"] for r in rows}:
                own = [r for r in rows if r["cell_key"] == key]
                values = sorted(r["prediction"] for r in own)
                for row, value in zip(sorted(own, key=lambda r: r["truth"]), values, strict=True):
                    row["prediction"] = value
            return rows

        return workshop.tampered(predictions=match)


class OtherTruth(_Claim):
    """Edits the truth beside the predictions."""

    name: ClassVar[str] = "an edited truth"
    aim: ClassVar[str] = "predictions that agree with a truth of one's own"
    defence: ClassVar[str] = "scoring.py: truth is sampled again from scenario and seed"

    def bundle(self, workshop: Workshop) -> Bundle:
        """State the predictions as the truth, and no error."""
        return workshop.tampered(
            predictions=lambda rows: [r | {"truth": r["prediction"]} for r in rows],
            records=lambda rows: [r | {"value": 0.0} if "nmse" in r["metric"] else r for r in rows],
        )


class _NotFinite(_Claim):
    value: ClassVar[float]

    def bundle(self, workshop: Workshop) -> Bundle:
        """Leave out every other query, and claim what is left of the error."""

        def skip(rows: Rows) -> Rows:
            return [r | {"prediction": self.value} if r["query"] % 2 else r for r in rows]

        return workshop.tampered(predictions=skip)


class Nan(_NotFinite):
    """NaN at hard queries."""

    name: ClassVar[str] = "NaN where a metric would skip it"
    aim: ClassVar[str] = "an error over the easy queries alone"
    defence: ClassVar[str] = "metrics/evaluation.py: a prediction that is not finite is a failure"
    value: ClassVar[float] = math.nan


class Infinity(_NotFinite):
    """Infinity at hard queries."""

    name: ClassVar[str] = "infinity where a metric would skip it"
    aim: ClassVar[str] = Nan.aim
    defence: ClassVar[str] = Nan.defence
    value: ClassVar[float] = math.inf


class MissingCells(_Claim):
    """Leaves out a seed that went badly."""

    name: ClassVar[str] = "missing cells"
    aim: ClassVar[str] = "a mean over the good seeds"
    defence: ClassVar[str] = _GRID

    def bundle(self, workshop: Workshop) -> Bundle:
        """Drop all of the last seed."""
        worst = workshop.suite.cells()[-1].key
        return workshop.tampered(
            records=lambda rows: [r for r in rows if r["cell_key"] != worst],
            predictions=lambda rows: [r for r in rows if r["cell_key"] != worst],
        )


class DuplicatedCells(_Claim):
    """Counts a good seed twice."""

    name: ClassVar[str] = "duplicated cells"
    aim: ClassVar[str] = "a mean in which the good seeds weigh more"
    defence: ClassVar[str] = _GRID

    def bundle(self, workshop: Workshop) -> Bundle:
        """Repeat all of the first seed."""
        best = workshop.suite.cells()[0].key

        def twice(rows: Rows) -> Rows:
            return [*rows, *(r for r in rows if r["cell_key"] == best)]

        return workshop.tampered(records=twice, predictions=twice)


class RelabelledCells(_Claim):
    """Passes a good seed off as a bad one."""

    name: ClassVar[str] = "a good cell under a bad cell's key"
    aim: ClassVar[str] = "the results of one seed for two"
    defence: ClassVar[str] = "scoring.py: queries and truth are those of the key's own seed"

    def bundle(self, workshop: Workshop) -> Bundle:
        """Put a copy of the first seed in the place of the last one."""
        first, last = workshop.suite.cells()[0], workshop.suite.cells()[-1]

        def relabel(rows: Rows) -> Rows:
            kept = [r for r in rows if r["cell_key"] != last.key]
            copies = [r | {"cell_key": last.key} for r in rows if r["cell_key"] == first.key]
            return kept + [c | ({"seed": last.seed} if "seed" in c else {}) for c in copies]

        return workshop.tampered(records=relabel, predictions=relabel)


class OtherProtocol(_Claim):
    """Brings cells of an easier protocol."""

    name: ClassVar[str] = "cells of another protocol version"
    aim: ClassVar[str] = "results of an older, easier version of the suite"
    defence: ClassVar[str] = _GRID

    def bundle(self, workshop: Workshop) -> Bundle:
        """Give records and keys of version 2 under a manifest of version 1."""
        cells = workshop.suite.cells()
        others = replace(workshop.suite, protocol_version=2).cells()
        keys = {old.key: new.key for old, new in zip(cells, others, strict=True)}

        def rekey(rows: Rows) -> Rows:
            protocol = {"protocol_version": 2} if "protocol_version" in rows[0] else {}
            return [r | {"cell_key": keys[r["cell_key"]]} | protocol for r in rows]

        return workshop.tampered(records=rekey, predictions=rekey)


class OtherParameters(_Claim):
    """Claims easier data for the same key."""

    name: ClassVar[str] = "records that misname their scenario"
    aim: ClassVar[str] = "an easy scenario's results shown as a hard one's"
    defence: ClassVar[str] = "scoring.py: what records repeat is compared with the suite"

    def bundle(self, workshop: Workshop) -> Bundle:
        """State other scenario parameters."""
        return workshop.tampered(
            records=lambda rows: [r | {"scenario_parameters": '{"n": 1000000}'} for r in rows]
        )


class ClaimedOracle(_Claim):
    """Asks to be handed the oracle."""

    name: ClassVar[str] = "a submission that calls itself an oracle"
    aim: ClassVar[str] = "to be handed the true latents"
    defence: ClassVar[str] = "packaged.py: code of strangers is never an oracle"

    def bundle(self, workshop: Workshop) -> Bundle:
        """State the role of an oracle, with source of its own."""
        manifest = workshop.honest.manifest
        contents = {**workshop.honest.contents, "source/thief.py": b"class Thief: ...\n"}
        return rehashed(
            manifest,
            contents,
            method=manifest.method.model_copy(update={"role": "oracle", "module": "thief"}),
            source=manifest.source.model_copy(update={"kind": "files"}),
        )


CLAIMS = (
    BetterNumbers,
    OneNumber,
    UnmatchedHash,
    OtherQueries,
    OtherOrder,
    SortedPredictions,
    OtherTruth,
    Nan,
    Infinity,
    MissingCells,
    DuplicatedCells,
    RelabelledCells,
    OtherProtocol,
    OtherParameters,
    ClaimedOracle,
)
