"""Real node processes on loopback: one is killed, one falls silent, files change under a running node."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mpc.errors import TriuneError
from parties.client import Space, connect
from parties.client.job import Job
from parties.demo.cohort import COMPUTE, SCHEMA_FILE, SHARES_PERCENT
from parties.demo.processes import House
from parties.identity.keys import Identity
from parties.node.transport.vanished import vanished
from tests.helping import until

HOLDERS_ONLY = [name for name in SHARES_PERCENT if name not in COMPUTE]


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with House() as made:
        yield made


@pytest.fixture
def space(house: House) -> Iterator[Space]:
    with connect(house.analyst_config) as made:
        yield made


def long_job(space: Space) -> Job:
    """Percentiles of every group: some seconds of work."""
    dataset = space.dataset("gbsg2", holders=tuple(SHARES_PERCENT))
    job = dataset.group_by("horTh", "menostat", "tgrade").submit("describe:age,tsize,pnodes,progrec,estrec")
    until(lambda: job.status().parties and set(job.status().parties.values()) == {"running"})
    return job


def failure(job: Job) -> TriuneError:
    with pytest.raises(TriuneError) as failed:
        job.result()
    return failed.value


def count_again(space: Space) -> int:
    return int(space.dataset("gbsg2", holders=tuple(SHARES_PERCENT)).count().value)


@pytest.mark.parametrize("victim", [COMPUTE[1], COMPUTE[2]])
def test_a_killed_compute_party_is_named_and_the_others_serve_on(
    house: House, space: Space, victim: str
) -> None:
    job = long_job(space)
    house.nodes[victim].kill()
    house.nodes[victim].wait()
    error = failure(job)
    assert str(error) == str(vanished(victim))
    assert error.remedy
    survivors = set(COMPUTE) - {victim}
    until(lambda: _states(job).keys() == survivors and set(_states(job).values()) == {"failed"})
    house.start_node(victim)
    until(lambda: _works(space))
    assert count_again(space) == 686


def test_a_killed_holder_does_not_harm_a_job_that_has_its_shares_and_stops_the_next(
    house: House, space: Space
) -> None:
    victim = HOLDERS_ONLY[0]
    expected = long_job(space).result().to_pandas()
    job = long_job(space)
    until(lambda: all(has_inputs(house, party, job) for party in COMPUTE))
    house.nodes[victim].kill()
    house.nodes[victim].wait()
    assert job.result().to_pandas().equals(expected)
    dataset = space.dataset("gbsg2", holders=tuple(SHARES_PERCENT))
    error = failure(dataset.submit("count"))
    assert error.culprit == victim, str(error)
    house.start_node(victim)
    until(lambda: _works(space))


def has_inputs(house: House, party: str, job: Job) -> bool:
    """Whether a compute party has every holder's part of a job; its log says so."""
    log = (house.parts[party].parent / "state" / "node.log").read_text()
    return any("all inputs are here" in line and job.short in line for line in log.splitlines())


def test_a_silent_compute_party_is_named(house: House, space: Space) -> None:
    job = long_job(space)
    victim = house.nodes[COMPUTE[2]]
    victim.send_signal(signal.SIGSTOP)
    try:
        assert failure(job).culprit == COMPUTE[2]
    finally:
        victim.send_signal(signal.SIGCONT)
    until(lambda: _works(space))


def _states(job: Job) -> dict[str, str]:
    """What the compute parties that answer say of a job."""
    return {name: state for name, state in job.status().parties.items() if state != "unreachable"}


def _works(space: Space) -> bool:
    try:
        return count_again(space) == 686
    except TriuneError:
        return False


def test_a_file_that_changed_since_its_registration_is_refused_by_name(house: House, space: Space) -> None:
    name = HOLDERS_ONLY[1]
    part = house.parts[name]
    kept = part.read_text()
    part.write_text(kept + kept.splitlines()[-1] + "\n")
    dataset = space.dataset("gbsg2", holders=tuple(SHARES_PERCENT))
    error = failure(dataset.submit("count"))
    part.write_text(kept)
    assert error.code == "DATA"
    assert "triune data add" in error.remedy
    assert _works(space)


def test_a_data_set_added_to_a_running_node_is_served(house: House, space: Space) -> None:
    for name in SHARES_PERCENT:
        folder = house.parts[name].parent
        schema = folder / "again.schema.toml"
        schema.write_text(SCHEMA_FILE.read_text().replace('name = "gbsg2"', 'name = "again"'))
        shutil.copy(house.parts[name], folder / "again.csv")
        files = [str(schema), str(folder / "again.csv")]
        added = triune(folder, "data", "add", *files, "--config", str(folder / "node.toml"), "--yes")
        assert added.returncode == 0, added.stderr
    assert space.dataset("again", holders=tuple(SHARES_PERCENT)).count().value == 686


def triune(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "parties.cli", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text, "cannot be opened"),
        (lambda text: text.replace('state = "state"\n', ""), "state"),
        (lambda text: text.replace("# minimum_count = 5", "minimum_count = 0"), "minimum_count"),
        (lambda text: text.replace("listen", "lissten"), "lissten"),
        (lambda text: text.replace('keys = "keys"', 'keys = "nowhere"'), "nowhere"),
        (lambda text: text.replace("127.0.0.1", "0.0.0.0"), "loopback"),  # noqa: S104
        (lambda text: "name = " + text, "TOML"),
    ],
    ids=["port in use", "missing", "bad value", "unknown", "no keys", "sandbox off loopback", "no TOML"],
)
def test_a_node_that_cannot_start_says_why_and_what_to_do(
    house: House, change: Callable[[str], str], words: str
) -> None:
    folder = house.parts[COMPUTE[0]].parent
    settings = folder / "broken.toml"
    settings.write_text(change((folder / "node.toml").read_text()))
    ended = triune(folder, "node", "run", "--config", str(settings))
    settings.unlink()
    assert house.nodes[COMPUTE[0]].poll() is None
    assert ended.returncode == 1
    assert words in ended.stderr
    assert "what to do: " in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["gbsg3", "--stat", "count"], "gbsg2"),
        (["gbsg2", "--stat", "mean:tsise"], "tsize"),
        (["gbsg2", "--stat", "mean:tgrade"], "category"),
        (["gbsg2", "--stat", "count", "--where", "age >"], "filter"),
        (["gbsg2", "--stat", "count", "--where", 'tgrade == "IV"'], "levels"),
        (["gbsg2", "--stat", "minimum:age"], "extremes"),
    ],
)
def test_a_question_that_cannot_be_answered_says_why(house: House, arguments: list[str], words: str) -> None:
    ended = triune(house.analyst_config.parent, "query", *arguments)
    assert ended.returncode == 1
    assert words in ended.stderr
    assert "what to do: " in ended.stderr


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace('name = "analyst"', 'name = "mallory"'), "mallory"),
        (lambda text: text.replace('keys = "keys"', 'keys = "foreign"'), "keys"),
        (lambda text: text.replace('keys = "keys"', f'keys = "../{HOLDERS_ONLY[0]}/keys"'), HOLDERS_ONLY[0]),
        (lambda text: text.replace("consortium", "consorcium"), "consortium is missing"),
    ],
    ids=["unknown name", "foreign keys", "a holder's keys", "missing key"],
)
def test_who_is_no_analyst_hears_why(house: House, change: Callable[[str], str], words: str) -> None:
    folder = house.analyst_config.parent
    if not (folder / "foreign").exists():
        Identity.generate("analyst").save(folder / "foreign")
    settings = folder / "other.toml"
    settings.write_text(change(house.analyst_config.read_text()))
    ended = triune(folder, "query", "gbsg2", "--stat", "count", "--config", str(settings))
    assert ended.returncode == 1
    assert words in ended.stderr
    assert "what to do: " in ended.stderr
