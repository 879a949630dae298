"""Text that is safe inside a page: JSON in a script element, and the hash of a script.

Labels and messages come from third parties. HTML is escaped by the templates; this is the rest.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

from markupsafe import Markup

_ESCAPES = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


def embedded_json(value: Any) -> Markup:
    """Return JSON that no text in it can end: `<`, `>`, `&`, U+2028 and U+2029 are escaped.

    Raises:
        ValueError: NaN or infinity is in it, which JSON does not have; pass None instead.
    """
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return Markup(text.translate(_ESCAPES))


def script_hash(source: str) -> str:
    """Return the source expression by which a content security policy allows this script only."""
    # browsers hash what the parser made of the source, and it turns CR LF into LF
    if "\r" in source or "</script" in source.lower() or "<!--" in source:
        raise ValueError(
            "an inline script must have LF line ends and hold neither '</script' nor '<!--'"
        )
    digest = hashlib.sha256(source.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
