"""The WSGI application, built from the environment: for granian, gunicorn and the like."""

from __future__ import annotations

import os

from backend.cli import build
from backend.core import cores

cores.take()
app = build(os.environ)
