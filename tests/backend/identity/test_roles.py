from __future__ import annotations

import pytest

from backend.core.actor import Permission
from backend.identity.roles import PERMISSIONS, PERSON_ONLY, Role

WRITES = {
    permission
    for permission in Permission
    if not permission.value.endswith(":read") and permission is not Permission.TOKEN_MANAGE
}


def test_every_role_has_its_permissions_and_every_permission_a_role() -> None:
    assert set(PERMISSIONS) == set(Role)
    assert frozenset().union(*PERMISSIONS.values()) == set(Permission)


def test_an_auditor_changes_nothing() -> None:
    assert not PERMISSIONS[Role.AUDITOR] & WRITES


def test_a_victims_zone_is_read_by_named_roles_only() -> None:
    readers = {
        role
        for role, allowed in PERMISSIONS.items()
        if Permission.CONFIDENTIAL_ZONE_READ in allowed
    }

    assert readers == {Role.SUPERVISOR, Role.VICTIM_LIAISON}


@pytest.mark.parametrize(
    "permission",
    [
        Permission.LOCATION_READ,
        Permission.CONDITION_READ,
        Permission.PAYMENT_READ,
        Permission.CONFIDENTIAL_ZONE_READ,
        Permission.ALERT_READ,
        Permission.REMINDER_READ,
    ],
)
def test_whoever_runs_the_agency_does_not_read_its_cases(permission: Permission) -> None:
    assert permission not in PERMISSIONS[Role.AGENCY_ADMIN]


def test_only_an_administrator_manages_officers_and_agency() -> None:
    for role in set(Role) - {Role.AGENCY_ADMIN}:
        assert not PERMISSIONS[role] & {Permission.OFFICER_MANAGE, Permission.AGENCY_MANAGE}


def test_an_officer_does_not_approve_their_own_work() -> None:
    assert Permission.CONDITION_APPROVE not in PERMISSIONS[Role.OFFICER]


def test_what_makes_tokens_and_officers_is_for_people_only() -> None:
    assert {Permission.TOKEN_MANAGE, Permission.OFFICER_MANAGE} == PERSON_ONLY
