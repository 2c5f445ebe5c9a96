"""Key files: made once, private, whole; and what their owner signs."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from mpc.errors import ConfigError, IdentityError
from parties.identity.keys import Identity

KEY = Identity.generate("delta")


def test_saved_keys_come_back_and_are_private(tmp_path: Path) -> None:
    KEY.save(tmp_path / "keys")
    assert Identity.load(tmp_path / "keys").public() == KEY.public()
    for name in ("tls.pem", "signing.pem"):
        assert stat.S_IMODE((tmp_path / "keys" / name).stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700


def test_keys_are_not_overwritten(tmp_path: Path) -> None:
    KEY.save(tmp_path)
    with pytest.raises(ConfigError, match="key already"):
        Identity.generate("delta").save(tmp_path)
    assert Identity.load(tmp_path).public() == KEY.public()
    other = Identity.generate("delta")
    other.save(tmp_path, exist_ok=True)
    assert Identity.load(tmp_path).public() == other.public()


def test_a_key_file_open_to_others_is_refused(tmp_path: Path) -> None:
    KEY.save(tmp_path)
    (tmp_path / "tls.pem").chmod(0o644)
    with pytest.raises(ConfigError, match=r"mode 0644.*chmod 600"):
        Identity.load(tmp_path)


def test_damaged_or_missing_files_are_named_and_never_quoted(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"signing\.pem cannot be read"):
        Identity.load(tmp_path)
    KEY.save(tmp_path)
    body = (tmp_path / "tls.pem").read_text()
    (tmp_path / "tls.pem").write_text(body.replace("-----END", "!!-----END"))
    with pytest.raises(ConfigError, match=r"tls\.pem") as caught:
        Identity.load(tmp_path)
    assert body.splitlines()[2] not in str(caught.value)
    assert caught.value.__cause__ is None
    (tmp_path / "tls.pem").write_text(body.split("\n", 1)[1])
    with pytest.raises(ConfigError, match="does not begin with the name"):
        Identity.load(tmp_path)


def test_files_of_two_kinds_or_parties_do_not_mix(tmp_path: Path) -> None:
    KEY.save(tmp_path / "a")
    Identity.generate("ana").save(tmp_path / "b")
    shutil.copy(tmp_path / "b" / "tls.pem", tmp_path / "a" / "tls.pem")
    with pytest.raises(ConfigError, match="is of ana, but"):
        Identity.load(tmp_path / "a")
    shutil.copy(tmp_path / "a" / "signing.pem", tmp_path / "a" / "tls.pem")
    with pytest.raises(ConfigError, match="no P-256 key"):
        Identity.load(tmp_path / "a")


@pytest.mark.parametrize("name", ["", "Delta", "a b", "x" * 33, "../x", "a\n"])
def test_names_that_cannot_be(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot name a party"):
        Identity.generate(name)


def test_repr_shows_no_private_key() -> None:
    text = repr(KEY)
    secrets = [KEY.signing.private_bytes_raw()]
    secrets.append(KEY.tls.private_numbers().private_value.to_bytes(32, "big"))
    secrets.append(
        KEY.tls.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    assert text == f"Identity(name='delta', fingerprint='{KEY.public().fingerprint}')"
    assert all(secret.hex() not in text for secret in secrets)


@given(data=st.binary(max_size=200), other=st.binary(max_size=200))
def test_signatures_fit_one_context_and_one_text(data: bytes, other: bytes) -> None:
    public = KEY.public()
    signature = KEY.sign("triune/offer/v1", data)
    public.verify("triune/offer/v1", data, signature)
    with pytest.raises(IdentityError, match="delta"):
        public.verify("triune/accept/v1", data, signature)
    if other != data:
        with pytest.raises(IdentityError):
            public.verify("triune/offer/v1", other, signature)
    with pytest.raises(IdentityError):
        public.verify("triune/offer/v1", data, signature[:-1])


def test_a_context_cannot_run_into_the_data() -> None:
    with pytest.raises(ValueError, match="context"):
        KEY.sign("triune\0", b"x")


def test_recipient_keys_depend_on_nonce_and_party_only() -> None:
    def public(identity: Identity, nonce: bytes) -> bytes:
        return identity.recipient_key(nonce).public_key().public_bytes_raw()

    assert public(KEY, bytes(16)) == public(KEY, bytes(16))
    assert public(KEY, bytes(16)) != public(KEY, bytes(17))
    assert public(KEY, bytes(16)) != public(Identity.generate("delta"), bytes(16))
    with pytest.raises(ValueError, match="16 bytes"):
        KEY.recipient_key(bytes(15))
