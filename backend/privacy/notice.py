"""The privacy notice: what this version keeps of people, why, who sees it, and their rights.

It says what the code does, and nothing that it does not: `docs/privacy.md` has the tables. Whoever
changes what is kept changes these words with it, and then `VERSION` and `EFFECTIVE_ON` too; a test
holds each version to its words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from notifications.formats import Language

VERSION: Final = 2
EFFECTIVE_ON: Final = date(2026, 11, 23)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading, and what stands under it in plain words."""

    heading: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A version of the notice, and from which day on it says what is done; words by language."""

    version: int
    effective_on: date
    texts: Mapping[str, Sequence[Section]]


TEXTS: Final[Mapping[Language, Sequence[Section]]] = {
    Language.ENGLISH: (
        Section(
            heading="Who answers for your data",
            text="The agency that supervises you. This service keeps the data for it. The app's "
            "help says how to reach it. Your agency may have a notice of its own: ask for it.",
        ),
        Section(
            heading="What is kept of you",
            text="Your name, job title, postal address and postal code, e-mail addresses, phone "
            "numbers, language and time zone. What the court ordered: conditions, zones, "
            "curfews, exemptions and absences. Appointments, and each attempt to check in. What "
            "you owe and have paid. Alerts, and what officers noted about them. What you were "
            "told, which reminders you turned off, and what you write to your agency here. What "
            "was done with all this: by whom, when, and from which network address. There is no "
            "place for a date of birth, origin, religion, photograph or fingerprint. A text that "
            "holds a card number is refused.",
        ),
        Section(
            heading="Your location",
            text="While a court's order is in force, each location that your phone sends is kept "
            "with its time and accuracy, as the phone signed it, and what the program judged of "
            "it: also one that was refused. While no order is in force, none is kept. Your "
            "agency may decide to keep only the locations that show an event, such as entering a "
            "zone. Then officers do not see the others; the program judges by them, and 15 days "
            "after they came it begins to erase where and when they were. Your data in the app "
            "say whether this is so for you.",
        ),
        Section(
            heading="Your phone",
            text="Its public keys, what its hardware shows of its make and its system, the "
            "versions of app and system, and the address for push messages. Your fingerprint or "
            "face never leaves the phone: it only says that it knew its user.",
        ),
        Section(
            heading="What it is used for",
            text="To see whether the court's conditions are kept, and to tell officers what "
            "needs their attention. To remind you and to keep your account. To recognize phones "
            "and locations that are not genuine: for this your locations are compared with your "
            "own of the last 14 days and with those of other people of your agency.",
        ),
        Section(
            heading="Who decides",
            text="A program compares locations with the conditions and raises alerts. It can be "
            "wrong. A human decides every violation. A refusal, missing data or a debt never "
            "becomes one by itself.",
        ),
        Section(
            heading="Who sees it",
            text="Officers of your agency, each as far as their role allows, and never those of "
            "another agency. Each time an officer reads your locations, that is recorded. "
            "Whoever operates the servers for your agency can reach what is stored. Your agency "
            "may give to a court what the court needs. Outside, the service itself sends only "
            "this: to Google, and by it to Apple, your phone's push address, a line that says "
            "nothing about you, a number, and of which of four kinds the message is; to a mail "
            "relay, the e-mails that are written to you; and where you can pay online, to the "
            "payment provider, the amount, the agency's name and numbers that do not name you. "
            "What you type on the provider's page, the provider keeps. The service has no "
            "function that sells data or uses it for advertising.",
        ),
        Section(
            heading="How long it is kept",
            text="This version of the service deletes nothing on a schedule but aids that soon "
            "lose their use, and locations that your agency decided not to keep. Locations, "
            "refusals, the history of alerts, the account, the messages that you were given and "
            "the record of what was done are evidence: but for that one case the database "
            "refuses to change or delete them. What the law or a court's order says "
            "beyond that, ask your agency.",
        ),
        Section(
            heading="Your rights",
            text="You may ask what is kept of you, ask that something wrong be put right, and "
            "ask that something be erased. You may report that something is broken, and ask to "
            "be served without your location for a time. For none of this do you need to show "
            "where you are: write in the app. Officers of your agency are told, and answer "
            "there. What is evidence the service cannot erase: ask the agency what can be done "
            "instead. Much you can read in the app yourself: your data, your conditions, your "
            "account, your messages, your refusals. You may also turn to the court, to a lawyer, "
            "or to an authority for data protection where there is one.",
        ),
        Section(
            heading="What you do not see",
            text="A zone that protects another person is not shown to you. Alerts, and what "
            "officers noted, are not in the app either: ask for them.",
        ),
    ),
    Language.SPANISH: (
        Section(
            heading="Quién responde por sus datos",
            text="La agencia que le supervisa. Este servicio guarda los datos para ella. La "
            "ayuda de la aplicación dice cómo comunicarse con ella. Su agencia puede tener un "
            "aviso propio: pídalo.",
        ),
        Section(
            heading="Qué se guarda de usted",
            text="Su nombre, puesto de trabajo, dirección postal y código postal, correos "
            "electrónicos, teléfonos, idioma y zona horaria. Lo que ordenó el tribunal: "
            "condiciones, zonas, toques de queda, exenciones y ausencias. Las citas, y cada "
            "intento de reportarse. Lo que debe y lo que ha pagado. Las alertas, y lo que los "
            "oficiales anotaron sobre ellas. Lo que se le comunicó, qué recordatorios desactivó, "
            "y lo que usted escribe aquí a su agencia. Qué se hizo con todo esto: quién, cuándo "
            "y desde qué dirección de red. No hay lugar para fecha de nacimiento, origen, "
            "religión, fotografía ni huella dactilar. Un texto con un número de tarjeta se "
            "rechaza.",
        ),
        Section(
            heading="Su ubicación",
            text="Mientras hay una orden judicial en vigor, se guarda cada ubicación que envía "
            "su teléfono, con su hora y su precisión, tal como el teléfono la firmó, y lo que el "
            "programa juzgó de ella: también la que fue rechazada. Mientras no hay ninguna orden "
            "en vigor, no se guarda ninguna. Su agencia puede decidir que se guarden solo las "
            "ubicaciones que muestran un hecho, como entrar en una zona. Entonces los oficiales "
            "no ven las demás; el programa juzga con ellas, y 15 días después de que llegaran "
            "empieza a borrar dónde y cuándo fueron. Sus datos en la aplicación dicen si es así "
            "para usted.",
        ),
        Section(
            heading="Su teléfono",
            text="Sus claves públicas, lo que su hardware muestra de su modelo y su sistema, las "
            "versiones de la aplicación y del sistema, y la dirección para mensajes push. Su "
            "huella o su rostro nunca salen del teléfono: este solo dice que reconoció a su "
            "usuario.",
        ),
        Section(
            heading="Para qué se usa",
            text="Para ver si se cumplen las condiciones del tribunal y avisar a los oficiales "
            "de lo que requiere su atención. Para hacerle recordatorios y llevar su cuenta. Para "
            "reconocer teléfonos y ubicaciones que no son auténticos: para ello sus ubicaciones "
            "se comparan con las suyas de los últimos 14 días y con las de otras personas de su "
            "agencia.",
        ),
        Section(
            heading="Quién decide",
            text="Un programa compara las ubicaciones con las condiciones y genera alertas. "
            "Puede equivocarse. Cada violación la decide un ser humano. Un rechazo, datos que "
            "faltan o una deuda nunca se convierten por sí solos en una violación.",
        ),
        Section(
            heading="Quién lo ve",
            text="Los oficiales de su agencia, cada uno según lo que su función le permite, y "
            "nunca los de otra agencia. Cada vez que un oficial lee sus ubicaciones, queda "
            "registrado. Quien opera los servidores para su agencia puede llegar a lo que está "
            "guardado. Su agencia puede dar a un tribunal lo que este necesite. Hacia fuera, el "
            "servicio mismo envía solo esto: a Google, y por él a Apple, la dirección push de su "
            "teléfono, una línea que no dice nada de usted, un número y de cuál de cuatro clases "
            "es el mensaje; a un servidor de correo, los correos que se le escriben; y donde se "
            "puede pagar en línea, al proveedor de pagos, el importe, el nombre de la agencia y "
            "números que no le nombran. Lo que usted escribe en la página del proveedor lo "
            "guarda el proveedor. El servicio no tiene ninguna función que venda datos o los use "
            "para publicidad.",
        ),
        Section(
            heading="Cuánto tiempo se guarda",
            text="Esta versión del servicio no borra nada según un calendario, salvo datos "
            "auxiliares que pronto dejan de servir y las ubicaciones que su agencia decidió no "
            "guardar. Las ubicaciones, los rechazos, la historia de las alertas, la cuenta, los "
            "mensajes que se le dieron y el registro de lo que se hizo son pruebas: salvo en ese "
            "único caso, la base de datos se niega a cambiarlos o borrarlos. Pregunte a su "
            "agencia qué dicen además la ley o una orden judicial.",
        ),
        Section(
            heading="Sus derechos",
            text="Puede preguntar qué se guarda de usted, pedir que se corrija algo que está mal "
            "y pedir que se borre algo. Puede avisar de que algo no funciona y pedir que se le "
            "atienda sin su ubicación por un tiempo. Para nada de esto tiene que mostrar dónde "
            "está: escriba en la aplicación. Los oficiales de su agencia reciben el aviso y "
            "responden ahí. Lo que es prueba, el servicio no lo puede borrar: pregunte a la "
            "agencia qué se puede hacer en su lugar. Mucho puede leerlo usted mismo en la "
            "aplicación: sus datos, sus condiciones, su cuenta, sus mensajes, sus rechazos. "
            "También puede acudir al tribunal, a un abogado o, donde la haya, a una autoridad de "
            "protección de datos.",
        ),
        Section(
            heading="Lo que usted no ve",
            text="Una zona que protege a otra persona no se le muestra. Las alertas, y lo que "
            "anotaron los oficiales, tampoco están en la aplicación: pídalas.",
        ),
    ),
}


def notice() -> Notice:
    """Return the notice that is in force."""
    return Notice(
        version=VERSION,
        effective_on=EFFECTIVE_ON,
        texts={language.value: sections for language, sections in TEXTS.items()},
    )
