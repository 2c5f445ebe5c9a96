"""Schema files, reading, drafting and registrations, on real files."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc.errors import CatalogueError, ConfigError, DataError, TriuneError
from mpc.statistics.rows import Rows
from parties.demo.cohort import COHORT_FILE, SCHEMA_FILE
from parties.management.catalogue import Column, Kind, Registration, Schema, agree
from parties.management.datasets import DataSets, rounded_up
from parties.management.draft import draft_schema, outward
from parties.management.reading import read_rows as read_source
from parties.management.schema_file import dump_schema, load_schema
from parties.management.sources.csv import CsvSource

CANARY = "48151623"
SCHEMA = """
name = "visits"
[columns.age]
type = "integer"
min = 0
max = 120
na = [999]
[columns.price]
type = "decimal"
digits = 2
min = -20000000
max = 20000000
[columns.dose]
type = "real"
min = 0
max = 1
out_of_range = "missing"
[columns.grade]
type = "category"
levels = ["I", "II"]
[columns.dead]
type = "boolean"
[columns.seen]
type = "date"
min = 2000-01-01
max = 2030-01-01
"""
GOOD = """age,price,dose,grade,dead,seen
70,10000000.12,0.25,I,true,2020-01-31
999,,0.5,II,NO,NA
33,-0.5,7,"I",1,2021-12-01
"""


def write(folder: Path, data: str, schema: str = SCHEMA) -> tuple[Path, Path]:
    (folder / "visits.toml").write_text(schema)
    (folder / "visits.csv").write_text(data)
    return folder / "visits.toml", folder / "visits.csv"


def read_rows(path: Path, schema: Schema) -> Rows:
    return read_source(CsvSource(str(path)), schema)[0]


def test_cells_become_exact_words(tmp_path: Path) -> None:
    schema_path, data = write(tmp_path, GOOD)
    rows = read_rows(data, load_schema(schema_path))
    assert rows.words["age"].tolist() == [70, 0, 33]
    assert rows.present["age"].tolist() == [True, False, True]
    assert rows.words["price"].tolist() == [1_000_000_012, 0, -50]
    assert rows.present["dose"].tolist() == [True, True, False]
    assert rows.words["grade"].tolist() == [0, 1, 0]
    assert rows.words["dead"].tolist() == [1, 0, 1]
    assert rows.words["seen"][0] == (date(2020, 1, 31) - date(1970, 1, 1)).days
    assert rows.present["seen"].tolist() == [True, False, True]


@given(st.lists(st.decimals(-(10**7), 10**7, places=2), min_size=1, max_size=30))
def test_decimals_never_pass_through_a_float(
    tmp_path_factory: pytest.TempPathFactory, values: list[Decimal]
) -> None:
    folder = tmp_path_factory.mktemp("decimals")
    column = Column(name="x", kind=Kind.DECIMAL, digits=2, min=Decimal(-(10**7)), max=Decimal(10**7))
    path = folder / "x.csv"
    path.write_text("x,pad\n" + "".join(f"{value},\n" for value in values))
    rows = read_rows(path, Schema(name="x", columns=(column,)))
    assert rows.words["x"].tolist() == [int(value * 100) for value in values]


@pytest.mark.parametrize(
    ("line", "place"),
    [
        (f"{CANARY},1,0,I,true,2020-01-31", "column age: outside"),
        (f"x{CANARY},1,0,I,true,2020-01-31", "column age: not a whole number"),
        (f"1.5{CANARY},1,0,I,true,2020-01-31", "column age: not a whole number"),
        (f"1,0.{CANARY},0,I,true,2020-01-31", "column price"),
        (f"1,1,a{CANARY},I,true,2020-01-31", "column dose"),
        ("1,1,inf,I,true,2020-01-31", "column dose"),
        (f"1,1,0,{CANARY},true,2020-01-31", "column grade: not one of the levels"),
        (f"1,1,0,I,{CANARY},2020-01-31", "column dead"),
        (f"1,1,0,I,true,{CANARY}", "column seen: not a date"),
        ("1,1,0,I,true,2020-02-31", "column seen: not a date"),
    ],
)
def test_a_fault_names_line_and_column_and_never_the_value(tmp_path: Path, line: str, place: str) -> None:
    schema_path, data = write(tmp_path, GOOD + line + "\n")
    with pytest.raises(DataError, match="line 5") as refusal:
        read_rows(data, load_schema(schema_path))
    assert place in str(refusal.value)
    assert CANARY not in str(refusal.value)


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        ("min = 0\nmax = 120", "min = 5\nmax = 5", "below"),
        ("min = 0\nmax = 120\n", "", "range"),
        ('levels = ["I", "II"]', 'levels = ["I", "I"]', "twice"),
        ("digits = 2", "digits = 99", "digits"),
        ("digits = 2", "digts = 2", "digts"),
        ("max = 20000000", "max = 2000000000000000000", "wide"),
        ('type = "boolean"', 'type = "bool"', "kind"),
        ('name = "visits"', "name = visits", "TOML"),
        ("na = [999]", "na = [999]\nconfirmed = false", "confirmed"),
        ("na = [999]", "na = 999", "na"),
        ("[columns.age]", "[columns]\nweight = 5\n[columns.age]", "needs a table"),
        ('name = "visits"', 'name = "visits"\ncolour = "red"', "colour"),
    ],
)
def test_a_schema_that_makes_no_sense_is_refused(tmp_path: Path, old: str, new: str, word: str) -> None:
    schema_path, _ = write(tmp_path, GOOD, SCHEMA.replace(old, new))
    with pytest.raises((CatalogueError, ConfigError), match=word):
        load_schema(schema_path)


def test_the_hash_is_of_the_meaning_not_of_the_text(tmp_path: Path) -> None:
    schema_path, _ = write(tmp_path, GOOD)
    schema = load_schema(schema_path)
    again = tmp_path / "again.toml"
    again.write_text("# a comment\n" + dump_schema(schema))
    assert load_schema(again).hash == schema.hash
    schema_path.write_text(SCHEMA.replace("max = 120", "max = 120.0"))
    assert load_schema(schema_path).hash == schema.hash
    schema_path.write_text(SCHEMA.replace("max = 120", "max = 121"))
    assert load_schema(schema_path).hash != schema.hash


def test_every_field_of_a_column_is_written_and_read(tmp_path: Path) -> None:
    columns = (
        Column(
            name="x", kind=Kind.REAL, min=Decimal("-1E+3"), max=Decimal("0.5"), unit='m"2', na=("-9", "\\")
        ),
        Column(name="y", kind=Kind.BOOLEAN, structural_zero=True, description="whether so"),
        Column(name="z", kind=Kind.DATE, min=date(1, 1, 1), max=date(2000, 1, 1), out_of_range="missing"),
        Column(name="w", kind=Kind.CATEGORY, levels=('"', "\\", "é"), structural_zero=True),
        Column(name="v", kind=Kind.DECIMAL, digits=2, min=0, max=Decimal("9.99")),
    )
    schema = Schema(name="all", title='a "title"', version=3, columns=columns)
    (tmp_path / "all.toml").write_text(dump_schema(schema), encoding="utf-8")
    assert load_schema(tmp_path / "all.toml") == schema


def test_holders_that_differ_are_named(tmp_path: Path) -> None:
    schema_path, _ = write(tmp_path, GOOD)
    schema = load_schema(schema_path)
    other = schema.model_copy(update={"version": 2})
    made = [
        Registration(dataset="visits", holder=name, rows_at_most=10, catalogue=given)
        for name, given in (("a", schema), ("b", schema), ("c", other))
    ]
    assert agree(made[:2]).hash == schema.hash
    with pytest.raises(CatalogueError, match="c differ from a"):
        agree(made)
    assert Registration.from_json(made[0].to_json()) == made[0]
    for damaged in (
        b"{}",
        made[0].to_json()[:-1],
        made[0].to_json().replace(b'"rows_at_most":10', b'"rows_at_most":0'),
    ):
        with pytest.raises(CatalogueError):
            Registration.from_json(damaged)


def test_registering_opening_and_forgetting(tmp_path: Path) -> None:
    schema_path, data = write(tmp_path, GOOD)
    schema = load_schema(schema_path)
    sets = DataSets(tmp_path / "state", "alice")
    assert sets.add(schema, data).rows_at_most == 10
    assert sets.list() == (sets.find("visits"),)
    assert sets.open_rows("visits").count == 3
    assert set(sets.open_rows("visits", ["age", "dead", "age"]).words) == {"age", "dead"}
    data.write_text(GOOD + "44,1,0,I,true,2020-01-31\n")
    with pytest.raises(DataError, match="changed"):
        sets.open_rows("visits")
    sets.add(schema, data)
    schema_path.write_text(SCHEMA.replace("max = 120", "max = 121"))
    with pytest.raises(CatalogueError, match="another schema"):
        sets.add(load_schema(schema_path), data)
    sets.remove("visits")
    with pytest.raises(CatalogueError, match="no data set 'visits'"):
        sets.open_rows("visits")
    with pytest.raises(CatalogueError, match="none yet"):
        sets.remove("visits")


def test_other_data_are_another_version_also_past_a_removal(tmp_path: Path) -> None:
    schema_path, data = write(tmp_path, GOOD)
    schema, more = load_schema(schema_path), GOOD + "44,1,0,I,true,2020-01-31\n"
    sets = DataSets(tmp_path / "state", "alice")
    changed = schema.model_copy(update={"title": "Visits"})
    found = []
    for text, described in ((GOOD, schema), (GOOD, schema), (more, schema), (GOOD, schema), (GOOD, changed)):
        data.write_text(text)
        if described is changed:
            sets.remove("visits")
        found.append(sets.add(described, data).version)
        assert sets.find("visits").version == found[-1]
    sets.remove("visits")
    found.append(sets.add(changed, data).version)
    assert found == [1, 1, 2, 3, 4, 4]
    moved = tmp_path / "moved.csv"
    moved.write_text(GOOD)
    assert sets.add(changed, moved).version == 4
    assert sets.add(schema.model_copy(update={"name": "other"}), data).version == 1


def test_a_version_that_cannot_be_read_does_not_start_again(tmp_path: Path) -> None:
    schema_path, data = write(tmp_path, GOOD)
    sets = DataSets(tmp_path / "state", "alice")
    sets.add(load_schema(schema_path), data)
    kept = tmp_path / "state" / "datasets" / "visits.version"
    assert (kept.stat().st_mode & 0o777) == 0o600
    kept.write_text("{")
    with pytest.raises(CatalogueError, match="last version") as refusal:
        sets.add(load_schema(schema_path), data)
    assert "backup" in refusal.value.remedy
    kept.unlink()  # the registration itself knows
    data.write_text(GOOD + "44,1,0,I,true,2020-01-31\n")
    assert sets.add(load_schema(schema_path), data).version == 2


def test_a_stamp_changes_with_every_registration(tmp_path: Path) -> None:
    schema_path, data = write(tmp_path, GOOD)
    sets = DataSets(tmp_path / "state", "alice")
    stamps = [sets.stamp()]
    for version in (1, 2):
        sets.add(load_schema(schema_path).model_copy(update={"name": f"visits{version}"}), data)
        stamps.append(sets.stamp())
        assert sets.stamp() == stamps[-1]
    sets.add(load_schema(schema_path).model_copy(update={"name": "visits1"}), data)
    stamps.append(sets.stamp())
    sets.remove("visits1")
    stamps.append(sets.stamp())
    assert len(set(stamps)) == len(stamps)


@pytest.mark.parametrize("damage", ["", "{}", '{"registration": 5}', "older", "renamed"])
def test_one_damaged_registration_leaves_the_others_alone(tmp_path: Path, damage: str) -> None:
    schema_path, data = write(tmp_path, GOOD)
    schema = load_schema(schema_path)
    other = schema.model_copy(update={"name": "other"})
    sets = DataSets(tmp_path / "state", "alice")
    sets.add(schema, data)
    sets.add(other, data)
    record = tmp_path / "state" / "datasets" / "other.json"
    registration = f'{{"registration": {sets.find("other").to_json().decode()}, "path": "x", "sha256": "0"}}'
    renamed = record.with_name("visits.json").read_text()
    record.write_text({"older": registration, "renamed": renamed}.get(damage, damage))
    assert [item.dataset for item in sets.list()] == ["visits"]
    assert sets.damaged() == ("other",)
    assert sets.open_rows("visits").count == 3
    with pytest.raises(CatalogueError, match="damaged") as refusal:
        sets.find("other")
    assert "triune data add" in refusal.value.remedy
    sets.add(other, data)
    assert sets.damaged() == ()
    record.write_text(damage)
    sets.remove("other")
    assert [item.dataset for item in sets.list()] == ["visits"]


@pytest.mark.parametrize("name", ["../datasets/visits", "..", "", "VISITS", "visits.json", "*"])
def test_only_a_registered_name_is_found(tmp_path: Path, name: str) -> None:
    schema_path, data = write(tmp_path, GOOD)
    sets = DataSets(tmp_path / "state", "alice")
    sets.add(load_schema(schema_path), data)
    for use in (sets.find, sets.open_rows, sets.remove):
        with pytest.raises(CatalogueError):
            use(name)


@pytest.mark.parametrize("change", ["gone", "ragged", "fault", "no header", "another version's source"])
def test_other_parties_learn_no_path_and_no_place_of_a_fault(
    tmp_path: Path, change: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The message of `open_rows` crosses the wire; the node's own log has the reason."""
    schema_path, data = write(tmp_path, GOOD)
    schema, sets = load_schema(schema_path), DataSets(tmp_path / "state", "alice")
    sets.add(schema, data)
    sets.add(schema.model_copy(update={"name": "secretly_held"}), data)
    record = tmp_path / "state" / "datasets" / "visits.json"
    if change == "gone":
        data.unlink()
    elif change == "another version's source":
        record.write_text(record.read_text().replace('"source": "csv"', '"source": "tape"'))
    else:
        data.write_text(
            {"ragged": GOOD + "1,2\n", "fault": GOOD.replace("70", CANARY), "no header": ""}[change]
        )
    failed = [_refusal(lambda: sets.open_rows("visits")), _refusal(lambda: sets.open_rows("unknown"))]
    for error in failed:
        shown = f"{error} {error.culprit}"
        for secret in (str(tmp_path), data.name, "secretly_held", "line", "Line", "column", CANARY):
            assert secret not in shown
        assert (error.culprit, bool(error.remedy)) == ("alice", True)
    assert "not readable" in caplog.text
    assert CANARY not in caplog.text


def _refusal(call: Callable[[], object]) -> TriuneError:
    with pytest.raises(TriuneError) as refusal:
        call()
    return refusal.value


@given(st.integers(0, 10**8))
def test_public_row_bounds_hide_the_count(rows: int) -> None:
    bound = rounded_up(rows)
    assert bound >= max(10, rows)
    assert str(bound).rstrip("0") in {"1", "2", "5"}


@given(st.decimals(0, 10**9, places=3))
def test_drafted_bounds_are_beyond_the_extreme(value: Decimal) -> None:
    assert outward(value) > value


def test_a_draft_has_types_open_ranges_and_notes(tmp_path: Path) -> None:
    _, data = write(
        tmp_path, GOOD + "".join(f"{40 + n},2.50,0.1,II,false,2020-03-0{n}\n" for n in range(1, 8))
    )
    report = draft_schema(CsvSource(str(data)), minimum_count=3)
    assert "confirmed = false" in report.schema_toml
    assert "max = 1000" in report.schema_toml
    assert any(note.startswith("grade") and "I" in note for note in report.notes)
    drafted = tmp_path / "draft.toml"
    drafted.write_text(report.schema_toml)
    with pytest.raises(CatalogueError, match="age"):
        load_schema(drafted)
    drafted.write_text(report.schema_toml.replace("confirmed = false", "confirmed = true"))
    kinds = {column.name: column.kind for column in load_schema(drafted).columns}
    assert (kinds["age"], kinds["price"], kinds["dead"], kinds["seen"]) == (
        Kind.INTEGER, Kind.DECIMAL, Kind.CATEGORY, Kind.DATE,
    )  # fmt: skip


def test_the_demo_cohort_fits_its_schema() -> None:
    rows = read_rows(COHORT_FILE, load_schema(SCHEMA_FILE))
    assert rows.count == 686
    assert all(np.all(mask) for mask in rows.present.values())


@pytest.mark.parametrize("field", ['unit = "a\\u001b[2J"', 'description = "a\\nb"', 'na = ["\\u0007"]'])
def test_texts_that_could_drive_a_terminal_are_refused(tmp_path: Path, field: str) -> None:
    schema, _ = write(tmp_path, GOOD, SCHEMA.replace("na = [999]", field))
    with pytest.raises(CatalogueError, match="cannot be printed"):
        load_schema(schema)
