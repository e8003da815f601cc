"""Apple App Attest: a key in the Secure Enclave that our genuine app, and no other, may use."""
