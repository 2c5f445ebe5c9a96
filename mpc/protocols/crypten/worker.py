"""CrypTen's side: `python -m mpc.protocols.crypten.worker FD` waits there and forks a process a session.

CrypTen keeps one communicator, one provider and one set of generators a process, and a generator's seed has
32 bits on a CPU: whoever tries them all has every mask. Here its communicator and provider ask the party
(`link`), its zero shares come from there as well, and torch's generators are shut off, so that a mask that
is not ours cannot be drawn unseen.

Needs two repairs to load with a current torch: `torch.onnx._internal.registration` has moved, and its
dependency `sklearn` installs only as `sklearn==0.0`.
"""

from __future__ import annotations

import importlib
import os
import signal
import socket
import sys
import warnings
from collections.abc import Callable
from typing import Any, NoReturn

import torch
from torch import Tensor

from mpc.protocols.crypten import link

#: Where torch draws random numbers: none of it may be called here.
GENERATORS = ("rand", "randn", "randint", "randperm", "normal", "bernoulli", "multinomial", "Generator")
IN_PLACE = ("random_", "uniform_", "normal_", "bernoulli_", "exponential_")


class GeneratorUsed(RuntimeError):
    """CrypTen reached for a random generator of torch."""


def load() -> Any:
    """CrypTen, imported and with its global state replaced; 2 s."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    moved = importlib.import_module("torch.onnx._internal.torchscript_exporter.registration")
    sys.modules["torch.onnx._internal.registration"] = moved
    return importlib.import_module("crypten")


def shut_generators() -> None:
    """From here on whoever draws from torch gets `GeneratorUsed`."""
    for name in GENERATORS:
        setattr(torch, name, _refuse)
    for name in IN_PLACE:
        setattr(torch.Tensor, name, _refuse)


def _refuse(*_: Any, **__: Any) -> NoReturn:
    raise GeneratorUsed


class Party:
    """This worker's party: what CrypTen asks of its communicator, its provider and its zero shares."""

    def __init__(self, ask: socket.socket, rank: int, parties: int) -> None:
        self._ask, self._rank, self._parties = ask, rank, parties

    def _asked(self, op: str, *tensors: Tensor, **facts: Any) -> list[Tensor]:
        link.send(self._ask, op, *tensors, **facts)
        return link.recv(self._ask)[1]

    # as crypten.communicator.Communicator
    def get_rank(self) -> int:
        """This party's place."""
        return self._rank

    def get_world_size(self) -> int:
        """How many parties compute."""
        return self._parties

    def all_reduce(self, given: Any, op: Any = None, batched: bool = False) -> Any:
        """Open words to all parties: their sum, or their XOR."""
        domain = "boolean" if op is not None and op == torch.distributed.ReduceOp.BXOR else "arithmetic"
        if batched:
            return self._asked("exchange", *given, domain=domain)
        return self._asked("exchange", given, domain=domain)[0]

    # as crypten.mpc.provider.TupleProvider
    def generate_additive_triple(self, x: Any, y: Any, op: str, device: Any = None) -> Any:
        """Parts of a, b and their product by `op`, dealt."""
        return self._arithmetic(*self._asked(op, shapes_of=[list(x), list(y)]))

    def generate_binary_triple(self, x: Any, y: Any, device: Any = None) -> Any:
        """Parts of a, b and a & b, dealt."""
        return self._binary(*self._asked("and", shapes_of=[list(x), list(y)]))

    def B2A_rng(self, size: Any, device: Any = None) -> Any:  # noqa: N802 - CrypTen's name
        """Parts of a random bit, as a sum and as an XOR, dealt."""
        arithmetic, binary = self._asked("bit", shapes_of=[list(size)])
        return self._arithmetic(arithmetic)[0], self._binary(binary)[0]

    # zero shares
    def zero(self, domain: str, *size: Any) -> Any:
        """This party's part of a fresh sharing of zero."""
        shape = list(size[0]) if isinstance(size[0], torch.Size | tuple | list) else list(size)
        (words,) = self._asked("zero", domain=domain, shapes_of=[shape])
        return (self._arithmetic if domain == "arithmetic" else self._binary)(words)[0]

    def _arithmetic(self, *words: Tensor) -> list[Any]:
        return [_tensors().ArithmeticSharedTensor.from_shares(word, precision=0) for word in words]

    def _binary(self, *words: Tensor) -> list[Any]:
        return [_tensors().BinarySharedTensor.from_shares(word) for word in words]


def _tensors() -> Any:
    return importlib.import_module("crypten.mpc.primitives")


def replace(crypten: Any, party: Party) -> None:
    """Give CrypTen this party for a communicator, a provider and a source of zero shares."""
    crypten.communicator.get = lambda: party
    crypten.mpc.get_default_provider = lambda: party
    tensors = _tensors()
    tensors.ArithmeticSharedTensor.PRZS = staticmethod(
        lambda *size, device=None: party.zero("arithmetic", *size)
    )
    tensors.BinarySharedTensor.PRZS = staticmethod(lambda *size, device=None: party.zero("boolean", *size))


def operations(party: Party) -> dict[str, Callable[..., Any]]:
    """What a party asks of CrypTen, by name: words in, words out."""
    beaver, circuit, converters = (
        importlib.import_module(f"crypten.mpc.primitives.{name}")
        for name in ("beaver", "circuit", "converters")
    )

    def arithmetic(words: Tensor) -> Any:
        return party._arithmetic(words)[0]

    def binary(words: Tensor) -> Any:
        return party._binary(words)[0]

    def share(words: Tensor, source: int) -> Any:
        # public sizes: every party gives words, the source's are used
        return _tensors().ArithmeticSharedTensor(words, size=words.shape, precision=0, src=source)

    return {
        "input": share,
        "mul": lambda x, y: beaver.mul(arithmetic(x), arithmetic(y)),
        "matmul": lambda x, y: beaver.matmul(arithmetic(x), arithmetic(y)),
        "and": lambda x, y: beaver.AND(binary(x), binary(y)),
        "a2b": lambda x: converters._A2B(arithmetic(x)),
        "b2a": lambda x: beaver.B2A_single_bit(binary(x)),
        "is_zero": lambda x: circuit.eq(converters._A2B(arithmetic(x)), 0),
    }


def serve(asked: socket.socket, crypten: Any, rank: int, parties: int) -> None:
    """Do what the party asks until it closes the link. An error crosses as its type's name only."""
    party = Party(asked, rank, parties)
    replace(crypten, party)
    shut_generators()
    table = operations(party)
    while True:
        try:
            head, tensors = link.recv(asked)
            try:
                made = table[head["op"]](*tensors, **head.get("facts", {}))
                link.send(asked, "done", made.share.contiguous())
            except link.LinkClosed:
                return
            except Exception as error:  # noqa: BLE001 - its text may hold words
                link.send(asked, "failed", kind=type(error).__name__)
        except link.LinkClosed:
            return


def main(control: socket.socket) -> None:
    """Fork a worker for every socket that comes over `control`, until that is closed."""
    crypten = load()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the workers: they end with their links
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 16, 1)
        if not message:
            return
        rank, parties = message[0], message[1]
        if os.fork() == 0:
            control.close()
            with socket.socket(fileno=descriptors[0]) as asked:
                serve(asked, crypten, rank, parties)
            os._exit(0)
        os.close(descriptors[0])


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
