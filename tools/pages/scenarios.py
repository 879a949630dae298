"""Controls and hardness of every setting of some suites, each with a picture.

python tools/pages/scenarios.py [SUITE ...] [--first-seed 71] [--seeds 10]
    [--parts docs/scenarios] [--out docs/scenarios.md] [--stop-after MINUTES]

Every setting's numbers are kept in the folder of parts as they are found, by a hash of all that
decides them: a run goes on where the last one ended.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from _pictures import scenario_picture
from rep4ex_bench.boards.numbers import shown
from rep4ex_bench.files import write_bytes
from rep4ex_bench.hardness import judge
from rep4ex_bench.running.suite import load_suite
from rep4ex_bench.scenario import Scenario
from rep4ex_bench.vocabulary import breaks_text

SUITES = ("standard",)
FIRST_SEED = 71  # design seeds: no board uses them


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("suites", nargs="*", default=list(SUITES))
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--parts", type=Path, default=Path("docs/scenarios"))
    parser.add_argument("--out", type=Path, default=Path("docs/scenarios.md"))
    parser.add_argument("--stop-after", type=float, default=float("inf"), metavar="MINUTES")
    arguments = parser.parse_args()
    end = time.monotonic() + 60 * arguments.stop_after
    sections, waiting = [], 0
    for name in arguments.suites:
        for label, scenario in load_suite(name).scenarios.items():
            seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
            part = arguments.parts / f"{slug(label)}.json"
            found = kept(part, scenario, seeds)
            if found is None and time.monotonic() < end:
                found = measured(scenario, seeds)
                write_bytes(json.dumps(found, indent=1).encode(), part)
                part.with_suffix(".png").unlink(missing_ok=True)
                print(f"{label}: {found['text']}", flush=True)
            if found is None:
                waiting += 1
            else:
                sections.append((name, label, found))
                if not part.with_suffix(".png").exists():
                    picture = scenario_picture(scenario.sample(seeds[0]))
                    write_bytes(picture, part.with_suffix(".png"))
    if waiting:
        sys.exit(f"{waiting} settings wait: run the command again, and it goes on")
    arguments.out.write_text(page(sections, arguments), encoding="utf-8")


def slug(label: str) -> str:
    """Return a label as the name of a file."""
    return "-".join("".join(c if c.isalnum() else " " for c in label).split()).lower()


def identity(scenario: Scenario, seeds: range) -> str:
    """Return a hash of what decides the numbers of a setting."""
    said = json.dumps([scenario.as_table(), list(seeds)], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()


def kept(part: Path, scenario: Scenario, seeds: range) -> dict[str, Any] | None:
    """Return the numbers of a setting if they were found before."""
    if not part.exists():
        return None
    found: dict[str, Any] = json.loads(part.read_text(encoding="utf-8"))
    return found if found["identity"] == identity(scenario, seeds) else None


def measured(scenario: Scenario, seeds: range) -> dict[str, Any]:
    """Return what the page says of a setting."""
    judgement = judge(scenario, seeds)
    truth = scenario.sample(seeds[0]).truth
    one = judgement.seeds
    return {
        "identity": identity(scenario, seeds),
        "scenario": scenario.as_table(),
        "text": judgement.text,
        "solved": judgement.solved,
        "easy": judgement.easy,
        "bound": judgement.bound,
        "truth": truth.source,
        "truth_error": float(truth.standard_errors.max() / truth.values.std()),
        "breaks": breaks_text(scenario.checked_assumptions()),
        "data_label": scenario.data_label,
        "positive": [h.best_positive for h in one],
        "negative": {name: [h.negative[name] for h in one] for name in one[0].negative},
        "linear_r2": [h.linear_r2 for h in one],
        "quadratic_r2": [h.quadratic_r2 for h in one],
        "cca_r2": [h.cca_r2 for h in one],
        "actions_r2": [h.actions_r2 for h in one],
        "confounding": [h.confounding for h in one],
    }


def page(sections: list[tuple[str, str, dict[str, Any]]], arguments: argparse.Namespace) -> str:
    """Return the page."""
    rows = [
        f"| {label} | {middle(found['linear_r2'])} | {middle(found['quadratic_r2'])} | "
        f"{middle(found['cca_r2'])} | {middle(found['actions_r2'])} | "
        f"{middle(found['confounding'])} | {middle(found['positive'])} | "
        f"{best_negative(found)} | {state(found)} |"
        for _, label, found in sections
    ]
    details = [section(label, found, arguments.parts.name) for _, label, found in sections]
    command = f"python tools/pages/scenarios.py {' '.join(arguments.suites)}"
    return _PAGE.format(
        command=f"{command} --first-seed {arguments.first_seed} --seeds {arguments.seeds}",
        first=arguments.first_seed,
        last=arguments.first_seed + arguments.seeds - 1,
        rows="\n".join(rows),
        details="\n".join(details),
    )


def state(found: dict[str, Any]) -> str:
    """Return solved, easy or unsolved."""
    return "unsolved" if not found["solved"] else "easy" if found["easy"] else "solved"


def middle(values: list[float]) -> str:
    """Return the median and the range."""
    low, high = min(values), max(values)
    return f"{shown(float(np.median(values)))} ({shown(low)} to {shown(high)})"


def best_negative(found: dict[str, Any]) -> str:
    """Return the median and range of the best negative control of each seed."""
    return middle(np.min(list(found["negative"].values()), axis=0).tolist())


def section(label: str, found: dict[str, Any], folder: str) -> str:
    """Return what stands below the table of one setting."""
    parameters = ", ".join(f"{k} = {v}" for k, v in found["scenario"]["parameters"].items())
    name = found["scenario"]["name"]
    error = "exact"
    if found["truth_error"]:
        error = f"standard error {found['truth_error']:.1%} of its standard deviation"
    return f"""
### {label}

`{name}`, {found["data_label"]}: {parameters}.
{found["breaks"].capitalize()}. Truth: {found["truth"]}, {error}.
{found["text"][0].upper() + found["text"][1:]}. A good method gets an nMSE outside of
{found["bound"]:g}; the fair oracles have {middle(found["positive"])}.

![Features and truth of {label}]({folder}/{slug(label)}.png)
"""


_PAGE = """# Scenarios: hardness, controls, pictures

Made by `{command}`, which goes on where it was ended; numbers of every seed are in
`docs/scenarios/`. Seeds {first} to {last}, which no board uses; medians, with the range.

R² is that of fresh units. *Linear*, *quadratic*: of Z on X by such a map. *CCA*: of Z on the
canonical directions of X with A. *Actions*: of Z on A, the share of Z that the actions move.
*Confounding*: of U on V. *Positive*, *negative*: nmse_outside of the better of two oracles (the
control function on the true Z) and of the best of three methods that see A and Y only. A setting is
*solved* where the positive control reaches its bound on every seed, and *easy* where the negative
one does on most: then nothing but A and Y is needed.

| setting | linear | quadratic | CCA | actions | confounding | positive | negative | |
|---|---|---|---|---|---|---|---|---|
{rows}
{details}"""

if __name__ == "__main__":
    main()
