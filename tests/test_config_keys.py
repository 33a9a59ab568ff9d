"""The secret behind a reference."""

from pathlib import Path

import pytest

from harvester.config import resolve_key, resolve_login
from harvester.errors import ConfigError


def test_a_key_comes_from_the_environment_without_blanks_around_it() -> None:
    assert resolve_key("env:TOKEN", {"TOKEN": " abc\r\n"}) == "abc"


@pytest.mark.parametrize("content", [b"abc", b" abc\n", b"\xef\xbb\xbfabc\r\n"])
def test_a_key_comes_from_a_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    assert resolve_key(f"file:{tmp_path / 'key'}", {}) == "abc"


@pytest.mark.parametrize("secret", ["a\nSECRET", "SECRET\x00", "SECRET\x7f", "SECRET\x85x", "SECRETключ"])
def test_a_key_that_no_header_can_hold_is_refused_and_not_repeated(secret: str) -> None:
    with pytest.raises(ConfigError, match="env:TOKEN: holds") as caught:
        resolve_key("env:TOKEN", {"TOKEN": f"x{secret}x"})
    assert "SECRET" not in str(caught.value)


def test_a_missing_variable_says_how_to_set_it() -> None:
    with pytest.raises(ConfigError, match=r"env:TOKEN: no such .* set it with: export TOKEN="):
        resolve_key("env:TOKEN", {})
    with pytest.raises(ConfigError, match=r"env:TOKEN: .* is empty; set it with: export TOKEN="):
        resolve_key("env:TOKEN", {"TOKEN": " "})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no such file"),
        (b"", "the file is empty"),
        (b"\xff\xfe", "not text"),
        (b"x" * 65_537, "larger than 65,536 bytes"),
        (b"a\nb", "control character"),
    ],
)
def test_a_key_file_that_holds_no_key_is_named(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=said) as caught:
        resolve_key(f"file:{path}", {})
    assert str(caught.value).startswith(f"file:{path}: ")


@pytest.mark.parametrize(("path", "said"), [(".", "not a file"), ("x\0y", "cannot be read")])
def test_a_path_that_is_no_file_is_refused(path: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        resolve_key(f"file:{path}", {})


def test_a_secret_in_place_of_a_reference_is_refused_and_not_repeated() -> None:
    with pytest.raises(ConfigError, match="the secret itself is not accepted") as caught:
        resolve_key("SECRET", {})
    assert "SECRET" not in str(caught.value)


def test_a_login_may_be_written_plainly() -> None:
    assert resolve_login("me@example.com", {}) == "me@example.com"
    assert resolve_login("env:LOGIN", {"LOGIN": "me"}) == "me"
