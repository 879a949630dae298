"""Bundles that are dangerous to read: names that lead out, links, sizes, code in disguise."""

from __future__ import annotations

import io
import os
import pickle
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from rep4ex_bench.errors import BundleError
from rep4ex_bench.leaderboard.attacks.base import BundleAttack, Outcome, Workshop, rehashed
from rep4ex_bench.leaderboard.bundle import (
    MOST_BYTES,
    RECORDS,
    read_bundle,
    write_bundle,
    write_tar,
)

_READER = "bundle.py: regular files with allowed names only, within the size limits"


class _UnsafeTar(BundleAttack):
    defence: ClassVar[str] = _READER

    def attempt(self, workshop: Workshop) -> Outcome:
        """Add one bad entry to the tar file of an honest bundle and read it."""
        path = workshop.folder / f"{type(self).__name__}.tar"
        write_tar(workshop.honest, path)
        marker = workshop.folder / "outside.py"
        with tarfile.open(path, "a") as archive:
            self.add(archive)
        return _refused(lambda: read_bundle(path), marker)

    def add(self, archive: tarfile.TarFile) -> None:
        """Add the entry."""
        raise NotImplementedError


class Traversal(_UnsafeTar):
    """Names a file above the bundle."""

    name: ClassVar[str] = "path traversal"
    aim: ClassVar[str] = "to write or read a file outside the bundle"

    def add(self, archive: tarfile.TarFile) -> None:
        """Add a file whose name leads out."""
        _add(archive, "source/../../outside.py", b"stolen = True\n")


class AbsolutePath(_UnsafeTar):
    """Names a file from the root."""

    name: ClassVar[str] = "absolute path"
    aim: ClassVar[str] = Traversal.aim

    def add(self, archive: tarfile.TarFile) -> None:
        """Add a file whose name starts at the root."""
        _add(archive, "/tmp/outside.py", b"stolen = True\n")


class Link(_UnsafeTar):
    """Links to a file of the host."""

    name: ClassVar[str] = "symbolic link in a tar file"
    aim: ClassVar[str] = "to have a file of the host read as one's own"

    def add(self, archive: tarfile.TarFile) -> None:
        """Add a link."""
        entry = tarfile.TarInfo("source/link.py")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/hostname"
        archive.addfile(entry)


class Repeated(_UnsafeTar):
    """Has one name twice."""

    name: ClassVar[str] = "one file twice"
    aim: ClassVar[str] = "one content for the check, another for the use"

    def add(self, archive: tarfile.TarFile) -> None:
        """Add the records a second time."""
        _add(archive, RECORDS, b"other")


class Oversized(_UnsafeTar):
    """States an enormous size."""

    name: ClassVar[str] = "oversized file"
    aim: ClassVar[str] = "to fill the host's memory or disk"

    def add(self, archive: tarfile.TarFile) -> None:
        """Add an entry whose header states more than a bundle may hold."""
        entry = tarfile.TarInfo("source/large.txt")
        entry.size = MOST_BYTES + 1
        archive.fileobj.write(entry.tobuf())


class Unlisted(_UnsafeTar):
    """Holds a file that the hash does not cover."""

    name: ClassVar[str] = "a file that the manifest does not list"
    aim: ClassVar[str] = "code that the commitment does not fix"

    def add(self, archive: tarfile.TarFile) -> None:
        """Add a source file that is not listed."""
        _add(archive, "source/extra.py", b"changed = True\n")


class _UnsafeFolder(BundleAttack):
    defence: ClassVar[str] = _READER

    def attempt(self, workshop: Workshop) -> Outcome:
        """Write an honest bundle to a folder, spoil it and read it."""
        folder = workshop.folder / type(self).__name__
        write_bundle(workshop.honest.manifest, workshop.honest.contents, folder)
        self.spoil(folder)
        return _refused(lambda: read_bundle(folder), None)

    def spoil(self, folder: Path) -> None:
        """Make the folder unsafe to read."""
        raise NotImplementedError


class LinkedFile(_UnsafeFolder):
    """Puts a link in the place of a file."""

    name: ClassVar[str] = "symbolic link in a folder"
    aim: ClassVar[str] = Link.aim

    def spoil(self, folder: Path) -> None:
        """Replace the records by a link to the same content elsewhere."""
        elsewhere = folder.parent / "records-elsewhere"
        elsewhere.write_bytes((folder / RECORDS).read_bytes())
        (folder / RECORDS).unlink()
        (folder / RECORDS).symlink_to(elsewhere)


class SparseFile(_UnsafeFolder):
    """Is larger than memory and takes no disk."""

    name: ClassVar[str] = "oversized file in a folder"
    aim: ClassVar[str] = Oversized.aim

    def spoil(self, folder: Path) -> None:
        """Make a file of a tebibyte of nothing."""
        (folder / "source").mkdir()
        with (folder / "source" / "large.txt").open("wb") as stream:
            os.truncate(stream.fileno(), MOST_BYTES + 1)


class _HiddenCode(BundleAttack):
    defence: ClassVar[str] = "bundle.py: source is text, and nothing in a bundle is unpickled"
    file: ClassVar[str]

    def attempt(self, workshop: Workshop) -> Outcome:
        """List a pickle in the manifest, with a hash that fits."""
        marker = workshop.folder / f"unpickled-{type(self).__name__}"
        contents = {**workshop.honest.contents, self.file: pickle.dumps(_Bomb(str(marker)))}
        source = workshop.honest.manifest.source.model_copy(update={"kind": "files"})
        bundle = rehashed(workshop.honest.manifest, contents, source=source)
        path = workshop.folder / f"{type(self).__name__}.tar"
        write_tar(bundle, path)
        return _refused(lambda: read_bundle(path), marker)


class Pickle(_HiddenCode):
    """Brings a pickle that runs code."""

    name: ClassVar[str] = "pickled code"
    aim: ClassVar[str] = "code that runs when the bundle is read"
    file: ClassVar[str] = "source/weights.pkl"


class PickleInDisguise(_HiddenCode):
    """Brings a pickle that calls itself source."""

    name: ClassVar[str] = "pickled code named as source"
    aim: ClassVar[str] = Pickle.aim
    file: ClassVar[str] = "source/weights.py"


class PickleAsRecords(_HiddenCode):
    """Brings a pickle in the place of the records."""

    name: ClassVar[str] = "pickled code named as records"
    aim: ClassVar[str] = Pickle.aim
    file: ClassVar[str] = RECORDS

    def attempt(self, workshop: Workshop) -> Outcome:
        """Give the pickle to whoever reads the records."""
        marker = workshop.folder / "unpickled-records"
        contents = {**workshop.honest.contents, RECORDS: pickle.dumps(_Bomb(str(marker)))}
        path = workshop.folder / "pickled-records.tar"
        write_tar(rehashed(workshop.honest.manifest, contents), path)
        return _refused(lambda: read_bundle(path).records(), marker)


class _Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, marker: str) -> None:
        self._marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (self._marker,)


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    archive.addfile(entry, io.BytesIO(content))


def _refused(read: Callable[[], object], marker: Path | None) -> Outcome:
    try:
        read()
    except BundleError as error:
        if marker is not None and marker.exists():
            return Outcome(False, f"{marker.name} was made before the bundle was refused")
        return Outcome(True, f"refused: {error}")
    return Outcome(False, "it was read")


UNSAFE = (
    Traversal,
    AbsolutePath,
    Link,
    Repeated,
    Oversized,
    Unlisted,
    LinkedFile,
    SparseFile,
    Pickle,
    PickleInDisguise,
    PickleAsRecords,
)
