from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from enum import Enum
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    LargeBinary,
    MetaData,
    String,
    Table,
    Uuid,
    bindparam,
    select,
    text,
    tuple_,
)
from sqlalchemy.exc import IntegrityError

from backend.core.db import Database, UtcDateTime, stored_enum
from backend.core.rows import (
    KEYS,
    PairReader,
    RowChanger,
    RowCopier,
    RowReader,
    RowWriter,
    write_together,
)


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


WHOLE = text("broken IS FALSE")
BRICKS = Table(
    "bricks",
    MetaData(),
    Column("id", Uuid, primary_key=True),
    Column("weight", BigInteger, nullable=False),
    Column("length", Double),
    Column("stamp", LargeBinary),
    Column("word", String),
    Column("broken", Boolean),
    Column("colour", stored_enum(Colour)),
    Column("made_at", UtcDateTime),
    Column("mark", String),
    Index(
        "uq_bricks_mark",
        "mark",
        unique=True,
        sqlite_where=WHOLE,
        postgresql_where=WHOLE,
    ),
)
WALLS = Table("walls", BRICKS.metadata, Column("id", Uuid, primary_key=True))
NAMES = tuple(column.name for column in BRICKS.columns)
INSERTING = RowWriter(BRICKS)
COPYING = RowCopier(BRICKS)
REPLACING = RowWriter(BRICKS, replaces=True)
SKIPPING = RowWriter(BRICKS, unless=f"(mark) WHERE {WHOLE}")
CHANGING = RowChanger(BRICKS, ("weight", "stamp", "colour", "made_at"))
BY_ID = RowReader(select(BRICKS).where(BRICKS.c.id == KEYS).order_by(BRICKS.c.id))

RED_FROM = RowReader(
    select(BRICKS.c.weight)
    .where(
        BRICKS.c.word == KEYS,
        BRICKS.c.colour == Colour.RED,
        BRICKS.c.made_at >= bindparam("since"),
        BRICKS.c.weight < bindparam("below"),
    )
    .order_by(BRICKS.c.weight)
)

BY_PAIR = PairReader(
    select(BRICKS.c.id, BRICKS.c.weight).where(tuple_(BRICKS.c.id, BRICKS.c.weight) == KEYS)
)


def brick(**given: Any) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(NAMES)
    return row | {"id": uuid4(), "weight": 1} | given


@pytest.fixture
def bricks(database: Database) -> Iterator[Database]:
    """A database with an empty table of bricks."""
    BRICKS.metadata.create_all(database.engine)
    yield database
    BRICKS.metadata.drop_all(database.engine)


def read(database: Database, keys: list[UUID]) -> list[tuple[Any, ...]]:
    with database.snapshot() as session:
        return BY_ID.read(session, keys)


def test_nothing_to_write_writes_nothing(bricks: Database) -> None:
    with bricks.transaction() as session:
        assert REPLACING.write(session, []) == 0
        assert CHANGING.write(session, []) == 0
        assert COPYING.write(session, []) == 0

    assert read(bricks, [uuid4()]) == []


def test_rows_of_several_tables_are_written_together(bricks: Database) -> None:
    old, new, wall = brick(weight=1), brick(weight=3), {"id": uuid4()}
    with bricks.transaction() as session:
        INSERTING.write(session, [old])

    with bricks.transaction() as session:
        changed = old | {"weight": 2}
        write_together(
            session,
            [(INSERTING, [new]), (SKIPPING, []), (CHANGING, [changed]), (RowWriter(WALLS), [wall])],
        )

    with bricks.snapshot() as session:
        assert session.scalars(select(WALLS.c.id)).all() == [wall["id"]]
    weights = {row[0]: row[1] for row in read(bricks, [old["id"], new["id"]])}
    assert weights == {old["id"]: 2, new["id"]: 3}


def test_of_what_is_written_together_nothing_is_where_one_row_is_refused(bricks: Database) -> None:
    there, new = brick(), brick()
    with bricks.transaction() as session:
        write_together(session, [(INSERTING, [there])])
        write_together(session, [(INSERTING, [])])

    with pytest.raises(IntegrityError), bricks.transaction() as session:
        write_together(session, [(RowWriter(WALLS), [{"id": uuid4()}]), (INSERTING, [new, there])])

    with bricks.snapshot() as session:
        assert session.scalars(select(WALLS.c.id)).all() == []
    assert [row[0] for row in read(bricks, [there["id"], new["id"]])] == [there["id"]]


@pytest.mark.parametrize("count", [0, 1, 3, 5000])
def test_pairs_find_rows_that_have_both(bricks: Database, count: int) -> None:
    rows = [brick(weight=weight) for weight in range(8)]
    with bricks.transaction() as session:
        INSERTING.write(session, rows)
    wanted = [(row["id"], row["weight"]) for row in rows[:count]]
    swapped = [(row["id"], row["weight"] + 1) for row in rows]
    others = [(uuid4(), n) for n in range(count - len(wanted))]

    with bricks.snapshot() as session:
        found = BY_PAIR.read(session, [*others, *wanted])
        none = BY_PAIR.read(session, swapped)

    assert sorted(found) == sorted(wanted)
    assert none == []


@pytest.mark.parametrize("writer", [INSERTING, COPYING])
def test_a_second_row_of_one_key_is_refused_whole(bricks: Database, writer: RowWriter) -> None:
    first, second = brick(weight=1), brick(weight=2)
    with bricks.transaction() as session:
        assert writer.write(session, [first]) == 1

    with pytest.raises(IntegrityError), bricks.transaction() as session:
        writer.write(session, [second, first | {"weight": 3}])

    assert [row[1] for row in read(bricks, [first["id"], second["id"]])] == [1]


@pytest.mark.parametrize("writer", [INSERTING, COPYING])
def test_a_row_without_what_it_must_have_is_refused(bricks: Database, writer: RowWriter) -> None:
    with pytest.raises(IntegrityError), bricks.transaction() as session:
        writer.write(session, [brick(weight=None)])


def test_a_row_that_is_there_is_replaced_and_its_neighbours_are_not(bricks: Database) -> None:
    mine, other, fresh = brick(word="old"), brick(word="other"), brick(word="new")
    with bricks.transaction() as session:
        INSERTING.write(session, [mine, other])

    with bricks.transaction() as session:
        REPLACING.write(session, [mine | {"word": "changed"}, fresh])

    found = read(bricks, [mine["id"], other["id"], fresh["id"]])
    assert sorted(row[4] for row in found) == ["changed", "new", "other"]


def test_a_row_that_another_one_forbids_is_left_out_and_not_counted(bricks: Database) -> None:
    first, broken = brick(mark="brick", broken=False), brick(mark="brick", broken=True)
    with bricks.transaction() as session:
        assert SKIPPING.write(session, [first]) == 1

    with bricks.transaction() as session:
        same, other = brick(mark="brick", broken=False), brick(mark="other", broken=False)
        assert SKIPPING.write(session, [same, broken, other, other | {"id": uuid4()}]) == 2

    found = read(bricks, [row["id"] for row in (first, same, broken, other)])
    assert {row[0] for row in found} == {first["id"], broken["id"], other["id"]}


def test_leaving_out_forgives_no_other_row_that_is_there_twice(bricks: Database) -> None:
    row = brick(mark="brick", broken=False)
    with bricks.transaction() as session:
        SKIPPING.write(session, [row])

    with pytest.raises(IntegrityError), bricks.transaction() as session:
        SKIPPING.write(session, [row | {"mark": "other"}])


def test_a_change_gives_those_rows_those_values_and_no_others(bricks: Database) -> None:
    first, second, other = brick(word="first"), brick(word="second"), brick(word="other")
    with bricks.transaction() as session:
        INSERTING.write(session, [first, second, other])
    news = {"weight": 2, "stamp": b"\x00\xff", "colour": Colour.BLUE, "made_at": datetime.now(UTC)}

    with bricks.transaction() as session:
        changed = CHANGING.write(
            session,
            [
                {"id": first["id"]} | news,
                {"id": second["id"]} | news | {"weight": 3, "stamp": None},
                {"id": uuid4()} | news,
            ],
        )

    assert changed == 2
    expected = [first | news, second | news | {"weight": 3, "stamp": None}, other]
    found = read(bricks, [first["id"], second["id"], other["id"]])
    assert sorted(found) == sorted(tuple(row[name] for name in NAMES) for row in expected)


def test_more_rows_than_a_statement_takes_are_all_written(bricks: Database) -> None:
    rows = [brick(weight=number) for number in range(5_001)]

    with bricks.transaction() as session:
        written = INSERTING.write(session, rows)

    assert written == 5_001
    assert len(read(bricks, [row["id"] for row in rows])) == 5_001


def test_a_statement_has_parameters_and_constants_beside_its_keys(bricks: Database) -> None:
    early, late = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)
    red = {"colour": Colour.RED, "word": "one", "made_at": late}
    rows = [
        brick(weight=1, **red),
        brick(weight=2, **red | {"word": "two"}),
        brick(weight=3, **red | {"word": "three"}),
        brick(weight=4, **red | {"made_at": early}),
        brick(weight=5, **red | {"colour": Colour.BLUE}),
        brick(weight=9, **red),
    ]

    with bricks.transaction() as session:
        INSERTING.write(session, rows)
        found = RED_FROM.read(session, ["one", "two"], since=late, below=9)
        nothing = RED_FROM.read(session, [], since=late, below=9)

    assert (found, nothing) == ([(1,), (2,)], [])


def test_a_parameter_that_is_not_given_is_a_fault(bricks: Database) -> None:
    with bricks.snapshot() as session, pytest.raises(KeyError, match="since"):
        RED_FROM.read(session, ["one"], below=9)


def test_keys_without_a_row_and_keys_twice_give_no_row_more(bricks: Database) -> None:
    row = brick()
    with bricks.transaction() as session:
        INSERTING.write(session, [row])

    found = read(bricks, [row["id"], row["id"], uuid4()])

    assert [one[0] for one in found] == [row["id"]]


_VALUES = st.fixed_dictionaries(
    {
        "weight": st.integers(-(2**63), 2**63 - 1),
        "length": st.none() | st.floats(allow_nan=False, allow_infinity=False, width=64),
        "stamp": st.none() | st.binary(max_size=64),
        "word": st.none()
        | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40),
        "broken": st.none() | st.booleans(),
        "colour": st.none() | st.sampled_from(Colour),
        "made_at": st.none()
        | st.integers(0, 4 * 10**9).map(lambda at_s: datetime.fromtimestamp(at_s, UTC)),
    }
)


@pytest.mark.parametrize("writer", [INSERTING, COPYING])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(values=st.lists(_VALUES, max_size=9))
def test_every_value_comes_back_as_it_was_written(
    bricks: Database, writer: RowWriter, values: list[dict[str, Any]]
) -> None:
    rows = [brick(**one) for one in values]

    with bricks.transaction() as session:
        assert writer.write(session, rows) == len(rows)

    written = sorted(tuple(row[name] for name in NAMES) for row in rows)
    assert read(bricks, [row["id"] for row in rows] or [uuid4()]) == written
