"""What users see in Python stays: names, signatures, errors, settings, labels, routes."""

from __future__ import annotations

import pytest
from support.surface import PAGES, PAGES_FOLDER

import mc_jupyter.notebook.extension  # noqa: F401  # what it imports must not change a page


@pytest.mark.parametrize("page", PAGES)
def test_what_users_see_is_as_it_was(page: str) -> None:
    """Where a page is to change: ``python -m support.surface``, and say it in the changelog."""
    text = (PAGES_FOLDER / f"{page}.txt").read_text(encoding="utf-8")
    assert PAGES[page]() == text
