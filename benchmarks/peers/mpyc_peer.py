"""MPyC with secure fixed-point arrays: three processes, TCP on loopback without encryption.

Its rows are few and small: it computes in Python integers. MPyC starts its own parties, so a row is a run of
its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

WORK = {
    "scalar-mul": lambda x, y: x * y,
    "scalar-less": lambda x, y: x < y,
    "mul": lambda x, y: x * y,
    "less": lambda x, y: x < y,
    "matmul": lambda x, y: x @ y,
}
#: What would take minutes is left out.
LARGEST = 10_000


def main(folder: str) -> None:
    for line in sys.stdin:
        row, repetitions = line.split()
        work = row if row in WORK else row.split("-")[0]
        with np.load(Path(folder) / f"{row}.npz") as given:
            size = max(given[name].size for name in given)
        if work not in WORK or size > LARGEST:
            print(json.dumps({"lacks": "too long in MPyC"}), flush=True)
            continue
        command = [sys.executable, __file__, "-M3", "--no-log", folder, row, repetitions]
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=500)
        shown = [text for text in ran.stdout.splitlines() if text.startswith("{")]
        print(shown[0] if shown else json.dumps({"lacks": ran.stderr[-100:]}), flush=True)


async def party(folder: str, row: str, repetitions: int) -> None:
    from mpyc.runtime import mpc

    await mpc.start()
    number = mpc.SecFxp(32, 16)
    with np.load(Path(folder) / f"{row}.npz") as given:
        arrays = [given[name] for name in given]
    inputs = [mpc.input(number.array(array, integral=False), senders=0) for array in arrays]
    for array in inputs:
        await mpc.gather(array)
    work: Any = WORK.get(row) or WORK[row.split("-", maxsplit=1)[0]]
    seconds: list[float] = []
    for _ in range(repetitions + 1):
        await mpc.transfer(1)
        before, started = _sent(mpc), time.perf_counter()
        out = work(*inputs)
        await mpc.gather(out)
        lap, sent = time.perf_counter() - started, _sent(mpc) - before
        seconds.append(max(await mpc.transfer(lap)))
    opened, want = np.asarray(await mpc.output(out), float), np.load(Path(folder) / f"{row}.answer.npy")
    most = max(await mpc.transfer(sent))
    if mpc.pid == 0:
        error = float(np.abs(opened.reshape(want.shape) - want).max())
        print(json.dumps({"seconds": seconds[1:], "bytes": most, "error": error}), flush=True)
    await mpc.shutdown()


def _sent(mpc: Any) -> int:
    return sum(peer.protocol.nbytes_sent for peer in mpc.parties if peer.pid != mpc.pid)


if __name__ == "__main__":
    if len(sys.argv) == 2:
        main(sys.argv[1])
    else:
        from mpyc.runtime import mpc as runtime

        runtime.run(party(sys.argv[1], sys.argv[2], int(sys.argv[3])))
