"""Pure geofencing: shapes, schedules, and the judgement of fixes against a court's rules.

Facts in, episodes out; no clock, no database, no web. The way through it:

    parse_zone -> Rule (zone, Schedule) -> PreparedRules
    Fix -----------------------------------------------> judge(state, …) -> Judgement

All times are integer Unix seconds, all spans half-open, all lengths metres, all places WGS 84.
"""

from geofence.attachment import Alerted, Attachment, Continued, Merged, Tie, attach
from geofence.containment import PreparedZone, Verdict, inner_radius_m, verdict
from geofence.course import Course, find_oddities
from geofence.difference import Change, Difference, differences, substance
from geofence.drawing import StoredZone, drawn
from geofence.episode import Certainty, Ending, Episode, Evidence, NoData, Opening, Role
from geofence.explanation import LANGUAGES, explain, facts
from geofence.fix import Fix
from geofence.footing import Footing
from geofence.geojson import (
    GeometryReason,
    GeometryRefused,
    parse_zone,
    zone_from_geojson,
    zone_to_geojson,
)
from geofence.index import ZoneIndex
from geofence.judgement import Judgement, judge, next_due_s
from geofence.limits import SignalLimits
from geofence.oddity import Oddity, Stretch, stretches, strongest
from geofence.parameters import ENGINE, Parameters
from geofence.plausibility import Signal, SignalKind, assess_pair, score
from geofence.replay import Footprint, Replay, find_replay, footprint_of
from geofence.rule import Perimeter, Rule, RuleKind, Suspension
from geofence.schedule import LocalWindow, Schedule, WeeklyWindow
from geofence.silence import silent_since
from geofence.state import State, StateMismatch
from geofence.together import Company, find_company, is_moving, meeting_of
from geofence.watch import PreparedRules
from geofence.zone import Area, Circle, Corridor, Zone

__all__ = [
    "ENGINE",
    "LANGUAGES",
    "Alerted",
    "Area",
    "Attachment",
    "Certainty",
    "Change",
    "Circle",
    "Company",
    "Continued",
    "Corridor",
    "Course",
    "Difference",
    "Ending",
    "Episode",
    "Evidence",
    "Fix",
    "Footing",
    "Footprint",
    "GeometryReason",
    "GeometryRefused",
    "Judgement",
    "LocalWindow",
    "Merged",
    "NoData",
    "Oddity",
    "Opening",
    "Parameters",
    "Perimeter",
    "PreparedRules",
    "PreparedZone",
    "Replay",
    "Role",
    "Rule",
    "RuleKind",
    "Schedule",
    "Signal",
    "SignalKind",
    "SignalLimits",
    "State",
    "StateMismatch",
    "StoredZone",
    "Stretch",
    "Suspension",
    "Tie",
    "Verdict",
    "WeeklyWindow",
    "Zone",
    "ZoneIndex",
    "assess_pair",
    "attach",
    "differences",
    "drawn",
    "explain",
    "facts",
    "find_company",
    "find_oddities",
    "find_replay",
    "footprint_of",
    "inner_radius_m",
    "is_moving",
    "judge",
    "meeting_of",
    "next_due_s",
    "parse_zone",
    "score",
    "silent_since",
    "stretches",
    "strongest",
    "substance",
    "verdict",
    "zone_from_geojson",
    "zone_to_geojson",
]
