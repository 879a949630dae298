"""Every known cheat is caught, is a cheat where the defence is absent, and would show if it won."""

import json

import pytest

from rep4ex_bench.leaderboard.attacks import gallery
from rep4ex_bench.leaderboard.attacks.base import BundleAttack, MethodAttack, Workshop
from rep4ex_bench.leaderboard.attacks.claims import BetterNumbers
from rep4ex_bench.leaderboard.attacks.gallery import GALLERY, run_gallery


@pytest.fixture(scope="module")
def attempts():
    return {attempt.attack: attempt for attempt in run_gallery()}


@pytest.mark.parametrize("attack", GALLERY, ids=lambda cls: cls.name)
def test_every_attack_is_caught(attack, attempts):
    assert attempts[attack].outcome.caught, attempts[attack].outcome.how


def test_every_attack_says_what_it_wants_and_what_must_stop_it():
    assert len({cls.name for cls in GALLERY}) == len(GALLERY) >= 30
    for cls in GALLERY:
        assert cls.aim
        assert cls.defence.partition(":")[0].endswith((".py", "/", "verify.py"))
        assert issubclass(cls, (BundleAttack, MethodAttack))


BY_METHODS = [cls for cls in GALLERY if issubclass(cls, MethodAttack)]


@pytest.mark.parametrize("attack", BY_METHODS, ids=lambda cls: cls.name)
def test_the_cheat_works_where_the_defence_is_absent(attack, tmp_path):
    """In one process, on public seeds: so it is the defence that stops it, not a weak thief."""
    workshop = Workshop(tmp_path)
    cheat = attack()
    results = cheat.undefended(workshop)
    if results is None:
        pytest.skip("this defence cannot be taken away")
    assert not cheat.outcome(results, workshop).caught


def test_an_attack_that_wins_is_reported(monkeypatch, capsys):
    """Without the scorer, better numbers pass: the gallery and the command must say so."""
    from rep4ex_bench.cli.leaderboard import attack_command
    from rep4ex_bench.leaderboard.attacks import base

    sound = base.score_bundle
    monkeypatch.setattr(base, "score_bundle", lambda bundle: (sound(bundle)[0], []))
    (attempt,) = run_gallery([BetterNumbers])
    assert not attempt.outcome.caught
    assert attempt.text().startswith("NOT CAUGHT")
    monkeypatch.setattr("rep4ex_bench.cli.leaderboard.run_gallery", lambda: [attempt])
    with pytest.raises(SystemExit) as ended:
        attack_command(["--json"], standalone_mode=False)
    assert ended.value.code == 1
    assert json.loads(capsys.readouterr().out)[0]["caught"] is False


def test_the_gallery_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(gallery.tempfile, "tempdir", str(tmp_path))
    run_gallery([BetterNumbers])
    assert list(tmp_path.iterdir()) == []
