"""The WSGI application, built from the environment: for granian, gunicorn and the like."""

from __future__ import annotations

import os

from backend.cli import build

app = build(os.environ)
