"""Frames between a party and its CrypTen process: a short head in JSON, then words.

Both ends are this party's own; words of other parties are only ever words here. Knows torch and nothing of
`mpc`, so that the worker loads fast.
"""

from __future__ import annotations

import json
import math
import socket
import struct
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

_SIZE: Final = struct.Struct("<I")
#: A head is operation names, shapes and a rank (bytes).
MAX_HEAD_BYTES: Final = 1 << 16


class LinkClosed(Exception):
    """The other end is gone."""


def send(link: socket.socket, op: str, *tensors: Tensor, **facts: Any) -> None:
    """One frame: `op`, public facts, and tensors of int64 words."""
    shapes = [list(tensor.shape) for tensor in tensors]
    head = json.dumps({"op": op, "shapes": shapes, **facts}).encode()
    try:
        link.sendall(_SIZE.pack(len(head)) + head)
        for tensor in tensors:
            link.sendall(np.ascontiguousarray(tensor.numpy()).data.cast("B") if tensor.numel() else b"")
    except OSError as error:
        raise LinkClosed from error


def recv(link: socket.socket) -> tuple[dict[str, Any], list[Tensor]]:
    """The next frame."""
    (size,) = _SIZE.unpack(_exactly(link, _SIZE.size))
    if size > MAX_HEAD_BYTES:
        raise LinkClosed
    head: dict[str, Any] = json.loads(_exactly(link, size))
    return head, [_tensor(link, shape) for shape in head["shapes"]]


def _tensor(link: socket.socket, shape: list[int]) -> Tensor:
    words = np.frombuffer(_exactly(link, 8 * math.prod(shape)), dtype=np.int64)
    return torch.from_numpy(words).reshape(shape)


def _exactly(link: socket.socket, size: int) -> bytearray:
    data = bytearray(size)
    view, got = memoryview(data), 0
    while got < size:
        try:
            count = link.recv_into(view[got:])
        except OSError as error:
            raise LinkClosed from error
        if count == 0:
            raise LinkClosed
        got += count
    return data
