"""Bundles: canonical, content-addressed, versions side by side, refused with a reason."""

import hashlib
import json

import numpy as np
import pytest

from rep4ex_bench import FittedMethod, Method
from rep4ex_bench.errors import BundleError, UnknownNameError, UsageError
from rep4ex_bench.leaderboard.attacks.base import rehashed
from rep4ex_bench.leaderboard.bundle import MANIFEST, read_bundle, write_bundle, write_tar
from rep4ex_bench.leaderboard.manifest import canonical_json, read_manifest
from rep4ex_bench.leaderboard.reveal import ranking_seeds
from rep4ex_bench.leaderboard.scoring import score_bundle
from rep4ex_bench.leaderboard.source import collect_source
from rep4ex_bench.leaderboard.submit import submit


def test_folder_and_tar_hold_the_same_bundle(workshop, tmp_path):
    honest = workshop.honest
    write_bundle(honest.manifest, honest.contents, tmp_path / "folder")
    write_tar(honest, tmp_path / "a.tar")
    write_tar(read_bundle(tmp_path / "a.tar"), tmp_path / "b.tar")
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()
    for path in (tmp_path / "folder", tmp_path / "a.tar"):
        read = read_bundle(path)
        assert read.digest == honest.digest
        assert read.contents == honest.contents
    manifest = (tmp_path / "folder" / MANIFEST).read_bytes()
    assert hashlib.sha256(manifest).hexdigest() == honest.digest
    assert manifest == canonical_json(json.loads(manifest))


def test_the_host_scores_what_the_runner_scored(workshop):
    scored, faults = score_bundle(workshop.honest)
    assert faults == []
    records = workshop.honest.records()
    assert len(scored) == records["cell_key"].nunique() == 3
    for one in scored:
        own = records[records["cell_key"] == one.cell.key]
        claimed = {
            (m, repr(a)): v for m, a, v in zip(own.metric, own["at"], own.value, strict=True)
        }
        for value in one.values:
            assert claimed[value.metric, repr(value.at)] == value.value


def test_versions_of_an_entry_stand_side_by_side(workshop, tmp_path):
    first, folder = submit(workshop.run, "entry", tmp_path, licence="MIT")
    again, same = submit(workshop.run, "entry", tmp_path, licence="MIT")
    assert (again.digest, same) == (first.digest, folder)
    second, other = submit(workshop.run, "entry", tmp_path, licence="MIT", description="better")
    assert second.digest != first.digest
    assert other != folder
    assert read_bundle(folder).digest == first.digest


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m | {"surprise": 1}, "surprise is no key that is known here, got 1"),
        (lambda m: m | {"format_version": 2}, "format version 2, this version reads 1"),
        (lambda m: m | {"seeds": []}, "seeds"),
        (lambda m: m | {"seeds": ["0"]}, "seeds.0"),
        (lambda m: m | {"name": "../x"}, "name"),
        (lambda m: {k: v for k, v in m.items() if k != "licence"}, "licence"),
        (lambda m: m | {"method": m["method"] | {"module": "os; import sys"}}, "method.module"),
    ],
)
def test_manifests_that_break_the_schema_are_refused(workshop, change, message):
    raw = json.loads(workshop.honest.manifest.canonical())
    with pytest.raises(BundleError, match=message):
        read_manifest(canonical_json(change(raw)))


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"null", b"\xff", b"[" * 100_000])
def test_no_manifest_at_all_is_refused(content):
    with pytest.raises(BundleError):
        read_manifest(content)


def test_a_manifest_has_one_form_only(workshop):
    content = workshop.honest.manifest.canonical()
    assert read_manifest(content) == workshop.honest.manifest
    for other in (content + b"\n", content.replace(b'"name":', b'"name": ', 1)):
        with pytest.raises(BundleError, match="canonical form"):
            read_manifest(other)


def test_a_repeated_key_cannot_hide_another_value(workshop):
    content = workshop.honest.manifest.canonical()
    doubled = content.replace(b'"licence":"MIT"', b'"licence":"GPL","licence":"MIT"')
    assert doubled != content
    with pytest.raises(BundleError, match="canonical form"):
        read_manifest(doubled)


def test_what_is_no_bundle_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").write_text("no tar")
    for name in ("empty", "text", "absent"):
        with pytest.raises(BundleError):
            read_bundle(tmp_path / name)


def test_the_suite_of_another_version_is_not_run(workshop):
    suite = workshop.honest.manifest.suite
    entry = suite.scenarios[0].model_copy(update={"version": 99})
    bundle = rehashed(
        workshop.honest.manifest,
        workshop.honest.contents,
        suite=suite.model_copy(update={"scenarios": [entry]}),
    )
    with pytest.raises(BundleError, match="version 99 of scenario 'linear_action'"):
        score_bundle(bundle)


def test_code_must_be_in_the_bundle_or_in_this_package(workshop):
    source = workshop.honest.manifest.source.model_copy(update={"package": "somewhere-else"})
    bundle = rehashed(workshop.honest.manifest, workshop.honest.contents, source=source)
    with pytest.raises(BundleError, match="a version number does not fix code"):
        score_bundle(bundle)


class Scripted(Method):
    name = "scripted"

    def fit(self, train, seed=0, device="auto"):
        return FittedMethod()


def test_a_method_that_nobody_can_import_is_refused(monkeypatch):
    monkeypatch.setattr(Scripted, "__module__", "__main__")
    with pytest.raises(BundleError, match="nobody else can import"):
        collect_source(Scripted)


def test_unknown_methods_of_a_run_are_named(workshop, tmp_path):
    with pytest.raises(UnknownNameError, match="did you mean 'ols_on_actions'"):
        submit(workshop.run, "x", tmp_path, licence="MIT", method="ols_on_action")


def test_ranking_seeds_follow_from_hashes_and_beacon():
    digests = ["a" * 64, "b" * 64]
    seeds = ranking_seeds(digests, "beacon of later", 1, 5)
    assert seeds == ranking_seeds(digests[::-1], "  beacon of later\n", 1, 5)
    assert seeds[:3] == ranking_seeds(digests, "beacon of later", 1, 3)
    others = [
        ranking_seeds(digests[:1], "beacon of later", 1, 5),
        ranking_seeds(digests, "beacon of then", 1, 5),
        ranking_seeds(digests, "beacon of later", 2, 5),
    ]
    assert len({*seeds, *sum(others, ())}) == 20
    assert all(0 <= seed < 2**63 for seed in seeds)
    # about as many bits set as not: 64,000 fair bits
    many = ranking_seeds(digests, "beacon of later", 1, 1000)
    ones = sum(seed.bit_count() for seed in many) / (63 * 1000)
    assert abs(ones - 0.5) < 4 * 0.5 / np.sqrt(63_000)
    with pytest.raises(UsageError, match="at least 8 characters"):
        ranking_seeds(digests, " short ", 1, 1)
    with pytest.raises(UsageError, match="at least one bundle"):
        ranking_seeds([], "beacon of later", 1, 1)
