"""The kernel tests on a GPU, in steps of a few minutes: one file, or some functions of it.

Of every step the JUnit file is kept, with the whole message of a failing test, what it printed and
the properties that it recorded; `failures.md` has the same to be read. What was stopped because it
took longer than a step may is run function by function the next time.
"""

from __future__ import annotations

import ast
import os
import sys
import threading
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import gpu_run
from gpu_ledger import (
    FAILED,
    PASSED,
    ROOT,
    STOPPED,
    TOO_LONG,
    Ledger,
    Row,
    content_key,
    python_files,
    write_text,
)

TESTS = ROOT / "tests" / "kernels"
# Of the CPU; runners of the check files.
_LEFT_OUT = ("test_memory.py", "test_triton.py", "test_triton_samples.py")
_FUNCTIONS = 8  # of a step
STEP_SECONDS = 240.0
_LEAST_SECONDS = 30.0  # with less, no step is begun
_LOG_LINES = 200


@dataclass(frozen=True)
class Step:
    """Some tests that are run together.

    Attributes:
        name: of the files that it leaves.
        file: that they are in.
        functions: of the file.
    """

    name: str
    file: Path
    functions: tuple[str, ...]


class TestSteps:
    """The steps, and what became of them in a folder of results.

    Args:
        folder: of the results of one GPU.
        facts: everything besides the code that a result depends on: versions and the GPU.
        commit: of the source tree.
    """

    __test__ = False  # it is no test, whatever pytest makes of its name

    def __init__(self, folder: Path, facts: str, commit: str) -> None:
        self._folder, self._facts, self._commit = folder / "tests", facts, commit
        self.ledger = Ledger(folder / "tests.json")
        self._keys: dict[Path, str] = {}
        self._reporting = threading.Lock()

    def steps(self) -> list[Step]:
        """Return all steps, those that took too long by function."""
        found = []
        for step in planned():
            row = self.ledger.row(step.name)
            split = row is not None and row.state == TOO_LONG and len(step.functions) > 1
            found += _one_by_one(step) if split else [step]
        return found

    def states(self) -> dict[str, str]:
        """Return "passed", "failed" or "missing" by the name of the step."""
        return {
            step.name: self.ledger.state(step.name, self.key(step.file)) for step in self.steps()
        }

    def key(self, file: Path) -> str:
        """Return what a result of this file depends on: kernels, the file, what it imports."""
        if file not in self._keys:
            kernels = python_files("kernels/rep4ex_kernels")
            helpers = [each for each in python_files("tests/kernels") if not _is_test(each)]
            used = [each for each in (*kernels, *helpers) if "offline" not in each.parts]
            self._keys[file] = content_key([*used, file], self._facts)
        return self._keys[file]

    def forget(self) -> None:
        """Let all that is done be missing."""
        self.ledger.forget(step.name for step in self.steps())

    def run(self, seconds_left: gpu_run.Countdown, jobs: int) -> None:
        """Run what is missing, then what failed, as long as there is time."""
        states = self.states()
        chosen = [s for w in ("missing", FAILED) for s in self.steps() if states[s.name] == w]
        self._tidy()
        with ThreadPoolExecutor(jobs) as pool:
            list(pool.map(lambda step: self._run(step, seconds_left), chosen))
        self._report()

    def _tidy(self) -> None:
        """Make the folder, and remove results of tests that there are no more."""
        self._folder.mkdir(parents=True, exist_ok=True)
        names = {step.name for step in self.steps()}
        for file in self._folder.iterdir():
            left_over = file.suffix in (".xml", ".log") and file.stem not in names
            if left_over or file.suffix == ".new":
                file.unlink()

    def _run(self, step: Step, seconds_left: gpu_run.Countdown) -> None:
        left = seconds_left()
        if left < _LEAST_SECONDS or gpu_run.STOPPING.is_set():
            return
        own = STEP_SECONDS if len(step.functions) > 1 else left
        xml, log = (self._folder / f"{step.name}.{end}" for end in ("xml", "log"))
        fresh = xml.with_name(xml.name + ".new")
        ended = gpu_run.run(command(step, fresh), min(own, left), log)
        if fresh.exists():
            os.replace(fresh, xml)
            complete = ended.status in (0, 1) and not ended.stopped
        else:
            complete = False
            xml.unlink(missing_ok=True)
        row = self._row(step, ended, xml, log)
        if complete:
            log.unlink()
        else:
            write_text(log, "\n".join(_last_lines(log)) + "\n")
        self.ledger.write(step.name, row)
        told = ", ".join(f"{count} {name}" for name, count in row.counts.items()) or row.message
        print(f"{step.name}: {row.state}, {told}, {ended.seconds:.0f} s", flush=True)
        self._report()

    def _row(self, step: Step, ended: gpu_run.Ended, xml: Path, log: Path) -> Row:
        """Return the row of a step; one that had all the time of a step and more has failed."""
        counts = count_outcomes(xml) if xml.exists() else {}
        message = ""
        if ended.stopped:
            late = TOO_LONG if len(step.functions) > 1 else FAILED
            state = late if ended.seconds >= STEP_SECONDS else STOPPED
            message = f"stopped after {ended.seconds:.0f} s"
        elif ended.status == 0:
            state = PASSED
        else:
            state = FAILED
            if ended.status != 1 or not xml.exists():
                message = f"pytest ended with {ended.status}: see {log.name}"
        key = self.key(step.file)
        return Row(key, state, self._commit, ended.seconds, counts, message)

    def _report(self) -> None:
        """Write failures.md anew."""
        with self._reporting:
            write_text(self._folder / "failures.md", self.failures())

    def failures(self) -> str:
        """Return every failing test with its message, and every step that failed as a whole."""
        parts = []
        for step in self.steps():
            row = self.ledger.row(step.name)
            if row is None:
                continue
            of = f"{step.name}, commit {row.commit or 'unknown'}"
            xml, log = (self._folder / f"{step.name}.{end}" for end in ("xml", "log"))
            parts += [_section(*each, of) for each in failing_tests(xml)]
            if row.message:
                said = "\n".join(_last_lines(log)) if log.exists() else ""
                parts.append(_section(step.name, f"{row.message}\n{said}", {}, "", of))
        head = f"# Failing tests: {len(parts) or 'none'}\n\nWritten by `make gpu-tests`.\n"
        return "\n".join([head, *parts])


def planned() -> list[Step]:
    """Return the steps of a first run, files in the order of their names."""
    files = [f for pattern in ("test_*.py", "check_*.py") for f in TESTS.rglob(pattern)]
    steps = []
    for file in sorted(files):
        if file.name in _LEFT_OUT or "offline" in file.parts:
            continue
        names = functions_of(file)
        groups = [names[i : i + _FUNCTIONS] for i in range(0, len(names), _FUNCTIONS)]
        for number, group in enumerate(groups, start=1):
            name = "-".join(file.relative_to(TESTS).with_suffix("").parts)
            numbered = name if len(groups) == 1 else f"{name}-{number}"
            steps.append(Step(numbered, file, tuple(group)))
    return steps


def functions_of(file: Path) -> list[str]:
    """Return the names of a file's test functions and classes, read but not imported."""
    return [
        node.name
        for node in ast.parse(file.read_text()).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and node.name.startswith("test_" if isinstance(node, ast.FunctionDef) else "Test")
    ]


def command(step: Step, xml: Path) -> list[str]:
    """Return the command of a step."""
    options = ("junit_family=xunit1", "junit_logging=all", "junit_log_passing_tests=false")
    return [
        *(sys.executable, "-m", "pytest", "-vv", "--tb=long", "-p", "no:cacheprovider"),
        *(part for option in options for part in ("-o", option)),
        f"--junitxml={xml}",
        *(f"{step.file.relative_to(ROOT)}::{name}" for name in step.functions),
    ]


def count_outcomes(xml: Path) -> dict[str, int]:
    """Return how many tests of a JUnit file passed, failed and were skipped."""
    counts = {PASSED: 0, FAILED: 0, "skipped": 0}
    for case in _cases(xml):
        kinds = {child.tag for child in case}
        bad, skipped = kinds & {"failure", "error"}, "skipped" in kinds
        counts[FAILED if bad else "skipped" if skipped else PASSED] += 1
    return {name: count for name, count in counts.items() if count}


def failing_tests(xml: Path) -> Iterator[tuple[str, str, dict[str, str], str]]:
    """Yield id, message, properties and captured output of every failing test of a JUnit file."""
    for case in _cases(xml):
        bad = [*case.iter("failure"), *case.iter("error")]
        said = [child.text or child.get("message") or "" for child in bad]
        if not said:
            continue
        place = case.get("file") or case.get("classname", "").replace(".", "/") + ".py"
        noted = {p.get("name", ""): p.get("value", "") for p in case.iter("property")}
        printed = [
            child.text or "" for kind in ("out", "err") for child in case.iter(f"system-{kind}")
        ]
        yield f"{place}::{case.get('name')}", "\n".join(said), noted, "\n".join(printed).strip()


def _cases(xml: Path) -> list[ET.Element]:
    return list(ET.parse(xml).iter("testcase")) if xml.exists() else []


def _section(name: str, said: str, noted: dict[str, str], printed: str, of: str) -> str:
    lines = [f"## `{name}`", "", f"Step {of}.", ""]
    lines += [f"- {key}: {value}" for key, value in noted.items()]
    lines += [""] * bool(noted)
    lines += ["````", said.strip(), "````", ""]
    if printed:
        lines += ["It printed:", "", "````", printed, "````", ""]
    return "\n".join(lines)


def _is_test(file: Path) -> bool:
    return file.name.startswith(("test_", "check_"))


def _one_by_one(step: Step) -> list[Step]:
    return [Step(f"{step.name}.{name}", step.file, (name,)) for name in step.functions]


def _last_lines(log: Path) -> list[str]:
    return log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
