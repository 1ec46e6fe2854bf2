"""Trouble in the environment: an error that names the variable, or no effect."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import certifi
import pytest

from bosbase_wrapper import AsyncBosBase, AuthResult, BosBase, ConfigurationError, TransportError

from .raw_server import RawServer

# A host that exists nowhere: these calls reach a proxy, or fail before they reach the network.
FAR = "https://bosbase.invalid"
NAMES = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"]


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without any of the variables."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def sync(url: str) -> AuthResult:
    """Sign in."""
    with BosBase(url, retries=0) as client:
        return client.collection("users").auth_with_token("my-app-token")


def aio(url: str) -> AuthResult:
    """Sign in under asyncio."""

    async def main() -> AuthResult:
        async with AsyncBosBase(url, retries=0) as client:
            return await client.collection("users").auth_with_token("my-app-token")

    return anyio.run(main)


@pytest.fixture(params=[sync, aio])
def sign_in(request: pytest.FixtureRequest) -> Callable[[str], AuthResult]:
    """Each kind of client."""
    chosen: Callable[[str], AuthResult] = request.param
    return chosen


BAD_PROXIES = [
    {"ALL_PROXY": "socks5://127.0.0.1:9"},
    {"all_proxy": "socks5h://user:canary@127.0.0.1:9"},
    {"HTTPS_PROXY": "ftp://127.0.0.1:9"},
    {"HTTPS_PROXY": "http://127.0.0.1:port"},
    {"https_proxy": "http://[::1"},
    {"HTTP_PROXY": "nonsense://x"},
    {"HTTPS_PROXY": "http://127.0.0.1:99999"},
    {"HTTPS_PROXY": "http://a..b"},
    {"HTTPS_PROXY": "http://"},
]


@pytest.mark.parametrize("variables", BAD_PROXIES, ids=str)
def test_a_proxy_that_is_none(
    sign_in: Callable[[str], AuthResult], variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names the variable, and shows no password of a proxy."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as caught:
        sign_in(FAR)
    assert next(iter(variables)) in str(caught.value)
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert caught.value.attempts == 0


def test_the_error_says_what_a_proxy_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """And names all variables that hold none."""
    monkeypatch.setenv("HTTPS_PROXY", "ftp://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://")
    with pytest.raises(ConfigurationError) as caught:
        sync(FAR)
    assert str(caught.value) == (
        "the environment variable HTTPS_PROXY or ALL_PROXY cannot be used: correct or unset it. A proxy is a URL that"
        " httpx supports (http, https, or socks5 with httpx[socks]), and NO_PROXY a list of hosts"
    )


@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
@pytest.mark.parametrize("value", ["fd07::/64", "[::1", "example.com,http://[x"])
def test_exceptions_that_httpx_cannot_read(
    sign_in: Callable[[str], AuthResult], name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv(name, value)
    with pytest.raises((ConfigurationError, TransportError)) as caught:
        sign_in(FAR)
    if isinstance(caught.value, ConfigurationError):
        assert name in str(caught.value)


@pytest.mark.parametrize("variables", [*BAD_PROXIES, {"HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": "fd07::/64"}])
def test_a_loopback_address_never_goes_through_a_proxy(
    sign_in: Callable[[str], AuthResult],
    server: RawServer,
    variables: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So trouble with proxies does not concern it."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    port = server.url.rpartition(":")[2]
    for host in ("127.0.0.1", "localhost", "127.1"):
        assert isinstance(sign_in(f"http://{host}:{port}"), AuthResult)


@pytest.fixture
def proxy() -> Iterator[RawServer]:
    """A proxy."""
    with RawServer() as server:
        yield server


def test_the_proxy_reads_nothing_of_a_loopback_address(
    sign_in: Callable[[str], AuthResult], server: RawServer, proxy: RawServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would read the password."""
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv("ALL_PROXY", proxy.url)
    assert isinstance(sign_in(server.url), AuthResult)
    assert (len(server.requests), len(proxy.requests)) == (1, 0)


@pytest.mark.filterwarnings("ignore::bosbase_wrapper.InsecureTransportWarning")
def test_a_proxy_may_have_no_scheme(proxy: RawServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """httpx takes it for http."""
    monkeypatch.setenv("HTTP_PROXY", proxy.url.removeprefix("http://"))
    assert isinstance(sync("http://bosbase.invalid"), AuthResult)
    assert len(proxy.requests) == 1


@pytest.mark.filterwarnings("ignore::bosbase_wrapper.InsecureTransportWarning")
def test_other_variables_have_no_effect(
    sign_in: Callable[[str], AuthResult], proxy: RawServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`TRUST_PROXY` is a switch of other programs. The name of an unused scheme is not a proxy's."""
    monkeypatch.setenv("TRUST_PROXY", "1")
    monkeypatch.setenv("FTP_PROXY", "nonsense")
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    assert isinstance(sign_in("http://bosbase.invalid"), AuthResult)
    assert len(proxy.requests) == 1


def certificates(kind: str, folder: Path) -> str:
    """A path that holds no certificates."""
    if kind == "empty":
        (folder / "empty.pem").write_text("")
        return str(folder / "empty.pem")
    if kind == "text":
        (folder / "text.pem").write_text("no certificate")
        return str(folder / "text.pem")
    return {"missing": "/nope", "a folder": str(folder)}[kind]


def test_without_certificates_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable is set, so the error names none."""
    monkeypatch.setattr(certifi, "where", lambda: "/nonexistent")
    with pytest.raises(ConfigurationError) as caught:
        sync(FAR)
    assert str(caught.value) == "certifi's list of authorities cannot be used: No such file or directory"


@pytest.mark.parametrize("kind", ["missing", "empty", "text", "a folder"])
def test_a_certificate_file_that_is_none(
    sign_in: Callable[[str], AuthResult], kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: RawServer
) -> None:
    """https raises an error that names the variable. Plain http needs no certificates."""
    monkeypatch.setenv("SSL_CERT_FILE", certificates(kind, tmp_path))
    with pytest.raises(ConfigurationError, match="SSL_CERT_FILE") as caught:
        sign_in(FAR)
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert isinstance(sign_in(server.url), AuthResult)


def test_a_key_log_that_cannot_be_written(
    sign_in: Callable[[str], AuthResult], monkeypatch: pytest.MonkeyPatch, server: RawServer
) -> None:
    """The same for the file to which OpenSSL writes its keys."""
    monkeypatch.setenv("SSLKEYLOGFILE", "/nope/keys")
    with pytest.raises(ConfigurationError, match="SSLKEYLOGFILE"):
        sign_in(FAR)
    assert isinstance(sign_in(server.url), AuthResult)


def test_the_error_has_the_words_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the name of each variable that may be to blame: the library does not say which."""
    monkeypatch.setenv("SSL_CERT_FILE", "/nope")
    monkeypatch.setenv("SSLKEYLOGFILE", "/nope/keys")
    with pytest.raises(ConfigurationError) as caught:
        sync(FAR)
    names = "SSL_CERT_FILE or SSLKEYLOGFILE"
    assert str(caught.value) == f"the environment variable {names} cannot be used: No such file or directory"


def test_a_client_is_made_whatever_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a call needs what it says."""
    options: dict[str, Any] = {"ALL_PROXY": "socks5://127.0.0.1:9", "SSL_CERT_FILE": "/nope"}
    for name, value in options.items():
        monkeypatch.setenv(name, value)
    BosBase(FAR).close()
