"""What messages say: texts as data, by template and language.

A lock screen, and the subject of an e-mail, which lands on one, say nothing of what the message
is about: they take no parameter, and are the same for everything that goes to a supervisee.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from string import Formatter

from notifications.formats import Language
from notifications.planning import Subject


class Template(Enum):
    """Every text that can be sent."""

    PAYMENT_DUE = "payment_due"
    PAYMENT_OVERDUE = "payment_overdue"
    CHECK_IN = "check_in"
    HEARING = "hearing"
    APPOINTMENT = "appointment"
    ALERT = "alert"
    JOB_STOPPED = "job_stopped"
    PAYMENT_RECEIPT = "payment_receipt"
    PAYMENT_FAILED = "payment_failed"
    AUTOPAY_NOTICE = "autopay_notice"
    CLAIM_GRANTED = "claim_granted"
    CLAIM_GRANTED_UNTIL = "claim_granted_until"
    CLAIM_DECLINED = "claim_declined"
    PLAN_GRANTED = "plan_granted"
    PLAN_DECLINED = "plan_declined"
    PLAN_ENDED = "plan_ended"
    RELIEF_GRANTED = "relief_granted"
    CONVERSION_GRANTED = "conversion_granted"
    RELIEF_DECLINED = "relief_declined"
    RELIEF_ENDED = "relief_ended"
    PAYMENT_RETURNED = "payment_returned"
    APPOINTMENT_MOVED = "appointment_moved"
    APPOINTMENT_CANCELLED = "appointment_cancelled"
    REQUEST_WAITING = "request_waiting"
    REQUEST_ANSWERED = "request_answered"


class Line(Enum):
    """The forms in which one item stands in the list of a reminder."""

    PAYMENT_DUE = "payment_due"
    PAYMENT_OVERDUE = "payment_overdue"
    ON_DAY = "on_day"
    AT_TIME = "at_time"


class HowToPay(Enum):
    """The ways in which a reminder says how to pay."""

    ONLINE = "online"
    IN_THE_APP = "in_the_app"
    AT_THE_AGENCY = "at_the_agency"


class ParameterError(Exception):
    """A text was asked for with other parameters than its own: a fault in our code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A message in words. Only `body` is personal, and is kept out of `repr`."""

    template: Template
    subject: str
    body: str = field(repr=False)
    lock_screen_title: str
    lock_screen_body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Neutral:
    """What may be read over a shoulder."""

    subject: str
    lock_screen_title: str
    lock_screen_body: str


NEUTRAL: Mapping[Language, Neutral] = {
    Language.ENGLISH: Neutral(
        subject="You have a message",
        lock_screen_title="You have a message",
        lock_screen_body="Open the app to read it.",
    ),
    Language.SPANISH: Neutral(
        subject="Tiene un mensaje",
        lock_screen_title="Tiene un mensaje",
        lock_screen_body="Abra la aplicación para leerlo.",
    ),
}

# An officer must know at a glance that it is urgent; nobody else can tell whom it concerns.
ALERT_SUBJECTS: Mapping[Language, str] = {
    Language.ENGLISH: "Critical alert: sign in to read it",
    Language.SPANISH: "Alerta crítica: inicie sesión para leerla",
}
JOB_STOPPED_SUBJECTS: Mapping[Language, str] = {
    Language.ENGLISH: "connectrex: reminders have stopped",
    Language.SPANISH: "connectrex: los recordatorios se han detenido",
}
REQUEST_SUBJECTS: Mapping[Language, str] = {
    Language.ENGLISH: "A request is waiting: sign in to read it",
    Language.SPANISH: "Hay una solicitud en espera: inicie sesión para leerla",
}
_OFFICERS_SUBJECTS: Mapping[Template, Mapping[Language, str]] = {
    Template.ALERT: ALERT_SUBJECTS,
    Template.JOB_STOPPED: JOB_STOPPED_SUBJECTS,
    Template.REQUEST_WAITING: REQUEST_SUBJECTS,
}

SUBJECTS: Mapping[Language, Mapping[Subject, str]] = {
    Language.ENGLISH: {
        Subject.FINE: "Fine",
        Subject.COURT_FEE: "Court fee",
        Subject.RESTITUTION: "Restitution",
        Subject.SUPERVISION_FEE: "Supervision fee",
        Subject.PROGRAMME_FEE: "Program fee",
        Subject.SUBJECT_ACCESS_FEE: "Fee for your access request",
        Subject.CHECK_IN: "Check-in",
        Subject.COURT_HEARING: "Court hearing",
        Subject.APPOINTMENT: "Appointment",
    },
    Language.SPANISH: {
        Subject.FINE: "Multa",
        Subject.COURT_FEE: "Tasa judicial",
        Subject.RESTITUTION: "Restitución",
        Subject.SUPERVISION_FEE: "Cuota de supervisión",
        Subject.PROGRAMME_FEE: "Cuota del programa",
        Subject.SUBJECT_ACCESS_FEE: "Cuota por su solicitud de acceso",
        Subject.CHECK_IN: "Reporte",
        Subject.COURT_HEARING: "Audiencia judicial",
        Subject.APPOINTMENT: "Cita",
    },
}

LINES: Mapping[Language, Mapping[Line, str]] = {
    Language.ENGLISH: {
        Line.PAYMENT_DUE: "- {subject}: {amount}, due {day}",
        Line.PAYMENT_OVERDUE: "- {subject}: {amount}, was due {day}",
        Line.ON_DAY: "- {subject}: {day}",
        Line.AT_TIME: "- {subject}: {day}, {time}",
    },
    Language.SPANISH: {
        Line.PAYMENT_DUE: "- {subject}: {amount}, vence el {day}",
        Line.PAYMENT_OVERDUE: "- {subject}: {amount}, venció el {day}",
        Line.ON_DAY: "- {subject}: {day}",
        Line.AT_TIME: "- {subject}: {day}, {time}",
    },
}

HOW_TO_PAY: Mapping[Language, Mapping[HowToPay, str]] = {
    Language.ENGLISH: {
        HowToPay.ONLINE: "Pay here: {payment_url}",
        HowToPay.IN_THE_APP: "Pay in the app: open it and choose Pay. You can also come to {agency}, "
        "or call {phone} and ask how.",
        HowToPay.AT_THE_AGENCY: "To pay, come to {agency}, or call {phone} and ask how.",
    },
    Language.SPANISH: {
        HowToPay.ONLINE: "Pague aquí: {payment_url}",
        HowToPay.IN_THE_APP: "Pague en la aplicación: ábrala y elija Pagar. También puede venir a "
        "{agency}, o llamar al {phone} y preguntar cómo.",
        HowToPay.AT_THE_AGENCY: "Para pagar, venga a {agency}, o llame al {phone} y pregunte cómo.",
    },
}

BODIES: Mapping[Language, Mapping[Template, str]] = {
    Language.ENGLISH: {
        Template.PAYMENT_DUE: """\
Hello {first_name},

this is a reminder from {agency}.

{items}

{how_to_pay}

If you cannot pay, tell us before {deadline}: call {contact} at {phone}. You can ask for more \
time, for a payment plan, or for the amount to be reduced. Asking is free.

If you have already paid, there is nothing to do.
""",
        Template.PAYMENT_OVERDUE: """\
Hello {first_name},

this is a note from {agency}. We have not yet received this payment:

{items}

{how_to_pay}

If you cannot pay, call {contact} at {phone}. You can ask for more time, for a payment plan, or \
for the amount to be reduced. Asking is free. You can check in and use the app as always.

If you have already paid, there is nothing to do.
""",
        Template.CHECK_IN: """\
Hello {first_name},

this is a reminder from {agency}.

{items}

Open the app to check in.

If you cannot do it in time, tell us before then: call {contact} at {phone}.
""",
        Template.HEARING: """\
Hello {first_name},

this is a reminder from {agency}.

{items}

If you cannot come, or need help to get there, tell us before then: call {contact} at {phone}.
""",
        Template.APPOINTMENT: """\
Hello {first_name},

this is a reminder from {agency}.

{items}

If you cannot come, tell us before then: call {contact} at {phone}.
""",
        Template.ALERT: """\
A critical alert is waiting for you.

Reference: {reference}
Sign in to the officers' API to read it: GET /v1/alerts/{reference}

For the protection of the people concerned this e-mail says nothing more.
""",
        Template.JOB_STOPPED: """\
A job that reminders need does not run any more.

Job: {job}
Noticed: {since}

Until it runs again, people are not reminded of payments, check-ins and hearings, and alerts may \
not reach officers by e-mail. Nothing is lost: what still matters is sent once it runs. Please \
tell whoever operates the service now. You get this message once for each outage.
""",
        Template.PAYMENT_RECEIPT: """\
Hello {first_name},

thank you. {agency} has received your payment.

Amount: {amount}
Day: {day}
Number: {number}

Keep this message as your receipt. If something in it is wrong, call {contact} at {phone}.
""",
        Template.PAYMENT_FAILED: """\
Hello {first_name},

{agency} did not receive a payment of {amount}: the bank did not carry it out. Nothing was taken.

You can try again in the app, or pay in another way. This is information, nothing more. You can \
check in and use the app as always.

If you cannot pay, call {contact} at {phone}. You can ask for more time, for a payment plan, or \
for the amount to be reduced. Asking is free.
""",
        Template.AUTOPAY_NOTICE: """\
Hello {first_name},

as you have allowed, {agency} will take {amount} on {day}. If you owe less by then, less is taken.

If you do not want this, switch automatic payments off in the app before that day, or call \
{contact} at {phone}. If you cannot pay, call too: you can ask for more time, for a payment plan, \
or for the amount to be reduced. Asking is free.
""",
        Template.CLAIM_GRANTED: """\
Hello {first_name},

{agency} has read why you cannot pay, and accepts it. The app shows the answer in full.

Open the app, or call {contact} at {phone}, to agree on what comes next: more time, a payment \
plan, or a smaller amount. Asking is free.
""",
        Template.CLAIM_GRANTED_UNTIL: """\
Hello {first_name},

{agency} has read why you cannot pay, and accepts it. You have time until {day}: until then you \
get no reminders of it. The app shows the answer in full.

If you cannot pay by then, tell us before that day: call {contact} at {phone}. You can ask for a \
payment plan, or for the amount to be reduced. Asking is free.
""",
        Template.CLAIM_DECLINED: """\
Hello {first_name},

{agency} has read why you cannot pay. The answer is no for now; the app shows it in full.

You can write to us again if something changes, and you can still ask for more time, for a \
payment plan, or for the amount to be reduced: call {contact} at {phone}. Asking is free. You can \
check in and use the app as always.
""",
        Template.PLAN_GRANTED: """\
Hello {first_name},

your payment plan with {agency} begins. You pay {amount} at a time, for the first time by {day}. \
The app shows all the dates.

If you cannot pay one of them, tell us before it is due: call {contact} at {phone}. Asking is free.
""",
        Template.PLAN_DECLINED: """\
Hello {first_name},

you asked {agency} for a payment plan of {amount} at a time, beginning on {day}. The answer to \
this plan is no; the app says why.

You can ask for another plan in the app, or call {contact} at {phone}. Asking is free. You can \
check in and use the app as always.
""",
        Template.PLAN_ENDED: """\
Hello {first_name},

your payment plan with {agency}, {amount} at a time, has ended. What you have not paid of it is to \
be paid by the dates from before the plan. The app shows them, and why the plan ended.

If you cannot pay by then, tell us: you can ask for another plan in the app, or call {contact} at \
{phone}. Asking is free. You can check in and use the app as always.
""",
        Template.RELIEF_GRANTED: """\
Hello {first_name},

you owe {agency} {amount} less: {subject}. You need not do anything.

The app shows what is left. If something in it is wrong, call {contact} at {phone}.
""",
        Template.CONVERSION_GRANTED: """\
Hello {first_name},

you owe {agency} {amount} less: {subject}. In its place come {hours} hours of service.

The app shows what is left. If you have a question about the service, call {contact} at {phone}.
""",
        Template.RELIEF_DECLINED: """\
Hello {first_name},

it was considered whether you should owe {agency} {amount} less: {subject}. It stays as it was.

You can still ask for more time, for a payment plan, or for the amount to be reduced: call \
{contact} at {phone}. Asking is free. You can check in and use the app as always.
""",
        Template.RELIEF_ENDED: """\
Hello {first_name},

we told you that you owe {agency} {amount} less: {subject}. That was taken back: this amount is \
to be paid again.

If this is wrong, or you cannot pay, call {contact} at {phone}. You can ask for more time, for a \
payment plan, or for the amount to be reduced. Asking is free.
""",
        Template.APPOINTMENT_MOVED: """\
Hello {first_name},

{agency} has changed this. From now on it is:

- {subject}: {day}, {time}

What you were told before does not hold any more. If you cannot come, tell us before then: call \
{contact} at {phone}.
""",
        Template.APPOINTMENT_CANCELLED: """\
Hello {first_name},

{agency} has called this off. You need not come:

- {subject}: {day}, {time}

If you have a question, call {contact} at {phone}.
""",
        Template.PAYMENT_RETURNED: """\
Hello {first_name},

your bank took a payment of {amount} to {agency} back. What it had paid is open again. This is \
information, nothing more. You can check in and use the app as always.

If this is wrong, or you cannot pay, call {contact} at {phone}. You can ask for more time, for a \
payment plan, or for the amount to be reduced. Asking is free.
""",
        Template.REQUEST_WAITING: """\
A supervised person has written to your agency, and waits for an answer.

Reference: {reference}
Sign in to the officers' API to read it: GET /v1/requests/{reference}

For the protection of the person concerned this e-mail says nothing more.
""",
        Template.REQUEST_ANSWERED: """\
Hello {first_name},

you wrote to {agency} on {day}. There is an answer: the app shows it in full, and needs no \
location for that.

If you have a question, or do not agree, call {contact} at {phone}.
""",
    },
    Language.SPANISH: {
        Template.PAYMENT_DUE: """\
Hola, {first_name}:

Este es un recordatorio de {agency}.

{items}

{how_to_pay}

Si no puede pagar, avísenos antes del {deadline}: llame a {contact} al {phone}. Puede pedir más \
tiempo, un plan de pagos o una reducción. Pedirlo es gratis.

Si ya pagó, no tiene que hacer nada.
""",
        Template.PAYMENT_OVERDUE: """\
Hola, {first_name}:

Este es un aviso de {agency}. Todavía no hemos recibido este pago:

{items}

{how_to_pay}

Si no puede pagar, llame a {contact} al {phone}. Puede pedir más tiempo, un plan de pagos o una \
reducción. Pedirlo es gratis. Puede reportarse y usar la aplicación como siempre.

Si ya pagó, no tiene que hacer nada.
""",
        Template.CHECK_IN: """\
Hola, {first_name}:

Este es un recordatorio de {agency}.

{items}

Abra la aplicación para reportarse.

Si no puede hacerlo a tiempo, avísenos antes: llame a {contact} al {phone}.
""",
        Template.HEARING: """\
Hola, {first_name}:

Este es un recordatorio de {agency}.

{items}

Si no puede venir, o necesita ayuda para llegar, avísenos antes: llame a {contact} al {phone}.
""",
        Template.APPOINTMENT: """\
Hola, {first_name}:

Este es un recordatorio de {agency}.

{items}

Si no puede venir, avísenos antes: llame a {contact} al {phone}.
""",
        Template.ALERT: """\
Hay una alerta crítica esperándole.

Referencia: {reference}
Inicie sesión en la API de oficiales para leerla: GET /v1/alerts/{reference}

Para proteger a las personas afectadas, este correo no dice nada más.
""",
        Template.JOB_STOPPED: """\
Una tarea que los recordatorios necesitan ya no se ejecuta.

Tarea: {job}
Detectado: {since}

Hasta que vuelva a ejecutarse, nadie recibe recordatorios de pagos, reportes ni audiencias, y las \
alertas pueden no llegar a los oficiales por correo. Nada se pierde: lo que siga siendo útil se \
envía después. Avise ahora a quien opera el servicio. Recibe este mensaje una vez por interrupción.
""",
        Template.PAYMENT_RECEIPT: """\
Hola, {first_name}:

Gracias. {agency} recibió su pago.

Importe: {amount}
Día: {day}
Número: {number}

Guarde este mensaje como recibo. Si algo no es correcto, llame a {contact} al {phone}.
""",
        Template.PAYMENT_FAILED: """\
Hola, {first_name}:

{agency} no recibió un pago de {amount}: el banco no lo realizó. No se cobró nada.

Puede intentarlo otra vez en la aplicación o pagar de otra manera. Esto es solo información. Puede \
reportarse y usar la aplicación como siempre.

Si no puede pagar, llame a {contact} al {phone}. Puede pedir más tiempo, un plan de pagos o una \
reducción. Pedirlo es gratis.
""",
        Template.AUTOPAY_NOTICE: """\
Hola, {first_name}:

Como usted lo permitió, {agency} cobrará {amount} el {day}. Si para entonces debe menos, se \
cobrará menos.

Si no lo desea, desactive los pagos automáticos en la aplicación antes de ese día, o llame a \
{contact} al {phone}. Si no puede pagar, llame también: puede pedir más tiempo, un plan de pagos o \
una reducción. Pedirlo es gratis.
""",
        Template.CLAIM_GRANTED: """\
Hola, {first_name}:

{agency} leyó por qué no puede pagar y lo acepta. La aplicación muestra la respuesta completa.

Abra la aplicación, o llame a {contact} al {phone}, para acordar lo que sigue: más tiempo, un plan \
de pagos o una cantidad menor. Pedirlo es gratis.
""",
        Template.CLAIM_GRANTED_UNTIL: """\
Hola, {first_name}:

{agency} leyó por qué no puede pagar y lo acepta. Tiene tiempo hasta el {day}: hasta entonces no \
recibirá recordatorios sobre esto. La aplicación muestra la respuesta completa.

Si para entonces no puede pagar, avísenos antes de ese día: llame a {contact} al {phone}. Puede \
pedir un plan de pagos o una reducción. Pedirlo es gratis.
""",
        Template.CLAIM_DECLINED: """\
Hola, {first_name}:

{agency} leyó por qué no puede pagar. Por ahora la respuesta es no; la aplicación la muestra \
completa.

Puede escribirnos otra vez si algo cambia, y todavía puede pedir más tiempo, un plan de pagos o \
una reducción: llame a {contact} al {phone}. Pedirlo es gratis. Puede reportarse y usar la \
aplicación como siempre.
""",
        Template.PLAN_GRANTED: """\
Hola, {first_name}:

Su plan de pagos con {agency} comienza. Paga {amount} cada vez, la primera a más tardar el {day}. \
La aplicación muestra todas las fechas.

Si no puede pagar una de ellas, avísenos antes de que venza: llame a {contact} al {phone}. \
Pedirlo es gratis.
""",
        Template.PLAN_DECLINED: """\
Hola, {first_name}:

Usted pidió a {agency} un plan de pagos de {amount} cada vez, a partir del {day}. La respuesta a \
este plan es no; la aplicación dice por qué.

Puede pedir otro plan en la aplicación, o llamar a {contact} al {phone}. Pedirlo es gratis. Puede \
reportarse y usar la aplicación como siempre.
""",
        Template.PLAN_ENDED: """\
Hola, {first_name}:

Su plan de pagos con {agency}, de {amount} cada vez, terminó. Lo que no ha pagado de él se debe \
pagar en las fechas de antes del plan. La aplicación las muestra, y dice por qué terminó el plan.

Si no puede pagar en esas fechas, avísenos: puede pedir otro plan en la aplicación, o llamar a \
{contact} al {phone}. Pedirlo es gratis. Puede reportarse y usar la aplicación como siempre.
""",
        Template.RELIEF_GRANTED: """\
Hola, {first_name}:

Usted debe {amount} menos a {agency}: {subject}. No tiene que hacer nada.

La aplicación muestra lo que queda. Si algo no es correcto, llame a {contact} al {phone}.
""",
        Template.CONVERSION_GRANTED: """\
Hola, {first_name}:

Usted debe {amount} menos a {agency}: {subject}. En su lugar hay {hours} horas de servicio.

La aplicación muestra lo que queda. Si tiene una pregunta sobre el servicio, llame a {contact} al \
{phone}.
""",
        Template.RELIEF_DECLINED: """\
Hola, {first_name}:

Se consideró si usted debería {amount} menos a {agency}: {subject}. Todo queda como estaba.

Todavía puede pedir más tiempo, un plan de pagos o una reducción: llame a {contact} al {phone}. \
Pedirlo es gratis. Puede reportarse y usar la aplicación como siempre.
""",
        Template.RELIEF_ENDED: """\
Hola, {first_name}:

Le dijimos que debe {amount} menos a {agency}: {subject}. Eso se retiró: este importe se debe \
pagar otra vez.

Si esto no es correcto, o si no puede pagar, llame a {contact} al {phone}. Puede pedir más tiempo, \
un plan de pagos o una reducción. Pedirlo es gratis.
""",
        Template.APPOINTMENT_MOVED: """\
Hola, {first_name}:

{agency} cambió esto. De ahora en adelante es:

- {subject}: {day}, {time}

Lo que le dijimos antes ya no vale. Si no puede venir, avísenos antes: llame a {contact} al {phone}.
""",
        Template.APPOINTMENT_CANCELLED: """\
Hola, {first_name}:

{agency} canceló esto. No tiene que venir:

- {subject}: {day}, {time}

Si tiene una pregunta, llame a {contact} al {phone}.
""",
        Template.PAYMENT_RETURNED: """\
Hola, {first_name}:

Su banco devolvió un pago de {amount} a {agency}. Lo que se había pagado queda pendiente otra vez. \
Esto es solo información. Puede reportarse y usar la aplicación como siempre.

Si no es correcto, o si no puede pagar, llame a {contact} al {phone}. Puede pedir más tiempo, un \
plan de pagos o una reducción. Pedirlo es gratis.
""",
        Template.REQUEST_WAITING: """\
Una persona supervisada escribió a su agencia y espera una respuesta.

Referencia: {reference}
Inicie sesión en la API de oficiales para leerla: GET /v1/requests/{reference}

Para proteger a la persona afectada, este correo no dice nada más.
""",
        Template.REQUEST_ANSWERED: """\
Hola, {first_name}:

Usted escribió a {agency} el {day}. Ya hay una respuesta: la aplicación la muestra completa, y para \
eso no necesita su ubicación.

Si tiene una pregunta, o no está de acuerdo, llame a {contact} al {phone}.
""",
    },
}


def parameters_of(text: str) -> frozenset[str]:
    """The names of the parameters that `text` takes."""
    return frozenset(name for _, name, _, _ in Formatter().parse(text) if name is not None)


def render(template: Template, language: Language, params: Mapping[str, str]) -> Rendered:
    """`template` in `language`. Raises ParameterError on a missing or unknown parameter."""
    neutral = NEUTRAL[language]
    to_officers = _OFFICERS_SUBJECTS.get(template)
    return Rendered(
        template=template,
        subject=neutral.subject if to_officers is None else to_officers[language],
        body=_fill(BODIES[language][template], params),
        lock_screen_title=neutral.lock_screen_title,
        lock_screen_body=neutral.lock_screen_body,
    )


def render_line(line: Line, language: Language, params: Mapping[str, str]) -> str:
    """One item of a list. Raises ParameterError on a missing or unknown parameter."""
    return _fill(LINES[language][line], params)


def render_how_to_pay(way: HowToPay, language: Language, params: Mapping[str, str]) -> str:
    """How to pay. Raises ParameterError on a missing or unknown parameter."""
    return _fill(HOW_TO_PAY[language][way], params)


def _fill(text: str, params: Mapping[str, str]) -> str:
    expected = parameters_of(text)
    if expected != params.keys():
        wrong = ", ".join(sorted(expected ^ params.keys()))
        raise ParameterError(f"missing or unknown parameters: {wrong}")
    return text.format_map(params)
