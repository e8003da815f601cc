"""The list of revoked attestation keys, fetched from where the settings say."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.request import Request, urlopen

from backend.attestation.android.status_list import MAX_LIST_BYTES

TIMEOUT_S: Final = 30.0
_HTTPS: Final = "https://"


class InsecureListError(Exception):
    """A list came by a way on which anybody could have changed it."""


def fetch_status_list(source: str, now: datetime) -> tuple[bytes, datetime]:
    """Return the list at `source`, and as of when it is: now, or when its file was last written.

    A file that nobody renews must grow old, however often it is read. Raises OSError,
    InsecureListError.
    """
    if source.startswith(_HTTPS):
        return _download(source), now
    path = Path(source)
    written_at = datetime.fromtimestamp(path.stat().st_mtime, tz=UTC)
    return path.read_bytes(), min(written_at, now)


def _download(url: str) -> bytes:
    """Return what is there, cut just above what a list may have: it is refused by its size."""
    request = Request(url, headers={"Cache-Control": "max-age=0, no-cache"})  # noqa: S310 - the caller has seen that it is https
    with urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 - as above; a redirect is looked at below
        if not answer.geturl().startswith(_HTTPS):
            raise InsecureListError
        body: bytes = answer.read(MAX_LIST_BYTES + 1)
    return body
