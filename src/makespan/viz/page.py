"""Pages that need nothing but their own file: a template, filled, under a content policy."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files


def page(template: str, style: str, script: str, parts: Mapping[str, str]) -> str:
    """The template with its placeholders ``@@name@@`` replaced, in one pass.

    Placeholders inside what is filled in stay text. ``policy``, ``style`` and ``script`` are given
    besides ``parts``, which must be safe in HTML already; the policy lets this style and this
    script run, and nothing else be loaded.
    """
    policy = (
        f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    all_parts = {**parts, "policy": policy, "style": style, "script": script}
    return re.sub(r"@@(\w+)@@", lambda found: all_parts[found[1]], template)


def joined_script(package: str, *names: str) -> str:
    """Scripts of a package's assets as one strict function."""
    return '(() => {\n"use strict";\n' + "\n".join(asset(package, n) for n in names) + "})();\n"


@cache
def asset(package: str, name: str) -> str:
    """Text of a file in the assets of a package."""
    return files(package).joinpath("assets", name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
