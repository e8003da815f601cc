"""What other slices, views and commands use of identity: its one door.

The work is done in modules named after its verbs and things; here is the list of them.
"""

from __future__ import annotations

from backend.identity.agencies import (
    Agency,
    agency_to_change,
    change_agency,
    create_agency,
    every_agency,
    get_agencies,
    get_agency,
)
from backend.identity.assignments import (
    Assignment,
    OfficerContact,
    administrators,
    assign,
    assignments,
    officer_contacts,
    officers_to_notify,
    unassign,
)
from backend.identity.formats import known_zone
from backend.identity.models import Trail
from backend.identity.officers import (
    Officer,
    OfficerData,
    acting_officer,
    change_officer,
    create_officer,
    officer_to_change,
    officers,
    read_officer,
    reset_password,
)
from backend.identity.passwords import hash_password
from backend.identity.policy import AgencyPolicy
from backend.identity.roles import PERMISSIONS, Role
from backend.identity.sign_in import (
    SignInTry,
    begin_own_password_change,
    begin_sign_in,
    finish_own_password_change,
    finish_sign_in,
)
from backend.identity.supervisees import (
    Addressee,
    Me,
    PersonalData,
    Supervisee,
    addressees,
    bump_rules_epoch,
    change_supervisee,
    create_supervisee,
    get_supervisee,
    get_supervisees,
    me,
    read_supervisee,
    rules_epoch,
    rules_epoch_of,
    rules_epochs,
    supervisee_ids_after,
    supervisee_to_change,
    supervisees,
)
from backend.identity.throttle import count_stranger, forgive_stranger
from backend.identity.tokens import (
    Authenticated,
    IssuedToken,
    Token,
    authenticate,
    create_token,
    revoke_token,
    sign_out,
    tokens,
    touch,
)
from backend.identity.trails import set_trail, trail_to_change, without_trail_after
from backend.identity.visibility import visible_supervisees

__all__ = [
    "PERMISSIONS",
    "Addressee",
    "Agency",
    "AgencyPolicy",
    "Assignment",
    "Authenticated",
    "IssuedToken",
    "Me",
    "Officer",
    "OfficerContact",
    "OfficerData",
    "PersonalData",
    "Role",
    "SignInTry",
    "Supervisee",
    "Token",
    "Trail",
    "acting_officer",
    "addressees",
    "administrators",
    "agency_to_change",
    "assign",
    "assignments",
    "authenticate",
    "begin_own_password_change",
    "begin_sign_in",
    "bump_rules_epoch",
    "change_agency",
    "change_officer",
    "change_supervisee",
    "count_stranger",
    "create_agency",
    "create_officer",
    "create_supervisee",
    "create_token",
    "every_agency",
    "finish_own_password_change",
    "finish_sign_in",
    "forgive_stranger",
    "get_agencies",
    "get_agency",
    "get_supervisee",
    "get_supervisees",
    "hash_password",
    "known_zone",
    "me",
    "officer_contacts",
    "officer_to_change",
    "officers",
    "officers_to_notify",
    "read_officer",
    "read_supervisee",
    "reset_password",
    "revoke_token",
    "rules_epoch",
    "rules_epoch_of",
    "rules_epochs",
    "set_trail",
    "sign_out",
    "supervisee_ids_after",
    "supervisee_to_change",
    "supervisees",
    "tokens",
    "touch",
    "trail_to_change",
    "unassign",
    "visible_supervisees",
    "without_trail_after",
]
