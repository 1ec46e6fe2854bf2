"""`bind --generate` and `rotate`: a new token is written before the old one is unbound, so that it is never lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bosbase_wrapper import (
    BosBaseError,
    ForbiddenError,
    InvalidCredentialsError,
    MfaRequiredError,
    generate_token,
)

from ._given import Given
from ._output import REFUSED, CallFailure, Failure, note
from ._secrets import OLD_TOKEN, PASSWORD

if TYPE_CHECKING:
    from bosbase_wrapper import Collection

_HALF_WAY = "the rotation stopped half-way"


def bind_new(given: Given, collection: Collection) -> None:
    """Bind a new token to the account, and write it."""
    (password,) = given.secrets(PASSWORD)
    _bind_and_write(given, collection, password)
    given.tell(given.in_words("The token is bound to"))


def rotate(given: Given, collection: Collection) -> None:
    """Bind a new token, write it, then unbind the old one."""
    password, old = given.secrets(PASSWORD, OLD_TOKEN)
    _require_bound(given, collection, old)
    try:
        _bind_and_write(given, collection, password)
    except BosBaseError as error:
        if not _may_be_bound(error):
            raise
        raise _half_way(error, "the new token may be bound") from None
    try:
        given.call(lambda: collection.unbind_custom_token(given["email"], password, old))
    except BosBaseError as error:
        raise _half_way(error, "the new token is bound") from None
    except KeyboardInterrupt:
        note("The new token is bound. The old one may be bound too.")
        raise
    given.tell(given.in_words("The new token is bound, and the old one is not bound any more, to"))


def _require_bound(given: Given, collection: Collection, old: str) -> None:
    """Sign in with the old token: unbinding a token that was never bound succeeds too, and leaves the real one."""
    try:
        email = given.call(lambda: collection.auth_with_token(old)).record.email
    except (MfaRequiredError, ForbiddenError):
        return  # the token is right; the account needs more than a token
    except InvalidCredentialsError as error:
        context = f"nothing was changed, since the old token is not bound to an account of {given['collection']}"
        raise CallFailure(error, context=context) from None
    if email and email.casefold() != given["email"].casefold():
        raise Failure("nothing was changed, since the old token is bound to another account", REFUSED)


def _bind_and_write(given: Given, collection: Collection, password: str) -> None:
    token = generate_token(given["prefix"])
    try:
        given.call(lambda: collection.bind_custom_token(given["email"], password, token))
    except (BosBaseError, KeyboardInterrupt) as error:
        if _may_be_bound(error):
            _write(given, collection, password, token, bound=None)
            note("The new token may be bound.")
        raise
    _write(given, collection, password, token, bound=True)


def _may_be_bound(error: BosBaseError | KeyboardInterrupt) -> bool:
    """Whether the server may have bound the token although the call failed."""
    return isinstance(error, KeyboardInterrupt) or error.outcome_unknown


def _write(given: Given, collection: Collection, password: str, token: str, *, bound: bool | None) -> None:
    try:
        given.respond(given.about(token=token, bound=bound), text=token)
    except (Failure, KeyboardInterrupt) as error:
        failed = f"Error: {error}. " if isinstance(error, Failure) else ""
        try:
            outcome = _unbind_again(given, collection, password, token, bound=bound)
        except KeyboardInterrupt:
            note(f"{failed}The new token was not written, and may still be bound.")
            raise
        if isinstance(error, Failure):
            raise Failure(f"{error}. {outcome}", error.exit_code) from None
        note(outcome)
        raise


def _unbind_again(given: Given, collection: Collection, password: str, token: str, *, bound: bool | None) -> str:
    try:
        given.call(lambda: collection.unbind_custom_token(given["email"], password, token))
    except BosBaseError as error:
        return f"The new token could not be unbound again: {CallFailure(error)}"
    if not bound:
        return "The new token was unbound again. It may become bound if the server is still processing the bind."
    return "The new token was unbound again, and nothing else was changed."


def _half_way(error: BosBaseError, new: str) -> CallFailure:
    context = f"{_HALF_WAY}: {new}, and the old one is still bound"
    return CallFailure(error, context=context, kind="TokenRotationError")
