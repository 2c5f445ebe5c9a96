"""Secrets are planted, everything runs at its most talkative, and then every file is searched for them.

A secret counts as found in any spelling: text, hex, base64 at any alignment, escapes, raw words.
"""

from __future__ import annotations

import base64
import os
import random
import struct
import subprocess
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from google.protobuf.text_encoding import CEscape

from mpc.encoding import LIMB_BITS
from mpc.errors import TriuneError
from parties.client import Space, connect
from parties.demo.cohort import COMPUTE, SHARES_PERCENT
from parties.demo.processes import House

HOLDERS = tuple(SHARES_PERCENT)
ROWS = 24
LOWEST, HIGHEST = 10**14, 10**15 - 1
SCHEMA = f"""
name = "canaries"
title = "Nobody may ever read these"
version = 1
[columns.code]
type = "integer"
min = {LOWEST}
max = {HIGHEST}
[columns.pay]
type = "decimal"
digits = 2
min = {LOWEST // 100}
max = {HIGHEST // 100}
[columns.side]
type = "category"
levels = ["left", "right"]
"""
SHORTEST = 6  # bytes: shorter spellings would be found by chance


def spellings(secret: bytes) -> set[bytes]:
    """What some bytes look like wherever a program may write them down."""
    found = {secret, secret[::-1], secret.hex().encode(), secret.hex().upper().encode()}
    found |= {repr(secret)[2:-1].encode(), CEscape(secret, as_utf8=False).encode()}
    found.add(", ".join(map(str, secret)).encode())
    for skipped in range(3):
        part = secret[skipped:]
        whole = part[: len(part) - len(part) % 3]
        found |= {base64.b64encode(whole), base64.urlsafe_b64encode(whole)}
    return {spelling for spelling in found if len(spelling) >= SHORTEST}


def spellings_of_number(value: int) -> set[bytes]:
    """A value or a sum: as text, as a float, as a word, as the limbs that are shared."""
    low = value & ((1 << LIMB_BITS) - 1)
    texts = {f"{value:,}", f"{value:x}", f"{value / 100:.2f}", f"{value:.9e}", repr(float(value))}
    texts |= {str(value), str(low)}
    words = [struct.pack("<q", word) for word in (value, low)]
    return {text.encode() for text in texts}.union(*map(spellings, words))


def places_of(secrets: Mapping[str, Iterable[bytes]], files: Iterable[Path]) -> list[str]:
    """`file: what` for each secret that a file holds in any spelling."""
    found = []
    for path in files:
        content = path.read_bytes()
        found += [
            f"{path.name}: {what}"
            for what, needles in secrets.items()
            if any(needle in content for needle in needles)
        ]
    return found


def patients(seed: int) -> list[tuple[int, int]]:
    """(code, pay in cents) of one holder's patients."""
    draw = random.Random(seed)
    return [(draw.randint(LOWEST, HIGHEST), draw.randint(LOWEST, HIGHEST)) for _ in range(ROWS)]


def table(rows: list[tuple[int, int]]) -> str:
    lines = [
        f"{code},{pay // 100}.{pay % 100:02},{'left' if place % 4 else 'right'}"
        for place, (code, pay) in enumerate(rows)
    ]
    return "\n".join(["code,pay,side", *lines]) + "\n"


def numbers() -> dict[str, set[bytes]]:
    """Every value, and every holder's own sums: the pooled ones alone may open, at the analyst."""
    secrets = {}
    for place, name in enumerate(HOLDERS):
        rows = patients(place)
        for column, values in zip(("code", "pay"), zip(*rows, strict=True), strict=True):
            for row, value in enumerate(values):
                secrets[f"{column} of patient {row} at {name}"] = spellings_of_number(value)
            secrets[f"sum of {column} at {name}"] = spellings_of_number(sum(values))
    return secrets


def keys(folder: Path) -> dict[str, set[bytes]]:
    """The private keys of every party: the raw secret, and the encodings that hold it."""
    secrets: dict[str, set[bytes]] = {}
    for path in folder.rglob("keys/*.pem"):
        key = serialization.load_pem_private_key(path.read_bytes(), None)
        der = key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        raw = (
            key.private_numbers().private_value.to_bytes(32, "big")
            if path.name == "tls.pem"
            else key.private_bytes_raw()
        )
        secrets[f"{path.stem} key of {path.parent.parent.name}"] = spellings(raw) | spellings(der)
    return secrets


def triune(commands: Mapping[Path, list[str]], status: int) -> list[str]:
    """What each command says in its folder; all run at once, with tracebacks."""
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "parties.cli", "--debug", *arguments],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for folder, arguments in commands.items()
    ]
    said = [process.communicate(timeout=60)[0] for process in running]
    assert [process.returncode for process in running] == [status] * len(running), said
    return said


def talkative(parts: Mapping[str, Path]) -> None:
    for part in parts.values():
        settings = part.parent / "node.toml"
        text = settings.read_text()
        assert 'log_level = "info"' in text
        settings.write_text(text.replace('log_level = "info"', 'log_level = "debug"'))


def register(house: House, said: list[str]) -> None:
    """Each holder's canaries; at one of them also files whose values and levels break the schema."""
    for place, name in enumerate(HOLDERS):
        folder = house.parts[name].parent
        (folder / "canaries.toml").write_text(SCHEMA)
        (folder / "canaries.csv").write_text(table(patients(place)))
    add = ["data", "add", "canaries.toml", "canaries.csv", "--config", "node.toml", "--yes"]
    said += triune({house.parts[name].parent: add for name in HOLDERS}, status=0)
    folder = house.parts[HOLDERS[0]].parent
    code, pay = patients(0)[0]
    for broken in (f"{code}0,{pay},left", f"{code},x{pay},left", f"{code},1,{code}"):
        (folder / "broken.csv").write_text(f"code,pay,side\n{broken}\n")
        add[3] = "broken.csv"
        said += triune({folder: add}, status=1)
    said += triune({folder: ["data", "draft", "canaries.csv", "--output", "drafted.toml"]}, status=0)


def ask_everything(space: Space) -> None:
    dataset = space.dataset("canaries", holders=HOLDERS)
    assert dataset.count().value == ROWS * len(HOLDERS)
    dataset.describe("code", "pay")
    dataset.group_by("side").mean("code")
    dataset.correlation("code", "pay")
    dataset.where(f"code < {LOWEST + 2}").mean("pay")  # nobody: suppressed


def fail_in_many_ways(house: House, space: Space, said: list[str]) -> None:
    """A killed party in the middle, a changed file, a question that makes no sense."""
    dataset = space.dataset("canaries", holders=HOLDERS)
    job = dataset.submit("describe:code,pay")
    house.nodes[COMPUTE[2]].kill()
    house.nodes[COMPUTE[2]].wait()
    said.append(complaint(job.result))
    house.start_node(COMPUTE[2])
    space.dataset("canaries", holders=HOLDERS)
    changed = house.parts[HOLDERS[-1]].parent / "canaries.csv"
    changed.write_text(changed.read_text() + "1,2,left\n")
    said.append(complaint(lambda: dataset.submit("mean:code").result()))
    said.append(complaint(lambda: dataset.mean("side")))


def complaint(call) -> str:
    with pytest.raises(TriuneError) as failed:
        call()
    return "".join(traceback.format_exception(failed.value)) + repr(failed.value)


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[House, list[str], Path]]:
    temporary = tmp_path_factory.mktemp("temporary")
    said: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(temporary))
        patch.setattr("tempfile.tempdir", str(temporary))
        with House(talkative) as house:
            with connect(house.analyst_config) as space:
                register(house, said)
                ask_everything(space)
                fail_in_many_ways(house, space, said)
            yield house, said, temporary


def written(folder: Path) -> list[Path]:
    """Every file except the data themselves and the keys themselves."""
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".csv" and path.parent.name != "keys"
    ]


def test_no_file_holds_a_patient_or_a_holders_sum(searched):
    house, _, temporary = searched
    files = written(temporary)
    assert {path.name for path in files} >= {"node.log", "jobs.sqlite", "seeklinik.log", "node.toml"}
    assert places_of(numbers(), files) == []
    assert house.folder.parent == temporary


def test_no_file_holds_a_private_key(searched):
    _, _, temporary = searched
    secrets = keys(temporary)
    assert len(secrets) == 2 * (len(HOLDERS) + 1)
    assert places_of(secrets, written(temporary)) == []


def test_no_message_holds_either(searched, tmp_path):
    _, said, temporary = searched
    (tmp_path / "said").write_text("\n".join(said))
    assert len(said) == len(HOLDERS) + 4 + 3
    assert places_of(numbers() | keys(temporary), [tmp_path / "said"]) == []


def test_the_logs_were_talkative(searched):
    _, _, temporary = searched
    logs = [path for path in written(temporary) if path.name == "node.log"]
    assert len(logs) == len(HOLDERS)
    assert all(path.stat().st_size > 0 for path in logs)
    assert any('"level": "debug"' in path.read_text() for path in logs)


@pytest.mark.parametrize("how", ["text", "hex", "base64", "words", "escapes"])
def test_the_search_finds_what_is_there(searched, tmp_path, how):
    _, _, temporary = searched
    code = patients(0)[3][0]
    word = struct.pack("<q", code)
    hidden = {
        "text": f"code={code};".encode(),
        "hex": b"0x" + word.hex().encode(),
        "base64": base64.b64encode(os.urandom(4) + word + os.urandom(5)),
        "words": os.urandom(8) + word + os.urandom(8),
        "escapes": repr(os.urandom(3) + word).encode(),
    }
    (tmp_path / "leak").write_bytes(hidden[how])
    assert places_of(numbers(), [tmp_path / "leak"]) == [f"leak: code of patient 3 at {HOLDERS[0]}"]
    (key_file,) = temporary.rglob(f"{COMPUTE[0]}/keys/signing.pem")
    assert places_of(keys(temporary), [key_file]) == [f"{key_file.name}: signing key of {COMPUTE[0]}"]
