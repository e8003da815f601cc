"""An officer at the API: signed in, asking, writing; a stranger could do the same with curl."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

import requests

from backend.demo.cast import Employee
from backend.demo.waiting import StoryError

_TIMEOUT_S: Final = 30
_PAGE: Final = 200


class Desk:
    """The requests of one officer to the server at `server_url`.

    A session of theirs that has lapsed, as it does when days pass, is followed by another.
    """

    def __init__(self, server_url: str, employee: Employee) -> None:
        self._url = server_url
        self._employee = employee
        self._session = requests.Session()
        self._session.trust_env = False

    def sign_in(self) -> None:
        """Sign in with e-mail address and password."""
        credentials = {"email": self._employee.email, "password": self._employee.password}
        answer = self._send("POST", "/v1/officer/session", credentials)
        token = _expected("sign in", answer)["token"]
        self._session.headers["Authorization"] = f"Bearer {token}"

    def get(self, path: str) -> Any:
        """Return what stands at `path`. Raises StoryError for any other answer."""
        return self._ask("GET", path)

    def post(self, path: str, members: dict[str, Any] | None = None) -> Any:
        """Write and return the answer. Raises StoryError for a refusal."""
        return self._ask("POST", path, members)

    def listed(self, path: str) -> list[dict[str, Any]]:
        """Return the whole of a list, newest first, page after page."""
        items: list[dict[str, Any]] = []
        after = ""
        while True:
            page = self.get(f"{path}{'&' if '?' in path else '?'}limit={_PAGE}{after}")
            items += page["items"]
            if page["next"] is None:
                return items
            after = f"&after={page['next']}"

    def _ask(self, method: str, path: str, members: dict[str, Any] | None = None) -> Any:
        answer = self._send(method, path, members)
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            self.sign_in()
            answer = self._send(method, path, members)
        return _expected(f"{method} {path}", answer)

    def _send(self, method: str, path: str, members: dict[str, Any] | None) -> requests.Response:
        return self._session.request(method, self._url + path, json=members, timeout=_TIMEOUT_S)


def _expected(what: str, answer: requests.Response) -> Any:
    if not answer.ok:
        raise StoryError(f"{what} was answered {answer.status_code}: {answer.text}")
    return answer.json()
