"""What a phone states about a place: correlated error, an honest radius, rare wild outliers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

RADIUS_95_IN_SIGMAS: Final = math.sqrt(-2.0 * math.log(0.05))
"""The radius that holds 95 of 100 draws of a round two-dimensional normal error: 2.448 sigma."""

RADII_M: Final = (5.0, 60.0)
RADIUS_STANDS_S: Final = 3600
CORRELATION_S: Final = (120.0, 600.0)
OUTLIER_SHARE: Final = 0.002
OUTLIER_M: Final = 200.0
OUTLIER_CLAIMS_M: Final = (2.0, 10.0)
PAIRED_SHARE: Final = 0.2
"""So many of the outliers are followed by a second at the same wrong place."""
PAIR_TREMBLE_M: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reports:
    """Stated places in metres and their stated radii: one row per person, one column per fix."""

    at_s: NDArray[np.int64]
    east_m: Array
    north_m: Array
    accuracy_m: Array


def report(
    at_s: NDArray[np.int64], east_m: Array, north_m: Array, rng: np.random.Generator
) -> Reports:
    """The fixes of people who truly were at these places; times are evenly spaced."""
    people, count = east_m.shape
    every_s = int(at_s[1] - at_s[0])
    radius_m = radii(people, count, every_s, rng)
    sigma_m = radius_m / RADIUS_95_IN_SIGMAS
    correlation_s = np.asarray(rng.uniform(*CORRELATION_S, size=people))
    stated_east_m = east_m + sigma_m * correlated(count, every_s, correlation_s, rng)
    stated_north_m = north_m + sigma_m * correlated(count, every_s, correlation_s, rng)
    first, second = outliers(people, count, rng)
    wild = first | second
    for stated_m, true_m, thrown_m in zip(
        (stated_east_m, stated_north_m), (east_m, north_m), throws(first, second, rng), strict=True
    ):
        tremble_m = rng.normal(0.0, PAIR_TREMBLE_M, int(wild.sum()))
        stated_m[wild] = true_m[wild] + thrown_m[wild] + tremble_m
    radius_m[wild] = rng.uniform(*OUTLIER_CLAIMS_M, size=int(wild.sum()))
    return Reports(at_s=at_s, east_m=stated_east_m, north_m=stated_north_m, accuracy_m=radius_m)


def radii(people: int, count: int, every_s: int, rng: np.random.Generator) -> Array:
    """95 % radii, drawn anew for each person and hour."""
    spell = np.arange(count) * every_s // RADIUS_STANDS_S
    drawn: Array = rng.uniform(*RADII_M, size=(people, int(spell[-1]) + 1))
    return drawn[:, spell]


def correlated(count: int, every_s: int, correlation_s: Array, rng: np.random.Generator) -> Array:
    """AR(1) series of unit variance, a row for each correlation time (to 1/e)."""
    keep = np.exp(-every_s / correlation_s)
    fresh = np.sqrt(1.0 - keep**2)
    series = rng.standard_normal((count, len(correlation_s)))
    series[1:] *= fresh
    for step in range(1, count):
        series[step] += keep * series[step - 1]
    return np.ascontiguousarray(series.T)


def outliers(
    people: int, count: int, rng: np.random.Generator
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where an outlier stands alone or comes first, and where it repeats the one before."""
    first = rng.random((people, count)) < OUTLIER_SHARE / (1.0 + PAIRED_SHARE)
    second = np.zeros_like(first)
    second[:, 1:] = first[:, :-1] & (rng.random((people, count - 1)) < PAIRED_SHARE)
    return first & ~second, second


def throws(
    first: NDArray[np.bool_], second: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[Array, Array]:
    """How far east and north each outlier lies; the second of a pair as far as the first."""
    direction = rng.uniform(0.0, 2.0 * math.pi, first.shape)
    direction[:, 1:][second[:, 1:]] = direction[:, :-1][second[:, 1:]]
    return OUTLIER_M * np.cos(direction), OUTLIER_M * np.sin(direction)
