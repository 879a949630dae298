"""What every page of the product shares: templates, style, colours, scripts and what may run.

A page extends ``base.html.j2``, gives its numbers as JSON and names the one script that draws its
own figures; legends, sorting and axes are the same everywhere.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup

from rep4ex_bench.boards.report.appearance import DARK_COLOURS, LIGHT_COLOURS
from rep4ex_bench.boards.report.embedding import script_hash

# What figures are drawn with, and the scripts that every page with figures has.
FIGURE_LIBRARIES = ("d3.min.js", "plot.umd.min.js")


def template(name: str) -> jinja2.Template:
    """Return a template of the folder ``templates``; it escapes what it is given."""
    return _environment().get_template(name)


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("rep4ex_bench.boards.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def figure_scripts(own: str) -> tuple[str, ...]:
    """Return the scripts of a page with figures, of which one draws its own."""
    return ("tables.js", "drawing.js", own, "legend.js")


def page_context(own: tuple[str, ...], libraries: tuple[str, ...]) -> dict[str, Any]:
    """Return what ``base.html.j2`` needs beside the title and the data.

    Args:
        own: files of the folder ``templates`` that the page runs.
        libraries: files of the folder ``vendor`` that these need.
    """
    scripts = _scripts(own, libraries)
    return {
        "light_colours": list(enumerate(LIGHT_COLOURS)),
        "dark_colours": list(enumerate(DARK_COLOURS)),
        "style": Markup(_packaged("templates", "style.css")),
        "scripts": scripts,
        "script_policy": " ".join(script_hash(str(source)) for source in scripts),
    }


@cache
def _packaged(folder: str, name: str) -> str:
    source = files("rep4ex_bench.boards.report") / folder / name
    return source.read_text(encoding="utf-8").replace("\r\n", "\n")


@cache
def _scripts(own: tuple[str, ...], libraries: tuple[str, ...]) -> tuple[Markup, ...]:
    sources = [_packaged("vendor", name) for name in libraries]
    sources += [_packaged("templates", name) for name in own]
    return tuple(Markup(source) for source in sources)
