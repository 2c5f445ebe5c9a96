"""SecretFlow SPU with ABY3: three processes, brpc on loopback without encryption."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

PARTIES = 3
PRECISION_BITS = 16
EPOCHS, RATE = 10, 0.5


def _config(*, profiled: bool) -> Any:
    from spu import libspu

    made = libspu.RuntimeConfig(
        protocol=libspu.ProtocolKind.ABY3, field=libspu.FieldType.FM64, fxp_fraction_bits=PRECISION_BITS
    )
    made.enable_pphlo_profile = profiled
    return made


def _party(rank: int, ports: list[int], log: str, pipe: Any) -> None:
    written = os.open(log, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
    os.dup2(written, 1)
    os.dup2(written, 2)
    from spu import api, libspu

    options = libspu.logging.LogOptions()
    options.log_level = libspu.logging.LogLevel.INFO
    options.system_log_path = log + ".spu"
    libspu.logging.setup_logging(options)
    place = libspu.link.Desc()
    place.recv_timeout_ms = place.http_timeout_ms = 600_000
    for party, port in enumerate(ports):
        place.add_party(f"p{party}", f"127.0.0.1:{port}")
    link = libspu.link.create_brpc(place, rank)
    runtimes = {profiled: api.Runtime(link.spawn(), _config(profiled=profiled)) for profiled in (True, False)}
    pipe.send("up")
    while True:
        program, shares, repetitions = pipe.recv()
        executable = libspu.Executable()
        executable.ParseFromString(program)
        for runtime in runtimes.values():
            for name, share in shares.items():
                runtime.set_var(name, share)
        try:
            pipe.send(_laps(link, runtimes, executable, repetitions, Path(log)))
        except Exception as error:  # noqa: BLE001 - the row says that it failed
            pipe.send(f"{type(error).__name__}: {str(error)[:100]}")


def _laps(link: Any, runtimes: Any, executable: Any, repetitions: int, log: Path) -> tuple[Any, ...]:
    mark, seconds = log.stat().st_size, []
    link.barrier()
    runtimes[True].run(executable)
    counted = re.findall(r"total send bytes (\d+)", log.read_bytes()[mark:].decode(errors="replace"))
    for _ in range(repetitions):
        link.barrier()
        started = time.perf_counter()
        runtimes[False].run(executable)
        seconds.append(time.perf_counter() - started)
    outs = [runtimes[False].get_var(name) for name in executable.output_names]
    return seconds, int(counted[-1]) if counted else 0, outs


def _work() -> dict[str, Any]:
    import jax
    import jax.numpy as jnp

    def dense(x: Any, *layers: Any) -> Any:
        for place in range(0, len(layers), 2):
            x = x @ layers[place] + layers[place + 1]
            x = jnp.maximum(x, 0) if place + 2 < len(layers) else x
        return x

    def network(x: Any, k1: Any, b1: Any, k2: Any, b2: Any, *layers: Any) -> Any:
        for kernel, offset, padding in ((k1, b1, 2), (k2, b2, 0)):
            last, filters = jnp.transpose(x, (0, 2, 3, 1)), jnp.transpose(kernel, (2, 3, 1, 0))
            x = jax.lax.conv_general_dilated(
                last, filters, (1, 1), [(padding, padding)] * 2, dimension_numbers=("NHWC", "HWIO", "NHWC")
            )
            x = x + offset
            x = jax.lax.reduce_window(
                jnp.maximum(x, 0), -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID"
            )
            x = jnp.transpose(x, (0, 3, 1, 2))
        return dense(x.reshape(x.shape[0], -1), *layers)

    def regression(x: Any, y: Any) -> Any:
        weights, offset = jnp.zeros(x.shape[1]), jnp.zeros(())
        for _ in range(EPOCHS):
            rest = jax.nn.sigmoid(x @ weights + offset) - y
            weights = weights - (RATE / y.shape[0]) * (x.T @ rest)
            offset = offset - (RATE / y.shape[0]) * jnp.sum(rest)
        return weights

    return {
        "scalar-mul": lambda x, y: x * y, "scalar-less": lambda x, y: x < y, "mul": lambda x, y: x * y,
        "less": lambda x, y: x < y, "matmul": lambda x, y: x @ y, "sum": jnp.sum, "mean": jnp.mean,
        "var": jnp.var, "div": lambda x, y: x / y, "exp": jnp.exp, "log": jnp.log, "sqrt": jnp.sqrt,
        "rsqrt": jax.lax.rsqrt, "sigmoid": jax.nn.sigmoid, "sort": jnp.sort, "logreg": regression,
        "mlp": dense, "cnn": network,
    }  # fmt: skip


class Cluster:
    """The three, and the driver that compiles and shares for them."""

    def __init__(self) -> None:
        from spu import api

        self.io = api.Io(PARTIES, _config(profiled=False))
        self.work = _work()
        listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(PARTIES)]
        ports = [listener.getsockname()[1] for listener in listeners]
        for listener in listeners:
            listener.close()
        spawn, folder, self.pipes = multiprocessing.get_context("spawn"), tempfile.mkdtemp(), []
        for rank in range(PARTIES):
            here, there = spawn.Pipe()
            arguments = (rank, ports, f"{folder}/{rank}.log", there)
            spawn.Process(target=_party, args=arguments, daemon=True).start()
            self.pipes.append(here)
        for pipe in self.pipes:
            pipe.recv()

    def run(self, row: str, folder: Path, repetitions: int) -> dict[str, Any]:
        from spu import libspu
        from spu.utils import frontend

        work = self.work.get(row) or self.work[row.split("-", maxsplit=1)[0]]
        with np.load(folder / f"{row}.npz") as given:
            inputs = [given[name].astype(np.float32) for name in given]
        names = [f"in{place}" for place in range(len(inputs))]
        secret = libspu.Visibility.VIS_SECRET
        executable, _ = frontend.compile(
            frontend.Kind.JAX, work, inputs, {}, names, [secret] * len(inputs),
            lambda out: [f"out{place}" for place in range(len(out))],
        )  # fmt: skip
        shares = {name: self.io.make_shares(x, secret) for name, x in zip(names, inputs, strict=True)}
        for rank, pipe in enumerate(self.pipes):
            own = {name: share[rank] for name, share in shares.items()}
            pipe.send((executable.SerializeToString(), own, repetitions))
        answers = [pipe.recv() for pipe in self.pipes]
        failed = [answer for answer in answers if isinstance(answer, str)]
        if failed:
            return {"lacks": failed[0]}
        opened = np.asarray(self.io.reconstruct([outs[0] for _, _, outs in answers]), float)
        want = np.load(folder / f"{row}.answer.npy")
        return {
            "seconds": [max(lap) for lap in zip(*(seconds for seconds, _, _ in answers), strict=True)],
            "bytes": max(sent for _, sent, _ in answers),
            "error": float(np.abs(opened.reshape(want.shape) - want).max()),
        }


def main(folder: str) -> None:
    cluster = Cluster()
    for line in sys.stdin:
        row, repetitions = line.split()
        print(json.dumps(cluster.run(row, Path(folder), int(repetitions))), flush=True)


if __name__ == "__main__":
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    main(sys.argv[1])
