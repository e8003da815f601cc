"""Proof that a request was signed by an enrolled phone: JWS, DPoP, nonce, token, receipt; pure."""
