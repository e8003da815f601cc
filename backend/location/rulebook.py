"""What one person is judged by, prepared once per version of it and kept in memory.

Loading and preparing zones for every fix would cost more than everything else together. An entry
holds for one `rules_epoch`, which is read from the database in every request: an edited zone is in
force in every process with the next fix.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import lru_cache
from typing import Final
from uuid import UUID

import geofence
from backend.conditions import service as conditions
from backend.conditions.service import Exemption, Order, RuleLabel, Standing
from backend.core.actor import SYSTEM
from backend.core.clock import from_unix_s, local_minute, unix_s
from backend.core.db import Session
from backend.identity import service as identity
from backend.identity.service import Addressee, Agency, Supervisee
from backend.location.gate import GatePolicy
from geofence.geodesy import separation_m
from notifications.formats import Language

MAX_PEOPLE: Final = 20_000
STALE_AFTER_S: Final = 86_400
"""Entries are built anew each day, so that versions of long ago drop out of them."""
BEHIND_S: Final = 15 * 86_400
"""How far back the rules reach: a day further than judging may begin again."""
NEAR_M: Final = 500.0
NEAR_EXCLUSION_S: Final = 15
USUAL_S: Final = 60
AT_REST_MPS: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRules:
    """Everything that judging, the gate and the clock need to know of one person's rules.

    `visible` are the exclusion zones that the person may know of: only they make the phone send
    more often, since a changed rhythm would give a victim's zone away.
    """

    epoch: int
    built_s: int
    prepared: geofence.PreparedRules
    parameters: geofence.Parameters
    gate_policy: GatePolicy
    labels: Mapping[tuple[str, int], RuleLabel]
    visible: geofence.ZoneIndex
    orders: Sequence[Order]
    exemptions: Sequence[Exemption]
    silence_after_s: int
    missing_after_s: int
    timezone: str
    language: Language
    contact: str

    def label(self, rule_id: str, version: int) -> RuleLabel:
        """Return how to speak of one version of a rule."""
        return self.labels[rule_id, version]

    def local_time(self, at_s: int) -> str:
        """Return a Unix time as the agency's clock shows it."""
        return local_minute(at_s, self.timezone)

    def order_in_force(self, at: datetime) -> bool:
        """Whether any court has power over the person at this instant."""
        return any(order.is_in_force(at) for order in self.orders)

    def exemption_in_force(self, at: datetime) -> UUID | None:
        """Return the exemption from location that holds at this instant, None if none does."""
        return next((item.id for item in self.exemptions if item.is_in_force(at)), None)

    def contact_expected_since(self, at_s: int) -> int | None:
        """Return since when the person has had to be heard of, None if at `at_s` they need not."""
        at = from_unix_s(at_s)
        if not self.order_in_force(at) or self.exemption_in_force(at) is not None:
            return None
        ends = [item.over_at for item in self.exemptions if item.over_at <= at]
        starts = [order.starts_at for order in self.orders if order.is_in_force(at)]
        return max(unix_s(moment) for moment in [min(starts), *ends])

    def silence_due_s(self, received_s: int, now_s: int) -> int | None:
        """Return the first second at which silence may have to be told, if nothing is received.

        It lies after `now_s`, unless silence has to be told already.
        """
        told_after_s = self.silence_after_s + 1
        since_s = self.contact_expected_since(now_s)
        if since_s is not None:
            return max(received_s, since_s) + told_after_s
        ends = [item.over_at for item in self.exemptions]
        starts = [order.starts_at for order in self.orders]
        ahead = [moment for moment in (*ends, *starts) if moment > from_unix_s(now_s)]
        return unix_s(min(ahead)) + told_after_s if ahead else None

    def next_fix_s(self, fix: geofence.Fix, previous: geofence.Fix | None) -> int:
        """Return in how many seconds the next fix is wanted: soon while moving near a zone."""
        if not self.visible.near(fix.latitude, fix.longitude, within_m=NEAR_M):
            return USUAL_S
        at_rest = previous is not None and _pace_mps(previous, fix) < AT_REST_MPS
        return USUAL_S if at_rest else NEAR_EXCLUSION_S


def _pace_mps(a: geofence.Fix, b: geofence.Fix) -> float:
    """Return the speed between two fixes as they stand: in doubt somebody moves."""
    apart_m = separation_m(a.latitude, a.longitude, b.latitude, b.longitude)
    return apart_m / max(abs(b.at_s - a.at_s), 1)


class RuleBook:
    """The rules of the people last seen, for all threads of a process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: OrderedDict[UUID, PersonRules] = OrderedDict()

    def of(self, session: Session, supervisee_id: UUID, epoch: int, now: datetime) -> PersonRules:
        """Return the rules of one person as of now; `epoch` was read in this transaction."""
        return self.of_all(session, {supervisee_id: epoch}, now)[supervisee_id]

    def of_all(
        self, session: Session, epochs: Mapping[UUID, int], now: datetime
    ) -> dict[UUID, PersonRules]:
        """Return the rules of several people; those not in memory are read together."""
        known = self._known(epochs, unix_s(now))
        missing = {one: epoch for one, epoch in epochs.items() if one not in known}
        if not missing:
            return known
        built = _build(session, missing, now)
        with self._lock:
            self._entries |= built
            while len(self._entries) > MAX_PEOPLE:
                self._entries.popitem(last=False)
        return known | built

    def _known(self, epochs: Mapping[UUID, int], now_s: int) -> dict[UUID, PersonRules]:
        known = {}
        with self._lock:
            for supervisee_id, epoch in epochs.items():
                entry = self._entries.get(supervisee_id)
                if entry and entry.epoch == epoch and now_s - entry.built_s < STALE_AFTER_S:
                    self._entries.move_to_end(supervisee_id)
                    known[supervisee_id] = entry
        return known


def _build(session: Session, epochs: Mapping[UUID, int], now: datetime) -> dict[UUID, PersonRules]:
    people = {person.id: person for person in identity.addressees(session, epochs)}
    standings = conditions.standings(session, epochs, unix_s(now) - BEHIND_S)
    agencies = identity.get_agencies(session, {person.agency_id for person in people.values()})
    return {
        one: _prepare(people[one], agencies[people[one].agency_id], standings[one], epoch, now)
        for one, epoch in epochs.items()
    }


def proposed_rules(
    session: Session, supervisee_id: UUID, standing: Standing, now: datetime
) -> PersonRules:
    """Return the rules of one person as they would be if `standing` held; kept nowhere."""
    person = identity.get_supervisee(session, SYSTEM, supervisee_id)
    agency = identity.get_agency(session, person.agency_id)
    return _prepare(person, agency, standing, person.rules_epoch, now)


def _prepare(
    person: Addressee | Supervisee, agency: Agency, standing: Standing, epoch: int, now: datetime
) -> PersonRules:
    labels, parameters = standing.labels, judged_by(agency.policy)
    prepared = geofence.PreparedRules(standing.rules, standing.suspensions)
    return PersonRules(
        epoch=epoch,
        built_s=unix_s(now),
        prepared=prepared,
        parameters=parameters,
        gate_policy=GatePolicy(max_accuracy_m=agency.policy.max_accuracy_m, parameters=parameters),
        labels=labels,
        visible=geofence.ZoneIndex(_visible_exclusions(prepared, labels)),
        orders=standing.orders,
        exemptions=standing.exemptions,
        silence_after_s=agency.policy.silence_after_s,
        missing_after_s=agency.policy.missing_after_s,
        timezone=agency.zone,
        language=person.language,
        contact=agency.contact_phone,
    )


@lru_cache(maxsize=1024)
def judged_by(policy: identity.AgencyPolicy) -> geofence.Parameters:
    """Return the numbers by which an agency's people are judged, under their own names; shared."""
    names = [item.name for item in fields(geofence.Parameters)]
    return geofence.Parameters(**{name: getattr(policy, name) for name in names})


def signal_limits(policy: identity.AgencyPolicy) -> geofence.SignalLimits:
    """Return from when on an oddity is a signal for an agency."""
    return geofence.SignalLimits(
        frozen_s=policy.frozen_after_s,
        constant_accuracy_s=policy.constant_accuracy_after_s,
        even_fixes=policy.even_fixes,
        replayed_places=policy.replayed_places,
        together_s=policy.together_after_s,
    )


def _visible_exclusions(
    prepared: geofence.PreparedRules, labels: Mapping[tuple[str, int], RuleLabel]
) -> list[geofence.PreparedZone]:
    secret = {rule_id for (rule_id, _), label in labels.items() if label.confidential}
    return [
        watch.zone
        for watch in prepared.watches
        if watch.may_be_crossed and watch.rule_id not in secret
    ]
