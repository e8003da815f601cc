"""Evidence that a key lives in genuine hardware or was vouched for by a genuine app; pure.

`android` reads Android Key Attestation, `apple` reads App Attest, `play_integrity` what Google Play
adds to the first. Clock, roots of trust and the
revocation list are arguments. Whatever a stranger sends is answered with a value: what is attested,
or one member of an enum that says why not.
"""
