"""Phones in software that speak to an application without a socket."""

from __future__ import annotations

from flask.testing import FlaskClient

from backend.simulator.phone import EvidenceMaker, Phone, PushAddress, no_evidence
from backend.simulator.position import PhoneClock
from backend.simulator.wire import HttpAnswer, HttpRequest, Transport
from tests.support.clocks import FrozenClock


def over_client(client: FlaskClient) -> Transport:
    """A transport into the application of a test client."""

    def carry(request: HttpRequest) -> HttpAnswer:
        response = client.open(
            request.url, method=request.method, headers=dict(request.headers), data=request.body
        )
        return HttpAnswer(
            status=response.status_code,
            headers={name.lower(): value for name, value in response.headers.items()},
            body=response.get_data(),
        )

    return carry


def phone_of(
    client: FlaskClient,
    clock: FrozenClock,
    *,
    server_url: str = "https://connectrex.test",
    platform: str = "android",
    push: PushAddress | None = None,
    evidence: EvidenceMaker = no_evidence,
) -> Phone:
    """A phone that is not enrolled yet, on the test's clock; it waits for nothing."""
    return Phone(
        server_url=server_url,
        transport=over_client(client),
        clock=PhoneClock(clock.now),
        platform=platform,
        push=push,
        evidence=evidence,
        pauses_s=(),
    )
