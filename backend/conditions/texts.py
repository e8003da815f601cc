"""Our own words about conditions, by language. The court's words stay as the officer wrote them."""

from __future__ import annotations

from typing import Final

from backend.conditions.kinds import ConditionKind
from notifications.formats import Language

PROTECTED_ZONE: Final = {
    Language.ENGLISH: "a protected zone",
    Language.SPANISH: "una zona protegida",
}
"""What a confidential zone is called wherever its title must not appear."""

WHAT: Final = {
    Language.ENGLISH: {
        ConditionKind.EXCLUSION_ZONE: "Zone to stay out of",
        ConditionKind.INCLUSION_ZONE: "Zone to stay in",
        ConditionKind.CURFEW: "Curfew",
        ConditionKind.OTHER: "Condition",
    },
    Language.SPANISH: {
        ConditionKind.EXCLUSION_ZONE: "Zona prohibida",
        ConditionKind.INCLUSION_ZONE: "Zona de permanencia",
        ConditionKind.CURFEW: "Horario de permanencia en casa",
        ConditionKind.OTHER: "Condición",
    },
}

MEANING: Final = {
    Language.ENGLISH: {
        ConditionKind.EXCLUSION_ZONE: (
            "Do not enter this zone. If times are shown, stay out of it at those times."
        ),
        ConditionKind.INCLUSION_ZONE: "Stay inside this zone at the times shown.",
        ConditionKind.CURFEW: "Be at this place, and stay there, at the times shown.",
        ConditionKind.OTHER: "Do what the text of this condition says.",
    },
    Language.SPANISH: {
        ConditionKind.EXCLUSION_ZONE: (
            "No entre en esta zona. Si se indican horas, no entre en ella a esas horas."
        ),
        ConditionKind.INCLUSION_ZONE: "Permanezca dentro de esta zona a las horas indicadas.",
        ConditionKind.CURFEW: "Esté en este lugar, y quédese en él, a las horas indicadas.",
        ConditionKind.OTHER: "Haga lo que dice el texto de esta condición.",
    },
}
