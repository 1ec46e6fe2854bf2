"""Rate limits by PocketBase's labels act on the three calls as on the server's own sign-ins."""

import re
import socket
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from bosbase_wrapper.server import LiveServer

from .extension import memory

pytestmark = pytest.mark.untraced

LONG = 60  # seconds: longer than any test
Rule = tuple[str, int, int, str]


class Limited:
    """A server whose rate limits a test sets."""

    def __init__(self, server: LiveServer, http: httpx.Client) -> None:
        self.server = server
        self._http = http

    def set(self, *rules: Rule, **settings: object) -> None:
        names = ("label", "maxRequests", "duration", "audience")
        ours = [dict(zip(names, rule, strict=True)) for rule in rules]
        limits = {"enabled": True, "rules": ours, "excludedIPs": [], **settings}
        self.server.api("PATCH", "/api/settings", {"rateLimits": limits})

    def send(self, action: str, collection: str = "users", jwt: str = "", address: str = "") -> httpx.Response:
        headers = {"Authorization": jwt, "X-Forwarded-For": address}
        url = f"{self.server.url}/api/collections/{collection}/{action}"
        body = {"token": "nobody's", "identity": "nobody", "password": "wrong"}
        return self._http.post(url, json=body, headers={name: value for name, value in headers.items() if value})

    def statuses(self, action: str, count: int, collection: str = "users", jwt: str = "") -> list[int]:
        return [self.send(action, collection, jwt).status_code for _ in range(count)]


@pytest.fixture(scope="module")
def limited() -> Iterator[Limited]:
    """A server for this module only, because limits would affect other tests."""
    with LiveServer() as server, httpx.Client(trust_env=False, timeout=30) as http:
        server.create_collection({"name": "members", "type": "auth"})
        yield Limited(server, http)


@pytest.mark.parametrize(
    ("action", "tag"),
    [("auth-with-token", "authWithToken"), ("bind-token", "bindToken"), ("unbind-token", "unbindToken")],
)
@pytest.mark.parametrize("label", ["users:{}", "*:{}", "users:auth", "*:auth", "/api/", "POST /api/collections/"])
def test_each_label_limits(limited: Limited, label: str, action: str, tag: str) -> None:
    """After the allowed requests the response is 429, in the server's envelope, without Retry-After."""
    limited.set((label.format(tag), 2, LONG, ""))
    assert limited.statuses(action, 4) == [400, 400, 429, 429]
    response = limited.send(action)
    assert response.json() == {"data": {}, "message": "Too Many Requests.", "status": 429}
    assert "retry-after" not in response.headers


def test_each_collection_and_each_call_is_counted_by_itself(limited: Limited) -> None:
    """One label can cover all, but each has its own window. A collection's id and its name in any case are the same."""
    limited.set(("*:auth", 1, LONG, ""))
    identity = limited.server.api("GET", "/api/collections/users")["id"]
    for action in ("auth-with-token", "bind-token", "unbind-token"):
        assert limited.statuses(action, 2) == [400, 429]
        assert limited.statuses(action, 2, "members") == [400, 429]
        assert limited.statuses(action, 1, "USERS") == [429]
        assert limited.statuses(action, 1, identity) == [429]


def test_the_most_specific_label_counts(limited: Limited) -> None:
    """A collection's label counts before `*`, a call's before `auth`, and both before a path."""
    limited.set(
        ("/api/", 1, LONG, ""), ("*:auth", 2, LONG, ""), ("*:authWithToken", 3, LONG, ""), ("users:auth", 4, LONG, "")
    )
    assert limited.statuses("auth-with-token", 5) == [400] * 4 + [429]
    assert limited.statuses("auth-with-token", 4, "members") == [400] * 3 + [429]
    assert limited.statuses("bind-token", 3, "members") == [400] * 2 + [429]


def test_another_label_limits_nothing(limited: Limited) -> None:
    """Labels of other collections and calls do not apply."""
    limited.set(("members:auth", 1, LONG, ""), ("*:authWithPassword", 1, LONG, ""), ("users:bindToken", 1, LONG, ""))
    assert limited.statuses("auth-with-token", 3) == [400] * 3


def test_a_window_ends(limited: Limited) -> None:
    """Then the client may send again."""
    limited.set(("*:auth", 1, 1, ""))
    assert limited.statuses("auth-with-token", 2) == [400, 429]
    time.sleep(1.1)
    assert limited.send("auth-with-token").status_code == 400


def test_who_is_counted(limited: Limited) -> None:
    """Guests, signed-in accounts, or both are counted, as the rule says. Superusers never are."""
    made = limited.server.create_record("members", email="a@example.com", password="password1234")
    jwt = limited.server.api("POST", f"/api/collections/members/impersonate/{made['id']}", {})["token"]
    root = {"identity": limited.server.admin_email, "password": limited.server.admin_password}
    superuser = limited.server.api("POST", "/api/collections/_superusers/auth-with-password", root)["token"]
    limited.set(("*:auth", 1, LONG, "@guest"))
    assert limited.statuses("auth-with-token", 2) == [400, 429]
    assert limited.statuses("auth-with-token", 2, jwt=jwt) == [400, 400]
    limited.set(("*:auth", 1, LONG, "@auth"))
    assert limited.statuses("auth-with-token", 2) == [400, 400]
    assert limited.statuses("auth-with-token", 2, jwt=jwt) == [400, 429]
    limited.set(("*:auth", 1, LONG, ""))
    assert limited.statuses("auth-with-token", 3, jwt=superuser) == [400] * 3
    limited.set(("*:auth", 1, LONG, ""), enabled=False)
    assert limited.statuses("auth-with-token", 3) == [400] * 3


@pytest.fixture
def proxied(limited: Limited) -> Iterator[Limited]:
    """The server trusts X-Forwarded-For, so that a test can send from any address."""
    if "excludedIPs" not in limited.server.api("GET", "/api/settings")["rateLimits"]:
        pytest.skip("this PocketBase excludes no addresses")
    limited.server.api("PATCH", "/api/settings", {"trustedProxy": {"headers": ["X-Forwarded-For"]}})
    yield limited
    limited.server.api("PATCH", "/api/settings", {"trustedProxy": {"headers": []}})


ADDRESSES = [
    *[("127.0.0.0/8", address) for address in ("127.0.0.1", "127.255.255.255", "128.0.0.1", "::ffff:127.0.0.1")],
    *[("10.0.0.1", address) for address in ("10.0.0.1", "10.0.0.10", "::ffff:10.0.0.1", "::a00:1")],
    *[("10.1.2.0/23", address) for address in ("10.1.3.255", "10.1.4.0", "10.1.1.255")],
    *[("10.1.2.3/9", address) for address in ("10.127.0.1", "10.128.0.1")],
    *[("0.0.0.0/0", address) for address in ("255.1.1.1", "::1")],
    *[("::/0", address) for address in ("2001:db8::1", "1.1.1.1", "::ffff:1.1.1.1")],
    *[("1.2.3.4/32", address) for address in ("1.2.3.4", "1.2.3.5")],
    *[("2001:db8::/32", address) for address in ("2001:db8::1", "2001:DB8:ffff::", "2001:db9::1")],
    *[("2001:db8::/33", address) for address in ("2001:db8:7fff::1", "2001:db8:8000::1")],
    *[("2001:db8::1", address) for address in ("2001:db8::1", "2001:0db8:0:0:0:0:0:1", "2001:db8::2")],
    *[("2001:0DB8:0000::0001", address) for address in ("2001:db8::1", "2001:db8::1:0")],
    *[("::ffff:10.0.0.0/104", address) for address in ("::ffff:10.9.9.9", "10.9.9.9", "::ffff:11.0.0.0")],
    *[("::ffff:10.0.0.1", address) for address in ("::ffff:a00:1", "10.0.0.1")],
    *[("fe80::/10", address) for address in ("fe80::1", "fe80::1%eth0", "fec0::1")],
    *[("fe80::1", address) for address in ("fe80::1", "fe80::1%eth0")],
]


@pytest.mark.parametrize(("excluded", "address"), ADDRESSES)
def test_excluded_addresses_are_read_as_the_server_reads_them(proxied: Limited, excluded: str, address: str) -> None:
    """A token sign-in is limited if, and only if, the server's own sign-in by password is."""
    proxied.set(("*:auth", 1, LONG, ""), excludedIPs=[excluded])
    own = [proxied.send("auth-with-password", address=address).status_code for _ in range(2)]
    assert own in ([400, 400], [400, 429])
    assert [proxied.send("auth-with-token", address=address).status_code for _ in range(2)] == own


def test_several_excluded_addresses(proxied: Limited) -> None:
    """Each of them is excluded."""
    proxied.set(("*:auth", 1, LONG, ""), excludedIPs=["10.0.0.0/8", "192.168.0.1", "2001:db8::/32"])
    for address, expected in (("10.1.1.1", 400), ("192.168.0.1", 400), ("2001:db8::7", 400), ("192.168.0.2", 429)):
        assert [proxied.send("auth-with-token", address=address).status_code for _ in range(2)] == [400, expected]


def test_superusers_bind_from_their_addresses_only(limited: Limited, http: httpx.Client) -> None:
    """Otherwise passwords of superusers could be tried, and tokens bound, from where they cannot sign in."""
    limited.set(("*:auth", 1000, LONG, ""))
    password = "password1234"
    limited.server.create_record("_superusers", email="root@example.com", password=password)
    settings = {"trustedProxy": {"headers": ["X-Forwarded-For"]}, "superuserIPs": ["127.0.0.1", "10.0.0.0/8"]}
    if "superuserIPs" not in limited.server.api("PATCH", "/api/settings", settings):
        pytest.skip("this PocketBase does not limit the addresses of superusers")
    body = {"email": "root@example.com", "password": password, "token": "root's", "identity": "root@example.com"}

    def statuses(address: str, **changed: str) -> list[int]:
        actions = ("auth-with-password", "bind-token", "unbind-token")
        paths = [f"{limited.server.url}/api/collections/_superusers/{action}" for action in actions]
        return [
            http.post(path, json=body | changed, headers={"X-Forwarded-For": address}).status_code for path in paths
        ]

    try:
        assert statuses("10.1.2.3") == [200, 204, 204]
        assert statuses("11.1.2.3") == [403, 403, 403]
        assert statuses("11.1.2.3", password="wrong") == [400, 400, 400]
    finally:
        limited.server.api("PATCH", "/api/settings", {"trustedProxy": {"headers": []}, "superuserIPs": []})


def test_a_crowd_gets_as_many_as_the_rule_allows(limited: Limited) -> None:
    """The count is exact for requests at the same moment."""
    limited.set(("*:auth", 20, LONG, ""))
    with ThreadPoolExecutor(16) as pool:
        responses = list(pool.map(lambda _: limited.send("auth-with-token").status_code, range(60)))
    assert (responses.count(400), responses.count(429)) == (20, 40)


def test_changed_rules_begin_anew(limited: Limited) -> None:
    """A client that was limited starts again under the new rule."""
    limited.set(("*:auth", 1, LONG, ""))
    assert limited.statuses("auth-with-token", 2) == [400, 429]
    limited.set(("*:auth", 2, LONG, ""))
    assert limited.statuses("auth-with-token", 3) == [400, 400, 429]


def test_a_window_is_fixed(limited: Limited) -> None:
    """It ends a fixed time after its first request, however many followed."""
    limited.set(("*:auth", 3, 2, ""))
    for _ in range(3):
        assert limited.send("auth-with-token").status_code == 400
        time.sleep(0.7)
    assert limited.send("auth-with-token").status_code == 400


@pytest.mark.parametrize(
    "addresses", [pytest.param(4_000, id="short"), pytest.param(160_000, id="long", marks=pytest.mark.long)]
)
@pytest.mark.timeout(900)
def test_the_memory_of_windows_is_bounded(addresses: int) -> None:
    """A flood of addresses costs some hundred bytes each, and nothing more after 100,000."""
    with LiveServer() as server, httpx.Client(trust_env=False, timeout=60) as http:
        limited = Limited(server, http)
        server.api("PATCH", "/api/settings", {"trustedProxy": {"headers": ["X-Forwarded-For"]}, "logs": {"maxDays": 0}})
        limited.set(("*:auth", 1, 3600, ""))
        assert flood(server, [0, 0]) == [400, 429]
        flood(server, range(1_000_000, 1_002_000))  # warm
        before = memory(server, "VmRSS")
        assert set(flood(server, range(1, addresses))) == {400}
        grown = memory(server, "VmRSS") - before
        print(f"{addresses} addresses cost {grown >> 20} MiB")
        assert grown < 40 << 20
        assert flood(server, [0]) == [429 if addresses < 50_000 else 400]


def flood(server: LiveServer, numbers: Sequence[int]) -> list[int]:
    """Send one sign-in from each address, many at once on one connection, and return the statuses."""
    statuses: list[int] = []
    port = int(server.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), 60) as connection:
        for start in range(0, len(numbers), 200):
            sent = numbers[start : start + 200]
            connection.sendall("".join(map(sign_in_from, sent)).encode())
            received = b""
            while len(found := re.findall(rb"HTTP/1.1 (\d+) .+?\"status\":\d+}", received, re.DOTALL)) < len(sent):
                received += connection.recv(1 << 20)
            statuses += map(int, found)
    return statuses


def sign_in_from(number: int) -> str:
    """A request to sign in, as a proxy passes it on from an address."""
    address = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
    lines = ["POST /api/collections/users/auth-with-token HTTP/1.1", "Host: localhost", f"X-Forwarded-For: {address}"]
    return "\r\n".join([*lines, "Content-Type: application/json", "Content-Length: 14", "", '{"token":"no"}'])
