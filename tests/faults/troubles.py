"""Jobs of nodes in this process with short deadlines, and ways to get at what the nodes have."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import pytest

from mpc.errors import TriuneError
from parties.client import Space
from parties.client.dataset import Dataset
from parties.client.job import Job
from parties.demo.cohort import SCHEMA_FILE
from parties.identity import tls
from parties.management.schema_file import load_schema
from parties.node.computing import Computing
from parties.node.deadlines import Deadlines
from parties.node.holder import Holder
from parties.node.storage.base import JobStore
from parties.node.work import Work
from parties.wire import status, version
from parties.wire.holder_pb2 import FromHolder
from parties.wire.holder_pb2_grpc import HolderGateStub
from tests.helping import HOLDERS, Hospitals, until

BRISK = Deadlines(hello=0.6, links=2.0, margin=0.6, inputs=20.0)
ROUND_S = 2.0
#: Longer than a round, and than everything up to the holders' consent.
SLOW_S = 5.0
#: A store waits no longer for a lock.
LOCKED_S = 2.0
COMPUTE = HOLDERS[:3]


def submit(space: Space, *statistics: str) -> Job:
    return space.dataset("gbsg2", holders=HOLDERS).submit(*statistics or ("count",))


def another_dataset(box: Hospitals, space: Space) -> Dataset:
    """The same records under another name: its questions wait for none on the first."""
    schema = load_schema(SCHEMA_FILE).model_copy(update={"name": "gbsg2_too"})
    for name in HOLDERS:
        holder_of(box, name)._datasets.add(schema, box.folder / name / "part.csv")
    return space.dataset(schema.name, holders=HOLDERS)


def failure(job: Job) -> TriuneError:
    with pytest.raises(TriuneError) as failed:
        job.result()
    return failed.value


def faults(box: Hospitals, job: Job) -> dict[str, Any]:
    """What each compute party wrote down of how the job failed."""
    until(lambda: all(stored is not None and stored.is_final for stored in records(box, job).values()))
    return {name: stored.fault for name, stored in records(box, job).items()}


def records(box: Hospitals, job: Job) -> dict[str, Any]:
    return {name: storage(box, name).get(bytes.fromhex(job.hash)) for name in COMPUTE}


def storage(box: Hospitals, name: str) -> JobStore:
    return computing(box, name).storage


def computing(box: Hospitals, name: str) -> Computing:
    found = box.nodes[name]._computing
    assert found is not None
    return found


def work(box: Hospitals, name: str, job: Job) -> Work:
    found = computing(box, name).running.get(bytes.fromhex(job.hash))
    assert found is not None
    return found


class Gate:
    """A holder stops before it opens its file, until the test lets it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, box: Hospitals, name: str) -> None:
        self.reached, self.go = threading.Event(), threading.Event()
        datasets = holder_of(box, name)._datasets
        read = datasets.open_rows

        def open_rows(*arguments: Any, **options: Any) -> Any:
            self.reached.set()
            assert self.go.wait(60)
            return read(*arguments, **options)

        monkeypatch.setattr(datasets, "open_rows", open_rows)


def holder_of(box: Hospitals, name: str) -> Holder:
    holder = box.nodes[name]._holder
    assert holder is not None
    return holder


@contextmanager
def attached(box: Hospitals, holder: str, party: str, *frames: FromHolder) -> Iterator[Any]:
    """A holder's stream by hand, with its own keys."""
    node, ended = box.nodes[holder], threading.Event()

    def sent() -> Iterator[FromHolder]:
        yield from frames
        ended.wait(30)

    with tls.channel(node.identity, node.consortium, party) as channel:
        call = HolderGateStub(channel).Attach(sent(), metadata=version.METADATA)
        yield call
        ended.set()
        call.cancel()


def hello(box: Hospitals, holder: str) -> FromHolder:
    return FromHolder(hello=holder_of(box, holder)._hello())


def refusal_of(call: Any) -> TriuneError:
    with pytest.raises(grpc.RpcError) as refused:
        next(call)
    return status.from_rpc_error(refused.value, "ada")
