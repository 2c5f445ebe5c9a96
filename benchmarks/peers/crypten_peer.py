"""CrypTen with its trusted first party: three processes of one thread, gloo without encryption."""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

PARTIES = 3
PRECISION_BITS = 16
EPOCHS, RATE = 10, 0.5


def _load() -> Any:
    """CrypTen 0.4.1 wants two names that torch has moved or dropped."""
    import importlib

    import torch.onnx

    new = importlib.import_module("torch.onnx._internal.torchscript_exporter.registration")
    sys.modules.setdefault("torch.onnx._internal.registration", new)
    if not hasattr(torch.onnx, "OperatorExportTypes"):
        torch.onnx.OperatorExportTypes = type("OperatorExportTypes", (), {})
    import crypten

    return crypten


def _dense(x: Any, *layers: Any) -> Any:
    for place in range(0, len(layers), 2):
        x = x.matmul(layers[place]) + layers[place + 1]
        x = x.relu() if place + 2 < len(layers) else x
    return x


def _network(x: Any, k1: Any, b1: Any, k2: Any, b2: Any, *layers: Any) -> Any:
    for kernel, offset, padding in ((k1, b1, 2), (k2, b2, 0)):
        x = x.conv2d(kernel, padding=padding) + offset.view(1, -1, 1, 1)
        x = x.relu().max_pool2d(2, stride=2)
    return _dense(x.view(x.size(0), -1), *layers)


def _regression(x: Any, y: Any) -> Any:
    rows, columns = x.size()
    rate = (RATE / rows) ** 0.5  # twice: 16 bits cannot hold 0.5 / 10000
    zero = (x[:1] - x[:1]).view(columns, 1)
    weights, offset, turned = zero, zero[0], x.t()
    for _ in range(EPOCHS):
        rest = (x.matmul(weights) + offset).sigmoid() - y.view(rows, 1)
        weights = weights - turned.matmul(rest) * rate * rate
        offset = offset - rest.sum() * rate * rate
    return weights


WORK = {
    "scalar-mul": lambda x, y: x * y,
    "scalar-less": lambda x, y: x < y,
    "mul": lambda x, y: x * y,
    "less": lambda x, y: x < y,
    "matmul": lambda x, y: x.matmul(y),
    "sum": lambda x: x.sum(),
    "mean": lambda x: x.mean(),
    "var": lambda x: x.var(unbiased=False),
    "div": lambda x, y: x / y,
    "exp": lambda x: x.exp(),
    "log": lambda x: x.log(),
    "sqrt": lambda x: x.sqrt(),
    "rsqrt": lambda x: x.inv_sqrt(),
    "sigmoid": lambda x: x.sigmoid(),
    "logreg": _regression,
    "mlp": _dense,
    "cnn": _network,
}


def work_of(row: str) -> Any:
    """`mul-1M` is `mul`, `scalar-mul` itself."""
    return WORK.get(row) or WORK.get(row.split("-", maxsplit=1)[0])


def _party(rank: int, folder: str, environment: dict[str, str], pipe: Any) -> None:
    os.environ.update(environment, RANK=str(rank))
    crypten = _load()
    import torch
    import torch.distributed as dist

    torch.set_num_threads(1)
    crypten.cfg.encoder.precision_bits = PRECISION_BITS
    crypten.init()
    group = crypten.communicator.get().main_group
    while True:
        row, repetitions = pipe.recv()
        with np.load(Path(folder) / f"{row}.npz") as given:
            inputs = [crypten.cryptensor(torch.from_numpy(given[name]), src=0) for name in given]
        seconds = []
        try:
            crypten.cfg.communicator.verbose = True
            crypten.reset_communication_stats()
            out = work_of(row)(*inputs)
            sent = crypten.communicator.get().get_communication_stats()["bytes"] / 2  # it counts both ways
            crypten.cfg.communicator.verbose = False
            for _ in range(repetitions):
                dist.barrier(group=group)
                started = time.perf_counter()
                out = work_of(row)(*inputs)
                seconds.append(time.perf_counter() - started)
            opened = out.reveal().numpy().astype(float) / out._tensor.encoder._scale
            pipe.send((seconds, float(sent), opened))
        except Exception as error:  # noqa: BLE001 - the row says that it failed
            pipe.send(f"{type(error).__name__}: {str(error)[:100]}")


def main(folder: str) -> None:
    spawn = multiprocessing.get_context("spawn")
    environment = {
        "WORLD_SIZE": str(PARTIES), "DISTRIBUTED_BACKEND": "gloo", "GLOO_SOCKET_IFNAME": "lo",
        "OMP_NUM_THREADS": "1",
        "MASTER_ADDR": "127.0.0.1", "RENDEZVOUS": f"file://{tempfile.mkdtemp()}/meet",
    }  # fmt: skip
    pipes = []
    for rank in range(PARTIES):
        here, there = spawn.Pipe()
        spawn.Process(target=_party, args=(rank, folder, environment, there), daemon=True).start()
        pipes.append(here)
    for line in sys.stdin:
        row, repetitions = line.split()
        if work_of(row) is None:
            print(json.dumps({"lacks": "CrypTen has no such operation"}), flush=True)
            continue
        for pipe in pipes:
            pipe.send((row, int(repetitions)))
        print(
            json.dumps(_joined([pipe.recv() for pipe in pipes], Path(folder) / f"{row}.answer.npy")),
            flush=True,
        )


def _joined(answers: list[Any], wanted: Path) -> dict[str, Any]:
    failed = [answer for answer in answers if isinstance(answer, str)]
    if failed:
        return {"lacks": failed[0]}
    opened, want = answers[0][2], np.load(wanted)
    return {
        "seconds": [max(lap) for lap in zip(*(seconds for seconds, _, _ in answers), strict=True)],
        "bytes": max(sent for _, sent, _ in answers),
        "error": float(np.abs(opened.reshape(want.shape) - want).max()),
    }


if __name__ == "__main__":
    main(sys.argv[1])
