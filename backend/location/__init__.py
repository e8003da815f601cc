"""The gate and what it lets in: live fixes, refusals, judgement, sweeps."""
