"""The life of a binding, and whose it is."""

from __future__ import annotations

import hashlib
from typing import Final

from ._answer import Answer, as_object
from ._errors import NotTriedError, UnfinishedError
from ._probe import FAILED, NO_EMAIL, OFF, RULE, Probe, seen
from ._secrets import new_token

_BCRYPT_BYTES: Final = 72  # of a password; servers ignore what follows
_SEVERAL: Final = 6


def never_bound(probe: Probe) -> None:
    """A value that nobody bound."""
    token = new_token()
    first = probe.sign_in(token)
    _stop_without_collection(first)
    probe.unknown(first, "a random token")
    answer = probe.unbind(token)
    if answer.text("message") == OFF:
        probe.can_bind = False
        return
    _stop_if_refused(probe, answer)
    probe.done(answer, "unbinding a random token")
    probe.unknown(probe.sign_in(token), "after that")
    probe.record_before = as_object(probe.password_login().member("record")) or None


def _stop_without_collection(answer: Answer) -> None:
    if answer.status == 404 and answer.text("message").startswith("Missing or invalid"):
        raise UnfinishedError("There is no such auth collection.", refused=True)


def _stop_if_refused(probe: Probe, answer: Answer) -> None:
    """A wrong password is no fault of the server."""
    wrong = answer.text("message") == FAILED["unbindToken"]
    if wrong and probe.password_login().status not in (200, 401, 403):
        raise UnfinishedError("The server refuses the email and password.", refused=True)


def password_auth_off(probe: Probe) -> None:
    """Where the collection allows no passwords, binding and unbinding answer 403 whatever the body is."""
    if probe.can_bind:
        raise NotTriedError("the collection allows password authentication")
    token = new_token()
    for operation in ("bindToken", "unbindToken"):
        for body in (probe.credentials(token), probe.credentials(token, password=new_token()), {}):
            probe.refused(probe.post(operation, body), operation, OFF, status=403)
    probe.unknown(probe.sign_in(token), "after that")


def bind_and_sign_in(probe: Probe) -> None:
    """The way most users go."""
    token = probe.token = new_token()
    probe.done(probe.bind(token), "binding")
    answer = probe.first_sign_in(token)
    probe.learn_mode(answer)
    probe.signed_in(answer, "the first sign-in")
    probe.signed_in(probe.sign_in(token), "the second sign-in")
    probe.done(probe.bind(token), "binding it again")
    probe.signed_in(probe.sign_in(token), "after binding it again")


def same_end_as_password(probe: Probe) -> None:
    """The auth rule and the second factor are asked of a token as of a password."""
    other = probe.password_login()
    if other.status not in (200, 401, 403):
        raise NotTriedError("the server offers no sign-in with email and password to compare with")
    answer = probe.sign_in(probe.token)
    probe.expect(answer.status == other.status, f"the token: {seen(answer)}; the password: {seen(other)}")


def same_record_as_password(probe: Probe) -> None:
    """Both ways lead to the same record, and show the same of it."""
    one, two = as_object(probe.session().member("record")), as_object(probe.password_session().member("record"))
    probe.expect(one.keys() == two.keys(), "the record has other members than after a sign-in by password")
    before = two if probe.record_before is None else probe.record_before
    for name in ("id", "collectionId", "collectionName", "email", "emailVisibility", "verified", "created"):
        same = one.get(name) == two.get(name) == before.get(name)
        probe.expect(same, f"record.{name} is another than after a sign-in by password")


def auth_rule(probe: Probe) -> None:
    """A rule that keeps the account out lets nothing but 403 be seen."""
    if probe.mode != 403:
        raise NotTriedError("the auth rule lets the account in")
    probe.refused(probe.sign_in(probe.token), "the sign-in", RULE, status=403)


def several_tokens(probe: Probe) -> None:
    """Each token of an account is on its own."""
    tokens = [new_token() for _ in range(_SEVERAL)]
    for token in tokens:
        probe.done(probe.bind(token), "binding one more")
    for token in (*tokens, probe.token):
        probe.signed_in(probe.sign_in(token), "each of several tokens")
    probe.done(probe.unbind(tokens[0]), "unbinding the first")
    probe.unknown(probe.sign_in(tokens[0]), "the first, unbound")
    for token in (*tokens[1:], probe.token):
        probe.signed_in(probe.sign_in(token), "each other, when the first is unbound")


def unbind(probe: Probe) -> None:
    """Unbinding works, may be repeated, and is no end: the value can be bound again."""
    token = new_token()
    probe.bind(token)
    probe.signed_in(probe.sign_in(token), "bound")
    for when in ("", " again"):
        probe.done(probe.unbind(token), f"unbinding{when}")
        probe.unknown(probe.sign_in(token), f"unbound{when}")
    probe.done(probe.bind(token), "binding anew")
    probe.signed_in(probe.sign_in(token), "bound anew")
    probe.done(probe.unbind(token), "unbinding anew")
    probe.unknown(probe.sign_in(token), "unbound anew")


def wrong_password(probe: Probe) -> None:
    """Nothing is bound or unbound with a wrong password or an unknown email."""
    password = new_token()
    probe.secrets.remember(password)
    _changes_nothing(probe, "a wrong password", password=password)
    _changes_nothing(probe, "an unknown email", email=f"{new_token()[-20:].lower()}@example.com")


def exact_account(probe: Probe) -> None:
    """Neither the email nor the password is trimmed or cut, nor is their case ignored."""
    email, password = probe.account.email, probe.account.password
    others = {
        "a space before it": f" {password}",
        "a space after it": f"{password} ",
        "a letter more": f"{password}x",
        "a letter less": password[:-1],
        "its case swapped": password.swapcase(),
    }
    for how, other in others.items():
        if other and other.encode()[:_BCRYPT_BYTES] != password.encode()[:_BCRYPT_BYTES] and len(other.encode()) <= 255:
            _changes_nothing(probe, f"the password with {how}", password=other)
    name, _, host = email.rpartition("@")
    for other in (f"{name.swapcase()}@{host}", f"{name}@{host.swapcase()}"):
        if other != email:
            _changes_nothing(probe, "the email in other case", email=other)
    for other in (f" {email}", f"{email} "):
        for send in (probe.bind, probe.unbind):
            probe.invalid(send(new_token(), email=other), "the email with a space beside it", {"email": NO_EMAIL})


def _changes_nothing(probe: Probe, what: str, **members: str) -> None:
    token = new_token()
    probe.refused(probe.bind(token, **members), f"binding with {what}", FAILED["bindToken"])
    probe.unknown(probe.sign_in(token), f"after binding with {what}")
    probe.refused(probe.unbind(probe.token, **members), f"unbinding with {what}", FAILED["unbindToken"])
    probe.signed_in(probe.sign_in(probe.token), f"after unbinding with {what}")


def other_collections(probe: Probe) -> None:
    """A token is of one collection."""
    for other in sorted({"users", "_superusers"} - {probe.account.collection.casefold()}):
        answer = probe.sign_in(probe.token, collection=other)
        if answer.status == 404:  # there may be no `users`
            continue
        probe.unknown(answer, f"in {other}")
        answer = probe.unbind(probe.token, collection=other)
        probe.expect(answer.status in (204, 400, 403), f"unbinding in {other}: {seen(answer)}")
        probe.bound[probe.token] = True
        probe.signed_in(probe.sign_in(probe.token), f"after unbinding in {other}")
        _binds_there_alone(probe, other)


def _binds_there_alone(probe: Probe, other: str) -> None:
    """The other collection may well have an account of the same email and password."""
    token = new_token()
    answer = probe.bind(token, collection=other)
    probe.expect(answer.status in (204, 400, 403), f"binding in {other}: {seen(answer)}")
    probe.unknown(probe.sign_in(token), f"after binding in {other}")
    if answer.status == 204:
        probe.done(probe.unbind(token, collection=other), f"unbinding in {other}")
        probe.unknown(probe.sign_in(token, collection=other), f"unbound in {other}")


def names_of_collection(probe: Probe) -> None:
    """A collection goes by its name in any case and by its id."""
    name = probe.account.collection
    others = dict.fromkeys({name.upper(), name.lower()} - {name}, "by its name in other case")
    collection_id = probe.sign_in(probe.token).text("record", "collectionId")
    if collection_id:
        others[collection_id] = "by its id"
    for other, how in sorted(others.items()):
        token = new_token()
        probe.signed_in(probe.sign_in(probe.token, collection=other), f"the collection {how}")
        probe.done(probe.bind(token, collection=other), f"binding in the collection {how}")
        probe.signed_in(probe.sign_in(token), f"what was bound in the collection {how}")
        probe.done(probe.unbind(token, collection=other), f"unbinding in the collection {how}")
        probe.unknown(probe.sign_in(token), f"what was unbound in the collection {how}")


def only_the_token(probe: Probe) -> None:
    """What a server may keep of a token, or of where it stood, is none."""
    digest = hashlib.sha256(probe.token.encode()).hexdigest()
    probe.unknown(probe.sign_in(digest), "the token's hash")
    probe.unknown(probe.sign_in(digest.upper()), "the token's hash in upper case")


def state_is_kept(probe: Probe) -> None:
    """Each token is as the answers said: what was refused changed nothing, and nothing came back."""
    if not probe.bound:
        raise NotTriedError("no token was bound")
    for token, bound in list(probe.bound.items()):
        answer = probe.sign_in(token)
        if bound:
            probe.signed_in(answer, "a token that was bound")
        elif 0 < len(token.encode()) <= 1024:
            probe.unknown(answer, "a token that was unbound, or whose bind was refused")
        if not bound and answer.status == 400:
            probe.is_away(token)
