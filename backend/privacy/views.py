"""The privacy notice, for everybody: one may want to read it before one is enrolled."""

from __future__ import annotations

from backend.core.http import Audience, Blueprint
from backend.privacy.notice import Notice, notice
from backend.privacy.schemas import NoticeSchema

blp = Blueprint(
    "privacy",
    __name__,
    url_prefix="/v1",
    audience=Audience.PUBLIC,
    description="What people are told of what is kept of them",
)


@blp.route("/privacy-notice")
@blp.response(200, NoticeSchema)
def read_notice() -> Notice:
    """Tell what is kept of people, why, who sees it, how long, and what their rights are."""
    return notice()


BLUEPRINTS = (blp,)
