"""Pages in a browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

Opened = Callable[..., Any]


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Opened]:
    """Shows the text of a page; at the end it must have said nothing and asked for nothing."""
    said: list[str] = []
    asked: list[str] = []
    pages: list[Any] = []
    path = tmp_path / "report.html"

    def show(text: str, *, width: int = 1280, scheme: str = "light") -> Any:
        path.write_text(text, encoding="utf-8")
        page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        page.wait_for_function("performance.getEntriesByName('report-painted').length > 0")
        pages.append(page)
        return page

    yield show
    for page in pages:
        page.close()
    assert said == []
    assert asked == [path.as_uri()] * len(pages)
