"""Passwords, one-time codes and waits: what may be chosen, what is right, and how long somebody waits. No store, no web."""

from __future__ import annotations

import hashlib
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyotp
import pytest

from ioc.access import codes, passwords
from ioc.access.passwords import WeakPasswordError
from ioc.access.waits import ACCOUNT, ADDRESS, Waits
from ioc.errors import AccessError

NOW = datetime(2026, 3, 9, 1, 0, tzinfo=UTC)
GOOD = "chín con cá tra dưới cầu"


def why(password, about=(), breached=""):
    try:
        passwords.check(password, about, breached)
    except WeakPasswordError as error:
        return error.reason
    return ""


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("short", "short"), ("elevenchars", "short"), ("x" * 129, "long"), ("password1234", "common"),
        ("qwertyuiop123", "common"), ("aaaaaaaaaaaaaaaa", "common"), ("1234567890123", "common"), (GOOD, ""),
        ("ປາສີ່ໂຕຢູ່ໃຕ້ຂົວເກົ່າ", ""), ("k" * 12, "common"), ("q8#Zr!m2Lw9@", ""),
    ],
)  # fmt: skip
def test_what_may_be_chosen(password, reason):
    assert why(password) == reason


def test_128_letters_of_any_script_are_not_too_many():
    assert why((GOOD + " ") * 5 + "x" * (128 - 5 * (len(GOOD) + 1))) == ""


def test_the_account_s_own_words_are_easy_to_guess():
    assert why("Nguyen Van Lan 7", ["Nguyen Van Lan"]) == "common"
    assert why("Nguyen Van Lan 7") == ""


@pytest.fixture
def stolen(tmp_path):
    """Ten thousand hashes as haveibeenpwned gives them, ours among them at the ends and in the middle."""

    def write(*ours, counts=True):
        digests = [hashlib.sha1(f"other {n}".encode()).hexdigest().upper() for n in range(10_000)]
        digests += [hashlib.sha1(passwords.normal(p).encode()).hexdigest().upper() for p in ours]
        lines = [f"{d}:{7 ** (n % 9)}" if counts else d for n, d in enumerate(sorted(digests))]
        (tmp_path / "stolen").write_bytes("\r\n".join(lines).encode() + b"\r\n" * counts)
        return str(tmp_path / "stolen")

    return write


@pytest.mark.parametrize("counts", [True, False])
def test_a_stolen_password_is_found_wherever_it_stands_in_the_list(stolen, counts):
    ours = [f"{GOOD} {n}" for n in range(200)]
    file = stolen(*ours, counts=counts)
    assert [p for p in ours if why(p, breached=file) != "breached"] == []
    assert [p for p in (f"{GOOD} - {n}" for n in range(200)) if why(p, breached=file)] == []


def test_a_stolen_password_is_found_in_any_form_it_is_typed(stolen):
    assert why("\uff43hín con cá tra dưới cầu", breached=stolen(GOOD)) == "breached"


class Counted(io.BytesIO):
    taken = 0

    def readline(self, size=-1):
        Counted.taken += size
        return super().readline(size)

    def read(self, size=-1):
        Counted.taken += size
        return super().read(size)


def test_the_list_is_halved_not_read(stolen):
    content = Path(stolen()).read_bytes()
    assert not passwords._found(Counted(content), b"7" * 40)
    assert 0 < Counted.taken < len(content) / 50


def test_a_list_that_is_not_there_lets_no_password_through(tmp_path):
    with pytest.raises(AccessError, match=r"IOC_BREACHED.*cannot be read"):
        passwords.check(GOOD, breached=str(tmp_path / "gone"))


def test_an_empty_list_holds_nothing(tmp_path):
    (tmp_path / "empty").touch()
    assert why(GOOD, breached=str(tmp_path / "empty")) == ""


def test_only_the_right_password_is_right_in_any_form():
    kept = passwords.hashed(GOOD)
    assert kept.startswith("$argon2id$")
    assert passwords.right(kept, GOOD)
    assert passwords.right(kept, "\uff43hín con cá tra dưới cầu")
    assert not passwords.right(kept, GOOD + " ")
    assert not passwords.right("", "nobody's")
    assert not passwords.right("not a hash", GOOD)
    assert not passwords.right(kept, "\ud800" * 5_000_000)
    assert not passwords.outdated(kept)
    assert passwords.outdated("$argon2id$v=19$m=8192,t=1,p=1$c29tZXNhbHQ$" + "A" * 43)


# Codes


def test_a_code_is_good_once_and_a_little_before_and_after_its_time():
    seed = codes.seed()
    at = lambda seconds: pyotp.TOTP(seed).at(NOW + timedelta(seconds=seconds))  # noqa: E731
    step = codes.step(seed, at(0), NOW, 0)
    assert step == int(NOW.timestamp()) // 30
    assert codes.step(seed, at(0), NOW, step) is None
    assert codes.step(seed, f" {at(30)[:3]} {at(30)[3:]}", NOW, step) == step + 1
    assert codes.step(seed, at(-30), NOW, 0) == step - 1
    assert codes.step(seed, at(90), NOW, 0) is None
    for wrong in ("", "12345", "1234567", "abcdef", "\u0661\u0662\u0663\u0664\u0665\u0666", at(0) + "0"):
        assert codes.step(seed, wrong, NOW, 0) is None


def test_a_seed_is_sealed_for_one_account_and_one_secret():
    sealed = codes.sealed(b"secret", 7, "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
    assert b"JBSWY" not in sealed
    assert codes.opened(b"secret", 7, sealed) == "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
    assert codes.opened(b"secret", 8, sealed) is None
    assert codes.opened(b"other", 7, sealed) is None
    assert codes.opened(b"secret", 7, b"") is None


def test_recovery_codes_differ_and_may_be_typed_anyhow():
    spare = codes.recovery_codes()
    assert len(set(spare)) == 8
    assert codes.recovery(spare[0].upper().replace("-", " ")) == codes.recovery(spare[0])
    assert codes.recovery(spare[0][:-1]) is None


def test_the_picture_holds_what_an_authenticator_reads():
    address = codes.address("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", 'Lan "<b>" &', "IOC: Sóc Trăng")
    assert address.startswith("otpauth://totp/")
    assert "secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP" in address
    assert codes.picture(address).startswith("<svg")
    assert "<b>" not in codes.picture(address)


# Waits


def test_one_waits_longer_each_time_and_never_for_ever():
    waits = [ACCOUNT.after(n).total_seconds() for n in range(1, 20)]
    assert waits[:8] == [0, 0, 0, 0, 5, 10, 20, 40]
    assert max(waits) == waits[-1] == ACCOUNT.after(10**6).total_seconds() == 900


def test_ten_thousand_attempts_wait_are_forgotten_and_cost_no_memory():
    waits = Waits(ADDRESS, keys=100)
    assert all(waits.failed("a", 0.0) == 0 for _ in range(19))
    assert waits.failed("a", 0.0) == waits.left("a", 0.0) == 2
    assert waits.left("a", 2.0) == 0
    assert waits.failed("a", 5000.0) == 0  # an hour later it begins anew
    for number in range(10_000):
        waits.failed(str(number), 5000.0)
    assert len(waits) == 100
    waits.passed("9999")
    assert waits.left("9999", 5000.0) == 0
