from __future__ import annotations

import pandas as pd
import pytest

from parties.demo.cohort import COHORT_FILE, SHARES_PERCENT, split


@pytest.fixture
def parts(tmp_path):
    folders = {name: tmp_path / name for name in SHARES_PERCENT}
    for folder in folders.values():
        folder.mkdir()
    return split(COHORT_FILE, folders)


def test_every_patient_is_at_exactly_one_hospital(parts):
    whole = COHORT_FILE.read_text(encoding="utf-8").splitlines()[1:]
    split_up = [line for path in parts.values() for line in path.read_text(encoding="utf-8").splitlines()[1:]]
    assert sorted(split_up) == sorted(whole)
    assert len(whole) == 686


def test_sizes_follow_the_shares(parts):
    sizes = {name: len(pd.read_csv(path)) for name, path in parts.items()}
    for name, percent in SHARES_PERCENT.items():
        assert abs(sizes[name] - 6.86 * percent) <= 1


def test_parts_differ_and_the_split_is_repeatable(parts, tmp_path):
    ages = [pd.read_csv(path).age.mean() for path in parts.values()]
    assert max(ages) - min(ages) > 3
    again = {name: tmp_path / "again" / name for name in SHARES_PERCENT}
    for folder in again.values():
        folder.mkdir(parents=True)
    for name, path in split(COHORT_FILE, again).items():
        assert path.read_bytes() == parts[name].read_bytes()
