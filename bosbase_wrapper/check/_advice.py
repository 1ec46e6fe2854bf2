"""What is unwise, but no breach of the contract."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

import httpx

from bosbase_wrapper._options import is_loopback

from ._contract import SEGMENTS
from ._errors import NoAnswerError, NotTriedError
from ._probe import Probe
from ._secrets import new_token

_PAIRS: Final = 5
_WRONG_SIGN_INS: Final = 20
_SLOW_SECONDS: Final = 5.0


def password_auth(probe: Probe) -> None:
    """Without passwords most of the contract cannot be tried."""
    hint = (
        "the collection does not allow password authentication, so that no token can be bound, nor most of this tried"
    )
    probe.advise(probe.can_bind, hint)


def auth_rule(probe: Probe) -> None:
    """A rule that keeps this account out may keep everybody out."""
    hint = "sign-ins end in 403; on PostgreSQL a rule with a boolean (verified = true) keeps everybody out"
    probe.advise(probe.mode != 403, hint)


def plain_http(probe: Probe) -> None:
    """Passwords and tokens belong on an encrypted line."""
    url = httpx.URL(probe.account.url)
    probe.advise(url.scheme == "https" or is_loopback(url.host), "passwords and tokens travel unencrypted")


def slow_answers(probe: Probe) -> None:
    """A user waits for a sign-in."""
    slowest = probe.line.slowest
    probe.advise(slowest < _SLOW_SECONDS, f"the slowest answer took {slowest:.0f} s")


def told_apart_by_time(probe: Probe) -> None:
    """An unknown email should take as long as a wrong password."""
    unknown: list[float] = []
    wrong: list[float] = []
    for _ in range(_PAIRS):
        unknown.append(probe.bind(new_token(), email=f"{new_token()[-20:].lower()}@example.com").seconds)
        wrong.append(probe.bind(new_token(), password=new_token()).seconds)
    fast, slow = min(unknown), min(wrong)  # the least disturbed
    hint = f"an unknown email is answered in {fast * 1000:.0f} ms, a wrong password in {slow * 1000:.0f} ms"
    probe.advise(fast > slow / 2 or slow - fast < 0.01, hint)


def mfa_id_at_once(probe: Probe) -> None:
    """An mfaId should work once, for requests at the same moment too."""
    if probe.mode != 401:
        raise NotTriedError("the account needs no second factor")
    body = {"token": probe.token, "mfaId": probe.password_mfa_id()}
    try:
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(partial(probe.post, "authWithToken"), [body] * 4))
    except NoAnswerError:
        raise NotTriedError("the server does not answer several requests at once") from None
    times = sum(answer.status == 200 for answer in answers)
    probe.advise(times <= 1, f"one mfaId signed in {times} times, for requests at the same moment")


def wrong_sign_ins(probe: Probe) -> None:
    """Somebody who tries tokens should be slowed down."""
    tries = 0
    while not probe.line.limited and tries < _WRONG_SIGN_INS:
        content = json.dumps({"token": new_token()}).encode()
        request = probe.line.request("POST", probe.path(SEGMENTS["authWithToken"]), content)
        probe.line.limited = probe.line.send_once(request).status == 429
        tries += 1
    probe.advise(probe.line.limited, f"{tries} wrong sign-ins in a row without a 429; set a rate limit")
