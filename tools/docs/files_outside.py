"""Hook of mkdocs: files of the repository that pages of docs/ link to are pages of the site too.

They lie in `project/` there, as they lie in the repository, and links follow them. So the pages
read the same in the repository and on the site.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent.parent
# Of the repository's root; what README.md links to, and what docs/ links to.
OUTSIDE = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "suites/rep4ex_suites/smoke.toml")
FOLDER = "project"
_LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#|/)([^)#\s]+)")


def on_files(files: Files, config: MkDocsConfig, **_: Any) -> Files:
    """Add the files that lie outside of docs/."""
    for name in OUTSIDE:
        files.append(File.generated(config, f"{FOLDER}/{name}", abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Let the links of a page lead to where the site has their files."""
    return with_links_of_the_site(markdown, page.file.src_uri)


def with_links_of_the_site(markdown: str, place: str) -> str:
    """Return the text of a page with its links as the site needs them.

    Args:
        markdown: as in the repository.
        place: of the page on the site, such as `project/README.md`.
    """
    inside = not place.startswith(f"{FOLDER}/")
    source = f"docs/{place}" if inside else place.removeprefix(f"{FOLDER}/")

    def link(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), found[1]))
        in_docs = target.startswith("docs/")
        if in_docs == inside:
            return found[1]
        there = target.removeprefix("docs/") if in_docs else f"{FOLDER}/{target}"
        return posixpath.relpath(there, posixpath.dirname(place) or ".")

    return _LINK.sub(link, markdown)
