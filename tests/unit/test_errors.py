"""The error tree: what each error is, what it carries, and that it survives being copied, pickled and printed."""

import copy
import pickle
import traceback
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import httpx
import pytest

import bosbase_wrapper
from bosbase_wrapper import (
    ApiError,
    BadRequestError,
    BosBase,
    BosBaseError,
    ConfigurationError,
    FieldError,
    ForbiddenError,
    InvalidCredentialsError,
    MfaRequiredError,
    NotFoundError,
    PayloadTooLargeError,
    RateLimitedError,
    RequestTimeoutError,
    ServerError,
    TokenRotationError,
    TransportError,
    UnauthorizedError,
    UnexpectedResponseError,
    ValidationError,
)

from .conftest import Answering

TREE: dict[type[BosBaseError], tuple[type[BaseException], ...]] = {
    BosBaseError: (Exception,),
    ConfigurationError: (BosBaseError, ValueError),
    TransportError: (BosBaseError,),
    RequestTimeoutError: (TransportError, TimeoutError),
    UnexpectedResponseError: (BosBaseError,),
    ApiError: (BosBaseError,),
    BadRequestError: (ApiError,),
    ValidationError: (BadRequestError,),
    InvalidCredentialsError: (BadRequestError,),
    UnauthorizedError: (ApiError,),
    MfaRequiredError: (UnauthorizedError,),
    ForbiddenError: (ApiError,),
    NotFoundError: (ApiError,),
    PayloadTooLargeError: (ApiError,),
    RateLimitedError: (ApiError,),
    ServerError: (ApiError,),
    TokenRotationError: (BosBaseError,),
}


def failing(error: Exception) -> httpx.BaseTransport:
    """A transport over which every request fails so."""

    def fail(_request: httpx.Request) -> httpx.Response:
        raise error

    return httpx.MockTransport(fail)


def answer(status: int, **content: Any) -> httpx.BaseTransport:
    """A transport over which every request is answered so."""
    return httpx.MockTransport(lambda _: httpx.Response(status, **content))


def half_way(request: httpx.Request) -> httpx.Response:
    """Binds, and does not unbind."""
    return httpx.Response(204 if request.url.path.endswith("/bind-token") else 500)


def envelope(status: int, message: str = "No.", **data: Any) -> dict[str, Any]:
    """The server's error."""
    return {"json": {"data": data, "message": message, "status": status}}


NEW_TOKEN, SESSION = "new-canary", "the-session"  # not in the code below, whose lines stand in tracebacks
FIELD = {"code": "validation_length_out_of_range", "message": "Too long.", "params": {"min": 1, "max": 1024}}
# Each kind of error as a call raises it.
RAISED: dict[type[BosBaseError], httpx.BaseTransport] = {
    TransportError: failing(httpx.ReadError("canary")),
    RequestTimeoutError: failing(httpx.ReadTimeout("canary")),
    UnexpectedResponseError: answer(299, text="canary", headers={"Content-Type": "text/plain"}),
    BadRequestError: answer(400, **envelope(400)),
    ValidationError: answer(400, **envelope(400, token=FIELD)),
    InvalidCredentialsError: answer(400, **envelope(400, "Failed to bind token.")),
    UnauthorizedError: answer(401, **envelope(401)),
    MfaRequiredError: answer(401, json={"mfaId": SESSION}),
    ForbiddenError: answer(403, **envelope(403)),
    NotFoundError: answer(404, **envelope(404)),
    PayloadTooLargeError: answer(413, **envelope(413)),
    RateLimitedError: answer(429, headers={"Retry-After": "60"}, **envelope(429)),
    ServerError: answer(503, headers={"Retry-After": "60"}, **envelope(503, "Down.", token=FIELD)),
    TokenRotationError: httpx.MockTransport(half_way),
}


def raised(kind: type[BosBaseError]) -> Any:
    """An error of the kind, from a call that was sent."""
    if kind is ConfigurationError:
        return raised_by(lambda: BosBase("no url"))
    users = BosBase("http://localhost", retries=0, transport=RAISED[kind]).collection("users")
    if kind is TokenRotationError:
        return raised_by(lambda: users.rotate_custom_token("a@b.c", "password", "old", NEW_TOKEN))
    return raised_by(lambda: users.unbind_custom_token("a@b.c", "password", NEW_TOKEN))


def raised_by(call: Callable[[], object]) -> BosBaseError:
    """What a call raises."""
    with pytest.raises(BosBaseError) as caught:
        call()
    return caught.value


each_kind = pytest.mark.parametrize("kind", [*RAISED, ConfigurationError], ids=lambda kind: kind.__name__)


def test_the_tree_is_as_documented() -> None:
    """Every public error, its parents, and none beside."""
    public = [getattr(bosbase_wrapper, name) for name in bosbase_wrapper.__all__]
    errors = {item for item in public if isinstance(item, type) and issubclass(item, Exception | BosBaseError)}
    assert errors - set(TREE) == {bosbase_wrapper.InsecureTransportWarning}
    assert {kind: kind.__bases__ for kind in TREE} == TREE


@each_kind
def test_a_call_raises_each_kind(kind: type[BosBaseError]) -> None:
    """With the number of attempts, and without the error of a library as its cause or its context."""
    error = raised(kind)
    assert type(error) is kind
    sent = 0 if kind is ConfigurationError else 1
    assert error.attempts == sent or kind is TokenRotationError
    if kind is not TokenRotationError:
        assert (error.__cause__, error.__context__) == (None, None)


@each_kind
@pytest.mark.parametrize(
    "again",
    [copy.copy, copy.deepcopy, *(lambda error, p=p: pickle.loads(pickle.dumps(error, p)) for p in range(6))],
    ids=["copy", "deepcopy", *(f"pickle {p}" for p in range(6))],
)
def test_an_error_survives_copies_and_pickles(kind: type[BosBaseError], again: Callable[[Any], Any]) -> None:
    """With its text and all of its attributes; it is another object, and only equal to itself."""
    error = raised(kind)
    error.add_note("a caller's note")
    twin = again(error)
    assert type(twin) is kind
    assert (str(twin), repr(twin), twin.args) == (str(error), repr(error), error.args)
    assert vars(twin) == vars(error)
    assert twin.__notes__ == ["a caller's note"]
    assert (twin.attempts, twin.outcome_unknown) == (error.attempts, error.outcome_unknown)
    assert str(twin.__cause__) == str(error.__cause__)
    assert twin != error
    assert {error: 1, twin: 2}[error] == 1


def test_an_error_comes_back_from_another_process() -> None:
    """As a pool of processes hands it over."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        error = pool.submit(raised, ValidationError).result(60)
    assert isinstance(error, ValidationError)
    assert error.data["token"].params == {"min": 1, "max": 1024}


def test_a_cause_of_the_callers_does_not_hinder_a_pickle() -> None:
    """It stays behind, whatever it is."""

    class LocalError(Exception):
        pass

    error = raised(NotFoundError)
    error.__cause__ = LocalError()
    assert pickle.loads(pickle.dumps(error)).status == 404


@each_kind
def test_an_error_can_be_shown_by_every_means(kind: type[BosBaseError]) -> None:
    """No secret is in it, and it says something."""
    error = raised(kind)
    shown = [str(error), repr(error), repr(error.args), *traceback.format_exception(error)]
    assert str(error)
    assert not any(NEW_TOKEN in text or SESSION in text or "canary" in text for text in shown)
    assert repr(error).startswith(f"{kind.__name__}(")


def test_the_attributes_of_a_server_error() -> None:
    """Status, message, data; in data what is wrong with which member."""
    error = raised(ServerError)
    assert (error.status, error.message, error.retry_after, error.attempts) == (503, "Down.", 60.0, 1)
    assert error.data == {"token": FieldError("validation_length_out_of_range", "Too long.", {"min": 1, "max": 1024})}
    assert str(error) == "503 Down.\n  token: Too long. (validation_length_out_of_range)"


def test_the_attributes_of_the_others() -> None:
    """Those that only some have."""
    assert raised(RateLimitedError).retry_after == 60.0
    assert raised(MfaRequiredError).mfa_id == SESSION
    assert raised(TokenRotationError).new_token == NEW_TOKEN
    unexpected = raised(UnexpectedResponseError)
    assert (unexpected.status, unexpected.content_type) == (299, "text/plain")
    assert "canary" not in str(unexpected) + repr(vars(unexpected))
    assert raised(TransportError).attempts == 1


def test_a_rotation_tells_its_reason() -> None:
    """The cause is the error of the call that failed."""
    error = raised(TokenRotationError)
    assert isinstance(error.__cause__, ServerError)
    assert isinstance(copy.deepcopy(error).__cause__, ServerError)


@pytest.mark.parametrize("status", [500, 501, 502, 503, 504, 520, 599])
@pytest.mark.parametrize(
    "body", ["", "<html>", "[]", '{"message": 5}', '{"data": null, "message": "x", "status": 500}']
)
def test_a_5xx_without_an_envelope_has_no_message(answering: Answering, status: int, body: str) -> None:
    """It is a ServerError all the same."""
    error = raised_by(lambda: answering(status, text=body).auth_with_token("token"))
    assert isinstance(error, ServerError)
    assert (error.status, error.message, error.data, str(error)) == (status, "", {}, str(status))
    assert error.outcome_unknown is True


@pytest.mark.parametrize("status", [500, 503, 599])
def test_a_5xx_with_an_envelope_has_its_message(answering: Answering, status: int) -> None:
    """As BosBase says while its database is away."""
    error = raised_by(lambda: answering(status, **envelope(status, "Failed to authenticate.")).auth_with_token("token"))
    assert isinstance(error, ServerError)
    assert (error.status, error.message) == (status, "Failed to authenticate.")


@pytest.mark.parametrize("message", ["Failed to bind token.", "Failed to unbind token.", "Failed to authenticate."])
def test_400_tells_wrong_credentials_from_a_bad_request(answering: Answering, message: str) -> None:
    """By the server's text, and only where no member is named."""
    users = answering(400, **envelope(400, message))
    assert type(raised_by(lambda: users.auth_with_token("token"))) is InvalidCredentialsError
    users = answering(400, **envelope(400, message, token=FIELD))
    assert type(raised_by(lambda: users.auth_with_token("token"))) is ValidationError
    users = answering(400, **envelope(400, "Unsupported Content-Type."))
    assert type(raised_by(lambda: users.auth_with_token("token"))) is BadRequestError


def test_an_error_of_a_users_own_class_is_copied_too() -> None:
    """A class below ours needs no care of its own."""

    class MineError(NotFoundError):
        pass

    error = MineError(404, "Gone.")
    assert (type(copy.copy(error)), copy.copy(error).status) == (MineError, 404)


def test_data_is_the_errors_own() -> None:
    """What a caller does to it changes no other error."""
    first, second = NotFoundError(404, "x"), NotFoundError(404, "x")
    assert first.data is not second.data
    assert first.data == {}
