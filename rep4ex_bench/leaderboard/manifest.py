"""The manifest of a bundle: everything it claims, and the hash of every file in it.

Its canonical form is JSON with sorted keys, no spaces and ASCII only; the SHA-256 of that is the
bundle's identity. It holds no time and no path, so the same content has the same hash anywhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from rep4ex_bench.errors import BundleError
from rep4ex_bench.expectations import problem_text
from rep4ex_bench.running.suite_entries import Label, Name, Parameters

FORMAT_VERSION = 1
MOST_SEEDS = 1_000
_LONGEST = 4_000

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")]
Dotted = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z0-9_]+){0,20}$")
]
Text = Annotated[str, StringConstraints(max_length=_LONGEST)]
Seed = Annotated[int, Field(ge=-(2**63), lt=2**63)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class FileEntry(_Part):
    """Content hash and size (bytes) of one file."""

    sha256: Sha256
    size: int = Field(ge=0)

    @classmethod
    def of(cls, contents: Mapping[str, bytes]) -> dict[str, FileEntry]:
        """Return the entries of files by their path in the bundle."""
        return {
            path: cls(sha256=hashlib.sha256(content).hexdigest(), size=len(content))
            for path, content in contents.items()
        }


class ScenarioEntry(_Part):
    """One scenario of the suite, all parameters written out."""

    label: Label
    name: Name
    version: int = Field(ge=1)
    parameters: Parameters


class SuiteEntry(_Part):
    """What was run, apart from the method."""

    name: Name
    title: Text
    timeout_seconds: float = Field(gt=0)
    metrics: list[Annotated[str, StringConstraints(max_length=64)]] = Field(min_length=1)
    scenarios: list[ScenarioEntry] = Field(min_length=1, max_length=1_000)


class MethodEntry(_Part):
    """The method: where its class is, and all its parameters.

    `needs` and, by label, why it does not support scenarios are stated where the code is in the
    bundle: cells are planned without running it.
    """

    label: Label
    name: Name
    version: int = Field(ge=1)
    role: Literal["method", "oracle", "control"]
    module: Dotted
    class_name: Identifier
    parameters: Parameters
    needs: list[Text] | None = None
    unsupported: dict[Label, Text] | None = None


class SourceEntry(_Part):
    """Where the code is: in the bundle's `source/`, or in a package of this version."""

    kind: Literal["files", "package"]
    package: Text
    version: Text


class Manifest(_Part):
    """A bundle's claims. `seeds` are those that it was run on; it is not ranked on them."""

    format: Literal["rep4ex-bench submission"] = "rep4ex-bench submission"
    format_version: Literal[1] = 1
    name: Name
    description: Text
    licence: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    protocol_version: int = Field(ge=1)
    suite: SuiteEntry
    method: MethodEntry
    source: SourceEntry
    seeds: list[Seed] = Field(min_length=1, max_length=MOST_SEEDS)
    environment: dict[str, Text]
    files: dict[str, FileEntry]

    def canonical(self) -> bytes:
        """Return the canonical form; what a method leaves unsaid is not in it."""
        content = self.model_dump(mode="json")
        for optional in ("needs", "unsupported"):
            if content["method"][optional] is None:
                del content["method"][optional]
        return canonical_json(content)

    def digest(self) -> str:
        """Return the bundle's identity: SHA-256 of the canonical form."""
        return hashlib.sha256(self.canonical()).hexdigest()


def canonical_json(content: Any) -> bytes:
    """Return JSON with sorted keys, no spaces, ASCII only."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("ascii")


def read_manifest(content: bytes) -> Manifest:
    """Return the manifest in canonical bytes.

    Raises:
        BundleError: no manifest, one of another version, or not in canonical form.
    """
    try:
        raw = json.loads(content)
        found = raw.get("format_version") if isinstance(raw, dict) else None
        if isinstance(found, int) and found != FORMAT_VERSION:
            raise BundleError(
                f"the bundle has format version {found}, this version reads {FORMAT_VERSION}"
            )
        manifest = Manifest.model_validate_json(content)
    except ValidationError as error:
        raise BundleError(
            "manifest.json does not follow the schema: "
            + "; ".join(problem_text(problem) for problem in error.errors()[:10])
        ) from error
    except (ValueError, RecursionError) as error:
        raise BundleError(f"manifest.json is no JSON: {error}") from error
    if manifest.canonical() != content:
        raise BundleError(
            "manifest.json is not in canonical form (sorted keys, no spaces, no repeated keys): "
            "write it with `rep4ex-bench submit`"
        )
    return manifest
