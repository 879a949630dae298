"""A fuzzer of what reads files of strangers: no bytes may end in anything but our own errors.

    python tests/fuzz/fuzz_readers.py suite|bundle [-runs=1000000] [options of libFuzzer]

`suite` reads TOML. `bundle` reads, in turns, raw tar files, tar files with sound headers and any
names, kinds and contents, manifests, and tables of records and predictions. Needs the extra
`rep4ex-bench[fuzz]`. A crash is an exception that is not ours, or the end of the process.
"""

import io
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["rep4ex_bench", "tomllib", "tarfile"]):
    import tarfile
    import tomllib

    from rep4ex_bench.errors import Rep4ExBenchError
    from rep4ex_bench.leaderboard.bundle import MANIFEST, Bundle, check_contents, read_bundle
    from rep4ex_bench.leaderboard.manifest import read_manifest
    from rep4ex_bench.records.records import read_records
    from rep4ex_bench.running.suite import parse_suite

ROOT = Path(__file__).parents[2]
MOST_CELLS = 60
KINDS = (tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE)
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
SCRATCH = Path(tempfile.mkdtemp(prefix="fuzz-", dir=MEMORY))


def fuzz_suite(data: bytes) -> None:
    """Read TOML, and plan its cells."""
    try:
        suite = parse_suite(data.decode("utf-8", "surrogateescape"), "fuzz.toml")
        if len(suite.seeds) * len(suite.scenarios) * len(suite.methods) <= MOST_CELLS:
            suite.cells()
    except Rep4ExBenchError:
        return


def fuzz_bundle(data: bytes) -> None:
    """Read one of the parts of a bundle, by the first byte."""
    readers: tuple[Callable[[bytes], object], ...] = (raw_tar, made_tar, read_manifest, tables)
    if not data:
        return
    try:
        readers[data[0] % len(readers)](data[1:])
    except Rep4ExBenchError:
        return


def raw_tar(data: bytes) -> None:
    """Read a file as a bundle."""
    path = SCRATCH / "bundle.tar"
    path.write_bytes(data)
    bundle = read_bundle(path)
    bundle.records()
    bundle.predictions()


def made_tar(data: bytes) -> None:
    """Read a tar file whose headers are sound: random bytes hardly ever have a checksum."""
    provider = atheris.FuzzedDataProvider(data)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for _ in range(provider.ConsumeIntInRange(0, 6)):
            entry = tarfile.TarInfo(provider.ConsumeUnicodeNoSurrogates(40) or MANIFEST)
            entry.type = provider.PickValueInList(list(KINDS))
            entry.linkname = provider.ConsumeUnicodeNoSurrogates(20)
            content = provider.ConsumeBytes(provider.ConsumeIntInRange(0, 200))
            entry.size = len(content) if entry.type == tarfile.REGTYPE else 0
            try:
                archive.addfile(entry, io.BytesIO(content))
            except (ValueError, OSError):
                return
    raw_tar(buffer.getvalue())


def tables(data: bytes) -> None:
    """Read bytes as the tables of a bundle and as a file of records."""
    manifest = MANIFEST_OF_A_BUNDLE
    bundle = Bundle(manifest, "", {"records.parquet": data, "predictions.parquet": data})
    path = SCRATCH / "records.parquet"
    path.write_bytes(data)
    for read in (bundle.records, bundle.predictions, lambda: read_records(path)):
        try:
            read()
        except Rep4ExBenchError:
            continue
    check_contents(manifest, bundle.contents)


def first_inputs(target: str, folder: Path) -> None:
    """Write files to start from: suites, or the parts of a real bundle behind their first byte."""
    if target == "suite":
        for number, file in enumerate(sorted((ROOT / "suites").rglob("*.toml"))):
            (folder / f"{number}.toml").write_bytes(file.read_bytes())
        return
    packed = BUNDLE_FOLDER
    contents = {f.relative_to(packed).as_posix(): f.read_bytes() for f in packed.rglob("*.*")}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in contents.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    parts = {"tar": (0, buffer.getvalue()), "manifest": (2, contents[MANIFEST])}
    for name in ("records.parquet", "predictions.parquet"):
        parts[name] = (3, contents[name])
    for name, (first, content) in parts.items():
        (folder / name).write_bytes(bytes([first]) + content)


def dictionary(target: str, path: Path) -> None:
    """Write the words of the format, for the fuzzer to put together."""
    words = {"seeds", "metrics", "[[methods]]", "[[scenarios]]", "[resources]", "parameters"}
    if target == "bundle":
        words = {MANIFEST, "records.parquet", "predictions.parquet", "suite.json", "source/", "../"}
        words |= set(json.loads((BUNDLE_FOLDER / MANIFEST).read_text()))
    else:
        for file in (ROOT / "suites").rglob("*.toml"):
            words |= set(tomllib.loads(file.read_text()))
    path.write_text("".join(f'"{word}"\n' for word in sorted(words)))


BUNDLE_FOLDER = min((ROOT / "leaderboard" / "submissions").glob("*/*/bundle"))
MANIFEST_OF_A_BUNDLE = read_manifest((BUNDLE_FOLDER / MANIFEST).read_bytes())


def main() -> None:
    """Fuzz, in a process of its own: the fuzzer ends the process without leaving any block."""
    targets = {"suite": fuzz_suite, "bundle": fuzz_bundle}
    if len(sys.argv) < 2 or sys.argv[1] not in targets:
        sys.exit(f"say what to fuzz: {', '.join(targets)}")
    target = sys.argv.pop(1)
    child = os.fork()
    if child == 0:
        fuzz(target, targets[target])
    try:
        _, status = os.waitpid(child, 0)
    finally:
        shutil.rmtree(SCRATCH)
    sys.exit(os.waitstatus_to_exitcode(status))


def fuzz(target: str, read: Callable[[bytes], None]) -> None:
    """Fuzz; does not return."""
    folder = SCRATCH / "inputs"
    folder.mkdir()
    first_inputs(target, folder)
    dictionary(target, SCRATCH / "words")
    options = [f"-dict={SCRATCH / 'words'}", "-timeout=60", "-rss_limit_mb=4096"]
    atheris.Setup([*sys.argv, *options, str(folder)], read)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
