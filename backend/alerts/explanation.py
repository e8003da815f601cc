"""Why there is an alert, as data and as one sentence for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

MAX_SENTENCE_CHARACTERS: Final = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What an officer and a court need: facts as JSON, and a sentence in English and Spanish.

    Raises ValueError (or TypeError) for facts that are no JSON, ValueError for a sentence that is empty or longer than
    2000 characters: an alert that cannot explain itself must not be raised.
    """

    data: Mapping[str, Any]
    sentence_en: str
    sentence_es: str

    def __post_init__(self) -> None:
        json.dumps(dict(self.data), allow_nan=False)
        for sentence in (self.sentence_en, self.sentence_es):
            if not 0 < len(sentence.strip()) <= len(sentence) <= MAX_SENTENCE_CHARACTERS:
                raise ValueError("an explanation needs a sentence in both languages")
