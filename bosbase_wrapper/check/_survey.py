"""What a run must know before its first check: is it a BosBase, is the account right, can it bind a token?"""

from __future__ import annotations

import re
from typing import Final

import httpx

from ._connection import UnfinishedError
from ._document import BIND, SIGN_IN, UNBIND
from ._probe import Facts
from ._response import Response, as_object
from ._secrets import new_token
from ._session import Session

_NAME: Final = re.compile(r"[\w-]{1,255}", re.ASCII)
_TRIES: Final = 6  # of the first sign-in after the first bind ever
_OTHER_NODES_SECONDS: Final = 2.0


def survey(session: Session) -> Facts:
    """Finds out about the account, and binds the token that the checks share.

    The first request holds no password. Raises UnfinishedError if no check could be tried.
    """
    _recognize(session, session.sign_in(new_token()))
    refusal = _refusal(session, session.unbind(new_token()))
    before = as_object(session.password_login().field("record")) or None
    token = new_token()
    if not refusal:
        refusal = _documented(session, session.bind(token), BIND)
    if refusal:
        return Facts(refusal=refusal, record=before)
    mode = _mode(session, _first_sign_in(session, token))
    body = {"token": token}
    body |= {"mfaId": session.password_login().text("mfaId")} if mode == 401 else {}
    opened = session.post(SIGN_IN, body)
    collection_id, name = (opened.text("record", field) for field in ("collectionId", "collectionName"))
    names = frozenset(one for one in (collection_id, name) if _NAME.fullmatch(one))
    return Facts(token, mode, "", names, collection_id, before)


def _recognize(session: Session, first: Response) -> None:
    """Stops before a password is sent if the URL is not that of a BosBase, or if nothing can be tried."""
    document = session.document
    if first.json in (document.error(SIGN_IN, "unknown"), document.error(SIGN_IN, "noAuth")):
        raise UnfinishedError("There is no such auth collection.", refused=True)
    session.secrets.ignore(f"{first.content.decode(errors='replace')} {first.headers}")
    if first.is_envelope and first.status == 400:
        return
    health = session.request("GET", "/api/health", headers={})
    if health.status != 200 or not {"message", "data"} <= as_object(health.json).keys():
        raise UnfinishedError(_no_bosbase(first))
    if first.status == 404 and session.post(BIND, {}).status == 404:
        text = (
            "This server has no custom-token endpoints. If it is a PocketBase, install the extension of this project."
        )
        raise UnfinishedError(text)


def _no_bosbase(first: Response) -> str:
    if 300 <= first.status < 400:
        to = httpx.URL(first.headers.get("Location", ""))
        there = f"{to.scheme}://{to.netloc.decode()}" if to.host else "another path"
        return f"This URL redirects ({first.status}) to {there}. Give the URL of the BosBase server itself."
    kind = first.content_type or "no content type"
    return f"This is no BosBase server: it responds to a sign-in with {first.status} and {kind}. Is the URL right?"


def _refusal(session: Session, response: Response) -> str:
    """Why the account can bind no token, or "". A wrong password is no fault of the server."""
    wrong = response.json == session.document.error(UNBIND, "credentials")
    if wrong and session.password_login().status not in (200, 401, 403):
        raise UnfinishedError("The server refuses the email and password.", refused=True)
    return _documented(session, response, UNBIND)


def _documented(session: Session, response: Response, operation: str) -> str:
    message = response.text("message")
    return message if response.status == 403 and message in session.document.messages_of(operation, 403) else ""


def _first_sign_in(session: Session, token: str) -> Response:
    """BosBase may refuse sign-ins for 2 s after the first bind ever, and another node of it for longer."""
    response = session.sign_in(token)
    late = response.status == 400
    for _ in range(_TRIES if late else 0):
        session.pause(0.5)
        response = session.sign_in(token)
        if response.status != 400:
            break
    if late:
        session.pause(_OTHER_NODES_SECONDS)
    session.settled = response.status != 400
    return response


def _mode(session: Session, response: Response) -> int:
    mfa = response.status == 401 and response.text("mfaId") != ""
    rule = response.status == 403 and response.text("message") == session.document.error(SIGN_IN, "rule")["message"]
    return response.status if mfa or rule else 200
