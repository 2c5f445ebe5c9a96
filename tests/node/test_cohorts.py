"""A holder's memory of cohorts: found again over other rows, for its holder alone, never half there."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc.errors import StorageError, TriuneError
from mpc.statistics.rows import Rows
from parties.identity.keys import Identity
from parties.management import row_ids as naming
from parties.management.row_ids import RowIds, row_ids
from parties.node.cohorts import CohortStore, Overlay
from parties.query.plan import SignedPlan

KEY = bytes(range(32))
IDENTITY = Identity.generate("dora")
GENERATOR = np.random.default_rng(7)


def signed(number: int = 0) -> SignedPlan:
    return SignedPlan(b'{"canary":48151623,"number":%d}' % number, bytes([number % 256]) * 64)


def ids(*numbers: int) -> RowIds:
    return np.array(numbers, dtype=np.uint64) * np.uint64(2**60 + 3)


def masks(cohorts: int, rows: int) -> np.ndarray:
    return GENERATOR.integers(0, 2, (cohorts, rows)).astype(np.bool_)


@pytest.fixture
def store(tmp_path: Path) -> CohortStore:
    return CohortStore(tmp_path, IDENTITY)


# --- the rows' names ------------------------------------------------------------------------------


def table(*cells: tuple[int | None, int | None]) -> Rows:
    columns = dict(zip("ba", zip(*cells, strict=True), strict=True)) if cells else {"b": (), "a": ()}
    return Rows(
        len(cells),
        {name: np.array([cell or 0 for cell in column], dtype=np.int64) for name, column in columns.items()},
        {
            name: np.array([cell is not None for cell in column], dtype=np.bool_)
            for name, column in columns.items()
        },
        np.ones(len(cells), dtype=np.bool_),
    )


cell = st.none() | st.integers(-3, 3)
tables = st.lists(st.tuples(cell, cell), max_size=12)


@given(tables)
def test_rows_have_names_of_their_own_in_any_order(rows: list[tuple[int | None, int | None]]) -> None:
    found = row_ids(table(*rows), KEY)
    assert found.shape == (len(rows),)
    assert len(set(found.tolist())) == len(rows)
    turned = row_ids(table(*reversed(rows)), KEY)
    assert sorted(turned.tolist()) == sorted(found.tolist())
    fewer = row_ids(table(*rows[1:]), KEY)
    assert set(fewer.tolist()) < set(found.tolist()) or not rows


def test_a_name_is_of_content_presence_and_key() -> None:
    rows = [(1, 2), (2, 1), (1, 0), (1, None), (None, 1), (-1, 2), (2**51, 2)]
    found = row_ids(table(*rows), KEY)
    assert len(set(found.tolist())) == len(rows)
    assert not set(found.tolist()) & set(row_ids(table(*rows), bytes(32)).tolist())
    swapped = table(*rows)
    turned = Rows(swapped.count, dict(reversed(swapped.words.items())), swapped.present, swapped.selected)
    assert row_ids(turned, KEY).tolist() == found.tolist()  # the order of columns says nothing


def test_names_do_not_depend_on_the_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = table(*[(number % 7, number % 3) for number in range(500)])
    whole = row_ids(rows, KEY)
    monkeypatch.setattr(naming, "PIECE_BYTES", 100)
    assert row_ids(rows, KEY).tolist() == whole.tolist()


# --- the store ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("cohorts", "rows"), [(1, 1), (3, 8), (5, 13), (1, 0), (0, 5)])
def test_what_was_put_comes_back(store: CohortStore, tmp_path: Path, cohorts: int, rows: int) -> None:
    made, names = masks(cohorts, rows), ids(*range(rows))
    assert store.find(signed().hash) is None
    store.put(signed(), "gbsg2", 3, made, names)
    again = CohortStore(tmp_path, IDENTITY)
    kept = again.get(signed().hash)
    assert (kept.signed, kept.version, kept.rows) == (signed(), 3, rows)
    laid = again.over(signed().hash, "gbsg2", names)
    assert (laid.masks == made).all()
    assert laid.masks.shape == made.shape
    assert laid.gone.size == 0
    assert again.get_row_ids("gbsg2", 3).tolist() == names.tolist()
    assert again.find_row_ids("gbsg2", 4) is again.find_row_ids("other", 3) is None


def test_a_plan_of_others_is_kept_without_cohorts(store: CohortStore) -> None:
    store.put_foreign(signed())
    assert store.get(signed().hash).signed == signed()
    assert store.over(signed().hash, "gbsg2", ids(1, 2)).masks.shape == (0, 2)


def test_cohorts_that_do_not_fit_the_rows_are_not_kept(store: CohortStore) -> None:
    with pytest.raises(StorageError, match="do not fit"):
        store.put(signed(), "gbsg2", 1, masks(2, 3), ids(1, 2))
    assert store.find(signed().hash) is None


def test_an_earlier_cohort_lies_over_other_rows(store: CohortStore) -> None:
    store.put(signed(), "gbsg2", 1, np.array([[1, 0, 1, 1], [0, 1, 1, 0]], dtype=np.bool_), ids(1, 2, 3, 4))
    laid = store.over(signed().hash, "gbsg2", ids(4, 9, 2, 7))  # 1 and 3 are gone, 7 and 9 are new
    assert laid.masks.astype(int).tolist() == [[1, 0, 0, 0, 1, 1], [0, 0, 1, 0, 0, 1]]
    assert laid.gone.tolist() == ids(1, 3).tolist()
    nothing = store.over(signed().hash, "gbsg2", ids())
    assert nothing.masks.astype(int).tolist() == [[1, 0, 1, 1], [0, 1, 1, 0]]
    more = store.over(signed().hash, "gbsg2", ids(5, 1, 2, 3, 4))
    assert more.masks.astype(int).tolist() == [[0, 1, 0, 1, 1], [0, 0, 1, 1, 0]]
    assert more.gone.size == 0


@given(then=tables, now=tables)
def test_a_cohort_is_found_by_what_is_in_its_rows(
    tmp_path_factory: pytest.TempPathFactory,
    then: list[tuple[int | None, int | None]],
    now: list[tuple[int | None, int | None]],
) -> None:
    """Added, removed, edited and duplicated rows, against counting by hand."""
    store = CohortStore(tmp_path_factory.mktemp("store"), IDENTITY)
    chosen = np.array([[(row[0] or 0) > 0 for row in then]], dtype=np.bool_).reshape(1, -1)
    store.put(signed(), "gbsg2", 1, chosen, row_ids(table(*then), KEY))
    laid = store.over(signed().hash, "gbsg2", row_ids(table(*now), KEY))
    left, found = list(then), []
    for row in now:
        found.append(row in left and (row[0] or 0) > 0)
        if row in left:
            left.remove(row)
    assert laid.masks[0, : len(now)].tolist() == found
    assert sorted(laid.masks[0, len(now) :].tolist()) == sorted((row[0] or 0) > 0 for row in left)
    assert laid.gone.size == len(left)


def test_several_questions_over_one_set_of_rows(store: CohortStore) -> None:
    """A row that is gone has one column, whichever questions had it."""
    store.put(signed(1), "gbsg2", 1, np.array([[1, 0, 1], [1, 1, 0]], dtype=np.bool_), ids(1, 2, 3))
    store.put_foreign(signed(2))
    store.put(signed(3), "gbsg2", 2, np.array([[1, 0, 1]], dtype=np.bool_), ids(3, 4, 1))
    overlay = Overlay(store, "gbsg2", ids(5, 2))
    found = overlay.stacked([(signed(1).hash, 2), (signed(2).hash, 2), (signed(3).hash, 1)])
    gone = sorted([1, 3, 4], key=lambda number: int(ids(number)[0]))
    wanted = [[0, 0, {1, 3}], [0, 1, {1}], [0, 0, set()], [0, 0, set()], [0, 0, {3, 1}]]
    assert found.astype(int).tolist() == [
        [*row[:2], *(int(number in row[2]) for number in gone)] for row in wanted
    ]
    assert overlay.stacked([]).shape == (0, 2)
    with pytest.raises(StorageError, match="do not fit"):
        overlay.stacked([(signed(1).hash, 3)])


def test_many_cohorts_of_many_rows_are_read_at_once(store: CohortStore) -> None:
    rows, each, questions = 100_000, 100, 10
    names, made = np.arange(rows, dtype=np.uint64), masks(each, rows)
    for number in range(questions):
        store.put(signed(number), "gbsg2", 1, made, names)
    found = [store.get(signed(number).hash).masks for number in range(questions)]
    assert sum(part.nbytes for part in found) == questions * each * rows // 8
    laid = store.over(signed(3).hash, "gbsg2", names[::-1])
    assert (laid.masks == made[:, ::-1]).all()


# --- at rest --------------------------------------------------------------------------------------


def files(folder: Path) -> list[Path]:
    return sorted((folder / "cohorts").iterdir())


def test_nothing_can_be_read_in_a_file_but_the_version(store: CohortStore, tmp_path: Path) -> None:
    made, names = masks(4, 4096), GENERATOR.integers(0, 2**63, 4096).astype(np.uint64)
    store.put(signed(), "gbsg2", 1, made, names)
    assert len(files(tmp_path)) == 2
    secrets = [np.packbits(row).tobytes()[:8] for row in made] + [names.tobytes()[:16], b"48151623", b"gbsg2"]
    secrets += [signed().hash, signed().hash.hex().encode(), signed().signature[:16]]
    for path in files(tmp_path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        content = path.read_bytes() + path.name.encode()
        assert not [secret for secret in secrets if secret in content]
    assert stat.S_IMODE((tmp_path / "cohorts").stat().st_mode) == 0o700
    first = {path: path.read_bytes() for path in files(tmp_path)}
    store.put(signed(), "gbsg2", 1, made, names)  # the same again has another nonce; rows are written once
    assert sum(path.read_bytes() != first[path] for path in files(tmp_path)) == 1


def refused(call: Callable[[], object], folder: Path) -> TriuneError:
    with pytest.raises(StorageError) as refusal:
        call()
    error = refusal.value
    assert (error.culprit, bool(error.remedy)) == ("dora", True)
    assert str(folder) not in str(error)
    return error


def test_every_flipped_byte_is_noticed(store: CohortStore, tmp_path: Path) -> None:
    store.put_foreign(signed())
    (path,) = files(tmp_path)
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        refused(lambda: store.get(signed().hash), tmp_path)
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        refused(lambda: store.get(signed().hash), tmp_path)
    path.write_bytes(whole)
    assert store.get(signed().hash).signed == signed()


def test_files_do_not_change_places(store: CohortStore, tmp_path: Path) -> None:
    store.put(signed(1), "gbsg2", 1, masks(1, 2), ids(1, 2))
    before = files(tmp_path)
    store.put(signed(2), "gbsg2", 1, masks(1, 2), ids(1, 2))
    (added,) = set(files(tmp_path)) - set(before)
    for path in before:
        added.write_bytes(path.read_bytes())
        refused(lambda: store.get(signed(2).hash), tmp_path)


def test_other_keys_open_nothing(store: CohortStore, tmp_path: Path) -> None:
    store.put(signed(), "gbsg2", 1, masks(1, 2), ids(1, 2))
    stranger = CohortStore(tmp_path, Identity.generate("dora"))
    assert stranger.find(signed().hash) is None  # not even the name
    for path in files(tmp_path):
        path.rename(stranger._question(signed().hash))
        refused(lambda: stranger.get(signed().hash), tmp_path)
    assert store.row_key != stranger.row_key
    keys = {IDENTITY.storage_key(purpose) for purpose in ("a", "b", "")}
    assert {len(key) for key in keys} == {32}
    assert len(keys) == 3


def test_what_is_missing_is_said_to_the_operator(store: CohortStore, tmp_path: Path) -> None:
    assert "lacks the cohorts" in str(refused(lambda: store.get(signed().hash), tmp_path))
    store.put(signed(), "gbsg2", 1, masks(1, 2), ids(1, 2))
    store._rows("gbsg2", 1).unlink()
    assert "earlier rows" in str(refused(lambda: store.over(signed().hash, "gbsg2", ids(1)), tmp_path))


def test_a_write_that_fails_leaves_the_old_file(
    store: CohortStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put(signed(), "gbsg2", 1, masks(1, 2), ids(1, 2))
    kept = store.get(signed().hash)

    def full(_: Path, __: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    refused(lambda: store.put(signed(), "gbsg2", 1, masks(3, 2), ids(1, 2)), tmp_path)
    monkeypatch.undo()
    assert store.get(signed().hash).masks.tolist() == kept.masks.tolist()
    assert len(files(tmp_path)) == 2  # no draft is left
