"""Alerts are history: where each goes when its episode is judged again."""

from __future__ import annotations

from geofence import (
    Alerted,
    Certainty,
    Continued,
    Episode,
    Evidence,
    Merged,
    Opening,
    Perimeter,
    Role,
    RuleKind,
    Tie,
    attach,
)


def _episode(
    onset_s: int,
    ended_s: int | None = None,
    *,
    fixes: str = "",
    rule_id: str = "school",
    perimeter: Perimeter = Perimeter.ZONE,
    certainty: Certainty = Certainty.CONFIRMED,
) -> Episode:
    return Episode(
        rule_id=rule_id,
        perimeter=perimeter,
        kind=RuleKind.EXCLUSION,
        version=1,
        ordinal=0,
        certainty=certainty,
        opened_by=Opening.FIXES,
        window_start_s=0,
        onset_s=onset_s,
        since_possible_s=None,
        jump=False,
        evidence=tuple(
            Evidence(
                digest=name.encode(),
                at_s=onset_s,
                distance_m=-20.0,
                accuracy_m=5.0,
                role=Role.OPENING,
            )
            for name in fixes
        ),
        ended_s=ended_s,
    )


def _alert(key: str, episode: Episode, *, decided: bool = False, raised_at_s: int = 0) -> Alerted:
    return Alerted(key=key, decided=decided, raised_at_s=raised_at_s, episode=episode)


def test_nothing_to_attach_is_nothing() -> None:
    attachment = attach([], [])

    assert not attachment.continued
    assert not attachment.merged
    assert not attachment.fresh
    assert not attachment.withdrawn
    assert not attachment.unsupported


def test_an_alert_without_an_episode_is_withdrawn() -> None:
    attachment = attach([_alert("a", _episode(100, 200))], [_episode(300, 400)])

    assert attachment.withdrawn == ("a",)
    assert attachment.fresh == (_episode(300, 400),)


def test_a_decided_alert_without_an_episode_stands_unsupported() -> None:
    attachment = attach([_alert("a", _episode(100, 200), decided=True)], [])

    assert attachment.unsupported == ("a",)
    assert attachment.withdrawn == ()


def test_taken_back_episodes_hold_no_alert() -> None:
    attachment = attach([_alert("a", _episode(100))], [_episode(100, certainty=Certainty.VOID)])

    assert attachment.withdrawn == ("a",)
    assert attachment.fresh == ()


def test_a_shared_fix_is_the_strongest_tie() -> None:
    moved, same_onset = _episode(500, fixes="x"), _episode(100, 150)

    attachment = attach([_alert("a", _episode(100, 300, fixes="x"))], [same_onset, moved])

    assert attachment.continued == (Continued(key="a", episode=moved, tie=Tie.SHARED_FIX),)
    assert attachment.fresh == (same_onset,)


def test_the_same_onset_beats_an_overlap() -> None:
    overlap, same_onset = _episode(50, 250), _episode(100, 120)

    attachment = attach([_alert("a", _episode(100, 300))], [overlap, same_onset])

    assert attachment.continued[0].tie is Tie.SAME_ONSET


def test_touching_spans_do_not_overlap() -> None:
    attachment = attach([_alert("a", _episode(100, 200))], [_episode(200), _episode(50, 100)])

    assert attachment.withdrawn == ("a",)


def test_an_open_episode_overlaps_all_that_follows() -> None:
    attachment = attach([_alert("a", _episode(100))], [_episode(900)])

    assert attachment.continued[0].tie is Tie.OVERLAP


def test_another_rule_or_perimeter_is_no_tie() -> None:
    others = [_episode(100, rule_id="home"), _episode(100, perimeter=Perimeter.BUFFER)]

    assert attach([_alert("a", _episode(100))], others).withdrawn == ("a",)


def test_a_split_leaves_the_alert_with_one_and_the_other_fresh() -> None:
    first, second = _episode(100, 200, fixes="x"), _episode(250, 400)

    attachment = attach([_alert("a", _episode(100, 400, fixes="x"))], [first, second])

    assert [link.episode for link in attachment.continued] == [first]
    assert attachment.fresh == (second,)


def test_of_two_merged_alerts_the_older_goes_on() -> None:
    whole = _episode(100, 400)
    younger = _alert("y", _episode(300, 400), raised_at_s=50)
    older = _alert("o", _episode(100, 200), raised_at_s=10)

    attachment = attach([younger, older], [whole])

    assert [link.key for link in attachment.continued] == ["o"]
    assert attachment.merged == (Merged(key="y", into="o"),)


def test_the_decided_alert_chooses_before_the_older() -> None:
    whole = _episode(100, 400)
    decided = _alert("d", _episode(300, 400), decided=True, raised_at_s=50)
    older = _alert("o", _episode(100, 200), raised_at_s=10)

    attachment = attach([older, decided], [whole])

    assert [link.key for link in attachment.continued] == ["d"]
    assert attachment.merged == (Merged(key="o", into="d"),)


def test_two_decided_alerts_may_share_an_episode() -> None:
    whole = _episode(100, 400)
    alerts = [
        _alert("a", _episode(100, 200), decided=True),
        _alert("b", _episode(300, 400), decided=True),
    ]

    attachment = attach(alerts, [whole])

    assert [link.key for link in attachment.continued] == ["a", "b"]
    assert attachment.merged == ()
