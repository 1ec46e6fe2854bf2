"""Checks of what is unwise, but allowed. Each public function is a check; its docstring says of what."""

import json
from typing import Final

import httpx

from bosbase_wrapper._options import is_loopback

from ._connection import SLOW_SECONDS
from ._document import SIGN_IN, UNBIND
from ._probe import Probe
from ._secrets import new_token

_PAIRS: Final = 5
_AT_ONCE: Final = 8
_TRIES: Final = 20


def account(probe: Probe) -> None:
    """The account may bind tokens and sign in with them."""
    probe.advise(not probe.facts.refusal, f"most of the API cannot be tried: {probe.facts.refusal}")
    hint = "sign-ins end in 403; on PostgreSQL a rule with a boolean (verified = true) allows nobody"
    probe.advise(probe.facts.mode != 403, hint)


def plain_http(probe: Probe) -> None:
    """The connection is encrypted."""
    url = httpx.URL(probe.account.url)
    probe.require(not is_loopback(url.host), "the server is on this machine")
    probe.advise(url.scheme == "https", "passwords and tokens travel unencrypted; use https")


def mfa_by_password_alone(probe: Probe) -> None:
    """Multi-factor authentication needs more than the password."""
    probe.require_mfa()
    token = new_token()
    probe.bind(token)
    response = probe.sign_in(token, mfa_id=probe.password_mfa_id())
    hint = "whoever knows the password binds a token, and has both factors; the extension can refuse that (MFA_BIND)"
    probe.advise(response.status != 200, hint)


def told_apart_by_time(probe: Probe) -> None:
    """An unknown email takes as long as a wrong password."""
    probe.require_binding()
    nobody = f"{new_token()[-20:].lower()}@example.com"
    one = min(probe.bind(new_token(), email=nobody).seconds for _ in range(_PAIRS))  # the least disturbed
    other = min(probe.bind(new_token(), password=new_token()).seconds for _ in range(_PAIRS))
    hint = f"an unknown email takes {one * 1000:.0f} ms, a wrong password {other * 1000:.0f} ms"
    probe.advise(max(one, other) < 2 * min(one, other) or abs(one - other) < 0.01, hint)


def mfa_id_at_once(probe: Probe) -> None:
    """An mfaId works once, also for requests at the same moment."""
    probe.require_mfa()
    path, connection = probe.path(SIGN_IN), probe.connection
    content = json.dumps({"token": probe.token, "mfaId": probe.password_mfa_id()}).encode()
    statuses: list[int] = []
    # The first of the two opens the connections, which takes time.
    for method, target, body in (("GET", "/api/health", b""), ("POST", path, content)):
        begun = [connection.begin(connection.request(method, target, body)) for _ in range(_AT_ONCE)]
        statuses = [one.result().status for one in begun]
    probe.require(0 not in statuses, "the server does not answer several requests at once")
    times = statuses.count(200)
    probe.advise(times <= 1, f"one mfaId signed in {times} times, for {_AT_ONCE} requests at the same moment")


def slow(probe: Probe) -> None:
    """Each response arrives within seconds."""
    slowest = probe.connection.slowest
    probe.advise(slowest < SLOW_SECONDS, f"the slowest response took {slowest:.0f} s")


def rate_limits(probe: Probe) -> None:
    """Wrong tokens and wrong passwords are rate-limited."""
    _expect_a_limit(probe, SIGN_IN, "wrong tokens", "*:authWithToken")
    if not probe.facts.refusal:  # an unbind binds nothing
        _expect_a_limit(probe, UNBIND, "wrong passwords", "*:bindToken and *:unbindToken")


def _expect_a_limit(probe: Probe, operation: str, what: str, rules: str) -> None:
    path, connection = probe.path(operation), probe.connection
    for _ in range(_TRIES):
        content = json.dumps(probe.credentials(new_token(), password=new_token())).encode()
        if connection.limited or connection.attempt(connection.request("POST", path, content)).status == 429:
            return
    probe.advise(False, f"{_TRIES} {what} in a row without a 429; set a rate limit for {rules}")
