"""All checks, in the order in which they run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from . import _advice, _bodies, _life, _sign_in, _values
from ._probe import Probe


@dataclass(frozen=True)
class Check:
    """A part of the contract: its short name, what it asks, and what tries it.

    `binds`: it needs a token that is bound, which an account without password authentication cannot have.
    """

    name: str
    what: str
    attempt: Callable[[Probe], None]
    binds: bool = True


def _anywhere(name: str, what: str, attempt: Callable[[Probe], None]) -> Check:
    return Check(name, what, attempt, binds=False)


# After all is taken away: a server that limits wrong sign-ins would keep the taking away waiting.
LAST: Final = _anywhere("wrong-sign-ins", "Wrong sign-ins in a row are slowed down", _advice.wrong_sign_ins)
# After all others that bind, those of --fuzz too, and in every run.
STATE: Final = Check(
    "state", "Each token is as the answers said; what was refused changed nothing", _life.state_is_kept
)
CHECKS: Final = (
    _anywhere("never-bound", "A token that nobody bound signs nobody in; unbinding it is no error", _life.never_bound),
    _anywhere("password-auth-off", "Without password authentication a bind answers 403", _life.password_auth_off),
    Check("bind-and-sign-in", "A bound token signs in, as often as one likes", _life.bind_and_sign_in),
    Check("same-end", "A token's sign-in ends as a password's: auth rule, MFA", _life.same_end_as_password),
    Check("same-account", "It shows the same record as a password's", _life.same_record_as_password),
    Check("auth-rule", "The auth rule answers 403 in its words", _life.auth_rule),
    Check("several-tokens", "An account may have several tokens, each on its own", _life.several_tokens),
    Check("unbind", "Unbinding ends sign-ins, and may be repeated", _life.unbind),
    Check("wrong-password", "A wrong password or an unknown email changes nothing", _life.wrong_password),
    Check("exact-account", "The email and the password are taken as they are", _life.exact_account),
    Check("other-collection", "A token is of one collection", _life.other_collections),
    Check("collection-names", "A collection goes by its name in any case and by its id", _life.names_of_collection),
    Check("exact-token", "A token counts to its last byte and in its case", _values.exact_token),
    Check("only-the-token", "A token's hash is no token", _life.only_the_token),
    Check("long-token", "All 1024 bytes of a token count", _values.long_tokens),
    Check("odd-token", "A token is not trimmed, normalized or read as markup", _values.odd_tokens),
    Check("token-limits", "A token has 1 to 1024 bytes", _values.token_limits),
    Check("email-limits", "An email has 1 to 255 bytes", _values.email_limits),
    Check("password-limits", "A password has 1 to 255 bytes", _values.password_limits),
    Check("jwt", "The answer's token is a signed JWT of the record", _sign_in.jwt),
    Check("jwt-works", "The server takes the JWT", _sign_in.jwt_is_taken),
    Check("jwt-outlives-unbind", "A JWT lives on when its token is unbound", _sign_in.jwt_outlives_unbind),
    Check("record", "The answer is a token and the record, without hidden members", _sign_in.record),
    Check("same-record", "Each sign-in gives the same record", _sign_in.same_record),
    Check("fields", "`fields` picks the answer's members", _sign_in.fields),
    Check("expand", "`expand` adds the records of relations", _sign_in.expand),
    Check("second-factor", "A token is one of two factors, and an mfaId works once", _sign_in.second_factor),
    Check("mfa-id-in-query", "An mfaId is taken from the query, then from the body", _sign_in.mfa_id_in_the_query),
    _anywhere("empty-body", "An empty body and empty members are named as required", _bodies.empty_bodies),
    _anywhere("missing-member", "Each member is required", _bodies.missing_members),
    _anywhere("unreadable-body", "No JSON object, or a member that is no text, is refused", _bodies.unreadable_bodies),
    _anywhere("odd-text", "Half letters, broken UTF-8 and repeated members do no harm", _bodies.odd_text),
    Check("order", "Members are looked at before credentials, and each is named", _bodies.order_of_checks),
    _anywhere("content-types", "JSON is read with a charset; other types are refused", _bodies.content_types),
    Check("other-types", "What is no POST of JSON or a form changes nothing", _bodies.other_types_change_nothing),
    Check("forms", "Forms carry the three calls", _bodies.forms),
    Check("ignored", "What nobody knows is ignored: bytes, members, parameters, headers", _bodies.what_is_ignored),
    Check("body-alone", "A token counts in the body alone", _bodies.body_alone),
    _anywhere("wrong-path", "A wrong method or path answers 404", _bodies.wrong_paths),
    _anywhere("unknown-collection", "An unknown collection answers 404 before all else", _bodies.unknown_collection),
    _anywhere("too-large", "A body of 33 MiB answers 413", _bodies.too_large),
    _anywhere("password-auth", "The collection allows passwords, so that tokens can be bound", _advice.password_auth),
    Check("rule-for-nobody", "The auth rule lets the account in", _advice.auth_rule),
    _anywhere("plain-http", "The line is encrypted", _advice.plain_http),
    Check("jwt-lifetime", "A JWT ends within a year", _sign_in.jwt_lifetime),
    Check("told-apart-by-time", "An unknown email takes as long as a wrong password", _advice.told_apart_by_time),
    Check("mfa-id-at-once", "An mfaId works once for requests at the same moment too", _advice.mfa_id_at_once),
    _anywhere("slow", "Each answer comes within seconds", _advice.slow_answers),
    LAST,
)
