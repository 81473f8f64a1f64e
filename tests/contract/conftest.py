"""The cloud whose routes are walked."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(scope="module")
def cloud_config() -> dict[str, Any]:
    """A broker that could be managed, for tokens by which hosts join; nobody asks it anything here."""
    return {"bus": {"management_url": "http://127.0.0.1:9"}}
