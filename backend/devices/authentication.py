"""Who proves to be whom: the part that the guards of devices and of supervisees share.

`open` reads the request's headers and does what needs no database (steps 1 to 4 of a proof);
`verify` does the rest (5 to 8) inside the guard's transaction. Every failure is counted by its
reason and answered 401, and nothing is stored: a stranger must not be able to fill a record. Every
answer to a readable proof, good or bad, carries a fresh `DPoP-Nonce`, so that the next proof needs
no round trip before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final

from flask import Response, after_this_request, request
from prometheus_client import Counter

from backend.core.actor import Actor, ActorKind
from backend.core.db import Session
from backend.core.errors import Code, Problem
from backend.core.keys import derive
from backend.core.settings import Settings
from backend.devices.key_context import KeyContext, key_context
from backend.devices.replay import is_first_use
from backend.proof.access_token import AccessTokens
from backend.proof.dpop import (
    EnrolledKey,
    OpenedEnrolment,
    OpenedProof,
    Proof,
    SignedRequest,
    TokenReader,
    open_enrolment,
    open_proof,
    verify_enrolment,
    verify_key,
    verify_proof,
)
from backend.proof.journal import JournalToken, verify_journal
from backend.proof.journal_refusal import JournalRefusal
from backend.proof.nonce import Nonces
from backend.proof.refusal import ProofRefusal, Refused
from backend.proof.server_keys import ServerKeys

_KEPT_TOKENS: Final = 16_384

REFUSED_PROOFS: Final = Counter(
    "connectrex_proofs_refused", "Proofs that did not hold, by reason", ["reason"]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Authenticated:
    """Whose request this is: what was signed, and the key as the table has it."""

    proof: Proof
    key: KeyContext

    def actor(self) -> Actor:
        """Return the supervised person who acts."""
        return Actor(
            kind=ActorKind.SUPERVISEE,
            id=self.key.supervisee_id,
            agency_id=self.key.agency_id,
            address=request.remote_addr,
        )


class Authentication:
    """Verifies proofs against one server's nonces, tokens and public URL."""

    def __init__(self, *, public_url: str, nonces: Nonces, tokens: AccessTokens) -> None:
        self.tokens: Final = tokens
        self._public_url = public_url
        self._nonces = nonces
        # What a token's text says does not change; whether it is still good is asked each time.
        self._read_token: TokenReader = lru_cache(maxsize=_KEPT_TOKENS)(tokens.read)

    @classmethod
    def of(cls, settings: Settings) -> Authentication:
        """Return the authentication of a server with these settings."""
        keys = ServerKeys.from_pem(settings.server_keys.read_bytes())
        url = settings.public_url
        return cls(
            public_url=url,
            nonces=Nonces(root_secret=derive(settings.root_secret, "dpop nonce")),
            tokens=AccessTokens(issuer=url, audience=url, keys=keys),
        )

    @property
    def server_keys(self) -> ServerKeys:
        """The keys that sign tokens and receipts."""
        return self.tokens.keys

    def open(self, now: datetime) -> OpenedProof:
        """Return the current request's proof, opened; raise the 401 Problem if it cannot be."""
        opened = open_proof(request.headers.get("DPoP"), nonces=self._nonces, now=now)
        self._give_nonce(opened.jkt, now)
        if isinstance(opened, Refused):
            raise refused(opened.reason)
        return opened

    def open_enrolment(self, now: datetime) -> OpenedEnrolment:
        """Return the current request's proof by a new key, opened; raise the 401 Problem."""
        opened = open_enrolment(request.headers.get("DPoP"))
        self._give_nonce(opened.jkt, now)
        if isinstance(opened, Refused):
            raise refused(opened.reason)
        return opened

    def verify(
        self,
        session: Session,
        opened: OpenedProof,
        *,
        access_token: bool,
        once: bool,
        now: datetime,
    ) -> Authenticated:
        """Return whose request this is, or raise the 401 Problem of the first step that fails.

        `access_token`: whether the endpoint asks for one. `once`: whether the proof is good for one
        request only; a second raises REPLAYED, and `session` must be one that writes.
        """
        try:
            return self.hold(
                session,
                opened,
                key_context(session, opened.jkt),
                self.signed_request(),
                access_token=access_token,
                once=once,
                now=now,
            )
        except Problem as problem:
            count_refused(problem)
            raise

    def hold(
        self,
        session: Session,
        opened: OpenedProof,
        key: KeyContext | None,
        signed: SignedRequest,
        *,
        access_token: bool,
        once: bool,
        now: datetime,
    ) -> Authenticated:
        """Hold an opened proof against the key that it names; as `verify`, without the request.

        What is raised is not counted: the caller may have to try again.
        """
        if key is None:
            raise _problem_of(ProofRefusal.UNKNOWN_KEY)
        proof = self._verified(opened, key, signed, access_token=access_token, now=now)
        if isinstance(proof, Refused):
            raise _problem_of(proof.reason)
        if once and not is_first_use(session, proof):
            raise _problem_of(ProofRefusal.REPLAYED)
        return Authenticated(proof=proof, key=key)

    def _verified(
        self,
        opened: OpenedProof,
        key: KeyContext,
        signed: SignedRequest,
        *,
        access_token: bool,
        now: datetime,
    ) -> Proof | Refused:
        enrolled = _enrolled(key)
        if not access_token:
            return verify_key(opened, key=enrolled, request=signed)
        return verify_proof(
            opened, key=enrolled, request=signed, read_token=self._read_token, now=now
        )

    def verify_journal(
        self, token: JournalToken, key: KeyContext, now: datetime
    ) -> JournalRefusal | None:
        """Return why a journal token that `key`'s proof brought does not hold; None if it does."""
        return verify_journal(
            token,
            jkt=key.jkt,
            key=key.public_key,
            audience=self._public_url,
            nonces=self._nonces,
            now=now,
        )

    def stranger(self, opened: OpenedProof) -> str:
        """Return the thumbprint of a key that nobody enrolled and that signed the current request.

        It shows possession and nothing else. Raises the 401 Problem of the first step that fails.
        """
        nonce = str(opened.jws.claims["nonce"])
        asking = OpenedEnrolment(jkt=opened.jkt, jti=opened.jti, challenge=nonce, jws=opened.jws)
        key = verify_enrolment(asking, challenge=nonce, request=self.signed_request())
        if isinstance(key, Refused):
            raise refused(key.reason)
        return key.jkt

    def signed_request(self) -> SignedRequest:
        """Return the current request as its proof must have been made for it."""
        return SignedRequest(
            method=request.method,
            url=self._public_url + request.path,
            body=b"" if request.content_length == 0 else request.get_data(),
            content_digest=request.headers.get("Content-Digest"),
            authorization=request.headers.get("Authorization"),
        )

    def _give_nonce(self, jkt: str | None, now: datetime) -> None:
        if jkt is None:
            return
        nonce = self._nonces.issue(jkt=jkt, now=now)

        @after_this_request
        def add(response: Response) -> Response:
            response.headers["DPoP-Nonce"] = nonce
            response.headers.setdefault("Cache-Control", "no-store")
            return response


def _enrolled(key: KeyContext) -> EnrolledKey:
    return EnrolledKey(
        jkt=key.jkt,
        public_key=key.public_key,
        subject=key.supervisee_id,
        activation=key.activation_id,
    )


def refused(reason: ProofRefusal) -> Problem:
    """Return the answer to a proof that did not hold, and count it."""
    problem = _problem_of(reason)
    count_refused(problem)
    return problem


def count_refused(problem: Problem) -> None:
    """Count a proof that did not hold, by the answer to it."""
    REFUSED_PROOFS.labels(reason=problem.members["reason"]).inc()


def _problem_of(reason: ProofRefusal) -> Problem:
    challenge = f'DPoP error="{reason.oauth_error}", algs="ES256"'
    return Problem(
        _CODES.get(reason, Code.PROOF_REFUSED),
        reason.value,
        members={"reason": reason.name},
        headers={"WWW-Authenticate": challenge},
    )


_CODES: Final = {
    ProofRefusal.NONCE_MISSING: Code.USE_DPOP_NONCE,
    ProofRefusal.NONCE_STALE: Code.USE_DPOP_NONCE,
    ProofRefusal.NONCE_FOREIGN: Code.USE_DPOP_NONCE,
    ProofRefusal.REPLAYED: Code.REPLAYED,
}
