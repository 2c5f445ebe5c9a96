"""The engine's byte formats against committed vectors: a change here breaks running consortia."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mpc.channel import Tag
from mpc.encoding import from_limbs, to_limbs
from mpc.errors import ProtocolAbort
from mpc.protocols.replicated.packages import InputPackage
from mpc.protocols.replicated.shares import ReplicatedShare
from mpc.randomness import Address, PairKeys

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[1] / "vectors" / "engine.json").read_text())


def texts(words: Any) -> list[str]:
    return [str(int(word)) for word in words]


@pytest.mark.parametrize("vector", VECTORS["streams"])
def test_stream_of_an_address(vector: dict[str, Any]) -> None:
    address = Address(vector["purpose"], tuple(vector["branch"]), vector["lane"], vector["index"])
    assert address.to_bytes().decode() == vector["address"]
    keys = PairKeys({1: bytes.fromhex(VECTORS["key"])})
    assert texts(keys.words(1, address, len(vector["words"]))) == vector["words"]


@pytest.mark.parametrize("vector", VECTORS["packages"])
def test_input_package(vector: dict[str, Any]) -> None:
    data = bytes.fromhex(vector["bytes"])
    package = InputPackage.from_bytes(vector["party"], data, vector["elements"])
    share = ReplicatedShare.of(package)
    assert (texts(share.own), texts(share.next)) == (vector["own"], vector["next"])
    assert package.to_bytes() == data


@pytest.mark.parametrize("vector", VECTORS["refused_packages"], ids=lambda vector: vector["why"])
def test_input_package_that_is_refused(vector: dict[str, Any]) -> None:
    with pytest.raises(ProtocolAbort):
        InputPackage.from_bytes(vector["party"], bytes.fromhex(vector["bytes"]), vector["elements"])


@pytest.mark.parametrize("vector", VECTORS["tags"])
def test_tag_in_a_transcript(vector: dict[str, Any]) -> None:
    tag = Tag(tuple(vector["branch"]), vector["index"], vector["primitive"], vector["elements"], depth=3)
    assert tag.to_bytes().decode() == vector["bytes"]


@pytest.mark.parametrize("vector", VECTORS["limbs"])
def test_limbs(vector: dict[str, Any]) -> None:
    limbs = to_limbs([int(vector["value"])], int(vector["bound"]))
    assert texts(limbs[:, 0]) == vector["limbs"]
    assert from_limbs(limbs) == [int(vector["value"])]
