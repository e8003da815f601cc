"""The page of reasons says what the code does."""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path

import pytest

from backend.attestation.android.refusal import AndroidRefusal
from backend.attestation.apple.refusal import AppleRefusal
from backend.attestation.play_integrity.refusal import PlayIntegrityRefusal
from backend.attestation.web.refusal import WebRefusal
from backend.devices.enrolment_advice import WORDS, remedy_for
from backend.devices.presence_fault import PresenceFault
from backend.devices.verification import EvidenceFault
from notifications.formats import Language

PAGE = Path("docs/evidence.md").read_text(encoding="utf-8")
SECTIONS = {
    "Any type": EvidenceFault,
    "android-key": AndroidRefusal,
    "apple-appattest": AppleRefusal,
    "play-integrity": PlayIntegrityRefusal,
    "webauthn": WebRefusal,
    "presence": PresenceFault,
}


def section(title: str) -> str:
    """The text under a heading."""
    return PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]


@pytest.mark.parametrize("title", SECTIONS)
def test_every_reason_is_documented_as_it_is(title: str) -> None:
    reasons: type[Enum] = SECTIONS[title]

    documented = re.findall(r"^\| `(\w+)` \| (.+) \| ([a-z-]+) \|$", section(title), re.MULTILINE)

    assert documented == [
        (reason.name, reason.value, remedy_for(reason).value)  # type: ignore[arg-type]  # each of these enums is a kind of reason
        for reason in reasons
    ]


def test_every_remedy_is_documented_as_it_is() -> None:
    documented = re.findall(r"^\| ([a-z-]+) \| (.+) \|$", section("Remedies"), re.MULTILINE)

    found = {remedy.value: words for remedy, words in WORDS[Language.ENGLISH].items()}
    assert {name: words for name, words in documented if name != "remedy"} == found
