"""The transport of the extra `fast`: httpx-aiohttp, under asyncio."""

from __future__ import annotations

import httpx


def fast_transport() -> httpx.AsyncBaseTransport | None:
    """httpx-aiohttp's transport where it is installed and can serve; None for httpx's own."""
    return None
