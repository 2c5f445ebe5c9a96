"""The wire's version: parties of another major version refuse each other."""

from __future__ import annotations

from mpc.errors import ConfigError

MAJOR, MINOR = 4, 0
METADATA_KEY = "triune-protocol"
METADATA = ((METADATA_KEY, f"{MAJOR}.{MINOR}"),)


def check(major: int, peer: str) -> None:
    """`ConfigError` if `peer` speaks another major version."""
    if major != MAJOR:
        raise ConfigError(
            f"{peer} speaks version {major} of the protocol, this party version {MAJOR}.",
            remedy="Install the same major version of Triune at both.",
            culprit=peer,
        )


def check_text(text: str, peer: str) -> None:
    """As `check`, for "major.minor" from metadata."""
    major = text.partition(".")[0]
    check(int(major) if major.isdigit() else 0, peer)
