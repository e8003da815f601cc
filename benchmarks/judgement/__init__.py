"""How right the rule of judgement is, on simulated people with honest noise.

`python -m benchmarks.judgement` prints the tables of `docs/judgement.md`.
"""
