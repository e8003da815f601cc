"""The ways a message leaves the house: push, e-mail, the in-app inbox."""
