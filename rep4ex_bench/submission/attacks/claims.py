"""Attacks on what a bundle claims: numbers, cells, order, protocol. Every hash fits."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from rep4ex_bench.submission.attacks.base import BundleAttack, Outcome, Workshop, judged, rehashed
from rep4ex_bench.suite import Suite

Rows = list[dict[str, Any]]

_SCORER = "scoring.py: errors are computed from the predictions and regenerated truth"
_GRID = "scoring.py: every cell of the suite, each once, by its recomputed key"


class BetterNumbers(BundleAttack):
    """Claims half of the error."""

    name: ClassVar[str] = "claimed metrics differ from the predictions"
    aim: ClassVar[str] = "a better rank without better predictions"
    defence: ClassVar[str] = _SCORER

    def attempt(self, workshop: Workshop) -> Outcome:
        """Halve every claimed nmse_outside."""

        def halve(rows: Rows) -> Rows:
            return [
                r | {"value": r["value"] / 2} if r["metric"] == "nmse_outside" else r for r in rows
            ]

        return judged(workshop.tampered(records=halve), workshop.folder / "better-numbers")


class OneNumber(BundleAttack):
    """Changes the last digits of one number."""

    name: ClassVar[str] = "one edited record"
    aim: ClassVar[str] = "a change too small to be noticed"
    defence: ClassVar[str] = _SCORER

    def attempt(self, workshop: Workshop) -> Outcome:
        """Take a hundred thousandth off one value of one cell."""

        def edit(rows: Rows) -> Rows:
            place = next(i for i, r in enumerate(rows) if r["metric"] == "nmse_by_distance")
            rows[place]["value"] *= 1 - 1e-5
            return rows

        return judged(workshop.tampered(records=edit), workshop.folder / "one-number")


class UnmatchedHash(BundleAttack):
    """Edits a file after the hash was published."""

    name: ClassVar[str] = "records edited after the commitment"
    aim: ClassVar[str] = "other claims under an old hash"
    defence: ClassVar[str] = "bundle.py: every file has the hash that the manifest lists"

    def attempt(self, workshop: Workshop) -> Outcome:
        """Keep the honest manifest over tampered files."""
        changed = workshop.tampered(records=lambda rows: [r | {"value": 0.0} for r in rows])
        bundle = type(changed)(workshop.honest.manifest, workshop.honest.digest, changed.contents)
        return judged(bundle, workshop.folder / "unmatched-hash")


class OtherQueries(BundleAttack):
    """Predicts at easier actions."""

    name: ClassVar[str] = "predictions for other queries"
    aim: ClassVar[str] = "errors at the centre of the support counted as errors far outside it"
    defence: ClassVar[str] = "scoring.py: actions are those of the seed's queries"

    def attempt(self, workshop: Workshop) -> Outcome:
        """Move every action to the centre, with the truth as prediction."""

        def move(rows: Rows) -> Rows:
            return [r | {"actions": [0.0 for _ in r["actions"]]} for r in rows]

        return judged(workshop.tampered(predictions=move), workshop.folder / "other-queries")


class OtherOrder(BundleAttack):
    """Permutes the rows."""

    name: ClassVar[str] = "predictions in another order"
    aim: ClassVar[str] = "each truth meets the prediction that suits it"
    defence: ClassVar[str] = "scoring.py: queries 0 to q - 1, each once and in order"

    def attempt(self, workshop: Workshop) -> Outcome:
        """Turn the order of all rows of every cell."""
        return judged(
            workshop.tampered(predictions=lambda rows: rows[::-1]), workshop.folder / "other-order"
        )


class SortedPredictions(BundleAttack):
    """Permutes the predictions under the right queries, and claims what they would give."""

    name: ClassVar[str] = "predictions sorted against the truth"
    aim: ClassVar[str] = "as above, with query numbers that look right"
    defence: ClassVar[str] = _SCORER

    def attempt(self, workshop: Workshop) -> Outcome:
        """Give the largest prediction to the largest truth; keep the claims."""

        def match(rows: Rows) -> Rows:
            for key in {r["cell_key"] for r in rows}:
                own = [r for r in rows if r["cell_key"] == key]
                values = sorted(r["prediction"] for r in own)
                for row, value in zip(sorted(own, key=lambda r: r["truth"]), values, strict=True):
                    row["prediction"] = value
            return rows

        return judged(workshop.tampered(predictions=match), workshop.folder / "sorted")


class OtherTruth(BundleAttack):
    """Edits the truth beside the predictions."""

    name: ClassVar[str] = "an edited truth"
    aim: ClassVar[str] = "predictions that agree with a truth of one's own"
    defence: ClassVar[str] = "scoring.py: truth is sampled again from scenario and seed"

    def attempt(self, workshop: Workshop) -> Outcome:
        """State the predictions as the truth, and no error."""
        bundle = workshop.tampered(
            predictions=lambda rows: [r | {"truth": r["prediction"]} for r in rows],
            records=lambda rows: [r | {"value": 0.0} if "nmse" in r["metric"] else r for r in rows],
        )
        return judged(bundle, workshop.folder / "other-truth")


class _NotFinite(BundleAttack):
    value: ClassVar[float]

    def attempt(self, workshop: Workshop) -> Outcome:
        """Leave out every other query, and claim what is left of the error."""

        def skip(rows: Rows) -> Rows:
            return [r | {"prediction": self.value} if r["query"] % 2 else r for r in rows]

        folder = workshop.folder / f"not-finite-{self.value}"
        return judged(workshop.tampered(predictions=skip), folder)


class Nan(_NotFinite):
    """NaN at hard queries."""

    name: ClassVar[str] = "NaN where a metric would skip it"
    aim: ClassVar[str] = "an error over the easy queries alone"
    defence: ClassVar[str] = "metrics.py: a prediction that is not finite is a failure"
    value: ClassVar[float] = math.nan


class Infinity(_NotFinite):
    """Infinity at hard queries."""

    name: ClassVar[str] = "infinity where a metric would skip it"
    aim: ClassVar[str] = Nan.aim
    defence: ClassVar[str] = Nan.defence
    value: ClassVar[float] = math.inf


class MissingCells(BundleAttack):
    """Leaves out a seed that went badly."""

    name: ClassVar[str] = "missing cells"
    aim: ClassVar[str] = "a mean over the good seeds"
    defence: ClassVar[str] = _GRID

    def attempt(self, workshop: Workshop) -> Outcome:
        """Drop all of the last seed."""
        worst = workshop.suite.cells()[-1].key
        bundle = workshop.tampered(
            records=lambda rows: [r for r in rows if r["cell_key"] != worst],
            predictions=lambda rows: [r for r in rows if r["cell_key"] != worst],
        )
        return judged(bundle, workshop.folder / "missing")


class DuplicatedCells(BundleAttack):
    """Counts a good seed twice."""

    name: ClassVar[str] = "duplicated cells"
    aim: ClassVar[str] = "a mean in which the good seeds weigh more"
    defence: ClassVar[str] = _GRID

    def attempt(self, workshop: Workshop) -> Outcome:
        """Repeat all of the first seed."""
        best = workshop.suite.cells()[0].key

        def twice(rows: Rows) -> Rows:
            return [*rows, *(r for r in rows if r["cell_key"] == best)]

        return judged(
            workshop.tampered(records=twice, predictions=twice), workshop.folder / "duplicated"
        )


class RelabelledCells(BundleAttack):
    """Passes a good seed off as a bad one."""

    name: ClassVar[str] = "a good cell under a bad cell's key"
    aim: ClassVar[str] = "the results of one seed for two"
    defence: ClassVar[str] = "scoring.py: queries and truth are those of the key's own seed"

    def attempt(self, workshop: Workshop) -> Outcome:
        """Put a copy of the first seed in the place of the last one."""
        first, last = workshop.suite.cells()[0], workshop.suite.cells()[-1]

        def replace(rows: Rows) -> Rows:
            kept = [r for r in rows if r["cell_key"] != last.key]
            copies = [r | {"cell_key": last.key} for r in rows if r["cell_key"] == first.key]
            return kept + [c | ({"seed": last.seed} if "seed" in c else {}) for c in copies]

        return judged(
            workshop.tampered(records=replace, predictions=replace), workshop.folder / "relabelled"
        )


class OtherProtocol(BundleAttack):
    """Brings cells of an easier protocol."""

    name: ClassVar[str] = "cells of another protocol version"
    aim: ClassVar[str] = "results of an older, easier version of the suite"
    defence: ClassVar[str] = _GRID

    def attempt(self, workshop: Workshop) -> Outcome:
        """Give records and keys of version 2 under a manifest of version 1."""
        suite = workshop.suite
        other = Suite(
            suite.name,
            suite.title,
            2,
            suite.seeds,
            suite.timeout_seconds,
            suite.metrics,
            suite.scenarios,
            suite.methods,
        )
        pairs = zip(suite.cells(), other.cells(), strict=True)
        keys = {old.key: new.key for old, new in pairs}

        def rekey(rows: Rows) -> Rows:
            protocol = {"protocol_version": 2} if "protocol_version" in rows[0] else {}
            return [r | {"cell_key": keys[r["cell_key"]]} | protocol for r in rows]

        return judged(
            workshop.tampered(records=rekey, predictions=rekey), workshop.folder / "protocol"
        )


class OtherParameters(BundleAttack):
    """Claims easier data for the same key."""

    name: ClassVar[str] = "records that misname their scenario"
    aim: ClassVar[str] = "an easy scenario's results shown as a hard one's"
    defence: ClassVar[str] = "scoring.py: what records repeat is compared with the suite"

    def attempt(self, workshop: Workshop) -> Outcome:
        """State other scenario parameters."""
        return judged(
            workshop.tampered(
                records=lambda rows: [r | {"scenario_parameters": '{"n": 1000000}'} for r in rows]
            ),
            workshop.folder / "other-parameters",
        )


class ClaimedOracle(BundleAttack):
    """Asks to be handed the oracle."""

    name: ClassVar[str] = "a submission that calls itself an oracle"
    aim: ClassVar[str] = "to be handed the true latents"
    defence: ClassVar[str] = "packaged.py: code of strangers is never an oracle"

    def attempt(self, workshop: Workshop) -> Outcome:
        """State the role of an oracle, with source of its own."""
        manifest = workshop.honest.manifest
        contents = {**workshop.honest.contents, "source/thief.py": b"class Thief: ...\n"}
        return judged(
            rehashed(
                manifest,
                contents,
                method=manifest.method.model_copy(update={"role": "oracle", "module": "thief"}),
                source=manifest.source.model_copy(update={"kind": "files"}),
            ),
            workshop.folder / "oracle",
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
