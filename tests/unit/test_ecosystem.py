"""Tools that people use around httpx see our calls, and show no secret: mocks, tracers, error trackers."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import httpx
import pytest
import respx
import sentry_sdk
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pytest_httpx import HTTPXMock
from sentry_sdk.integrations.httpx import HttpxIntegration

from bosbase_wrapper import AsyncBosBase, AuthResult, BosBase, BosBaseError, TransportError

from .conftest import SIGNED_IN

URL = "http://127.0.0.1:1"  # nobody listens there
ENDPOINT = f"{URL}/api/collections/users/auth-with-token"
TOKEN, MFA_ID = "canary-token", "canary-mfa"


def sync() -> AuthResult:
    """Sign in."""
    with BosBase(URL, retries=0) as client:
        return client.collection("users").auth_with_token(TOKEN, mfa_id=MFA_ID)


async def _sign_in() -> AuthResult:
    async with AsyncBosBase(URL, retries=0) as client:
        return await client.collection("users").auth_with_token(TOKEN, mfa_id=MFA_ID)


def aio() -> AuthResult:
    """Sign in under asyncio."""
    return anyio.run(_sign_in)


def trio() -> AuthResult:
    """Sign in under trio."""
    return anyio.run(_sign_in, backend="trio")


SignIn = Callable[[], AuthResult]
each_client = pytest.mark.parametrize("sign_in", [sync, aio, trio])


@each_client
def test_pytest_httpx_mocks_our_calls(sign_in: SignIn, httpx_mock: HTTPXMock) -> None:
    """As in the unit tests of a user's program."""
    httpx_mock.add_response(method="POST", url=ENDPOINT, json=SIGNED_IN)
    assert sign_in().record.id == "r1"
    (request,) = httpx_mock.get_requests()
    assert json.loads(request.content) == {"token": TOKEN, "mfaId": MFA_ID}


@each_client
def test_pytest_httpx_mocks_errors(sign_in: SignIn, httpx_mock: HTTPXMock) -> None:
    """They are translated as those of the network."""
    httpx_mock.add_exception(httpx.ConnectError("refused"))
    with pytest.raises(TransportError, match="no connection"):
        sign_in()


@each_client
def test_respx_mocks_our_calls(sign_in: SignIn) -> None:
    """As in the unit tests of a user's program."""
    with respx.mock:
        route = respx.post(ENDPOINT).respond(json=SIGNED_IN)
        assert sign_in().record.id == "r1"
    assert route.call_count == 1


@each_client
def test_a_mock_transport_mocks_our_calls(sign_in: SignIn) -> None:
    """Given to the client, or to an httpx client that is given to it."""
    mock = httpx.MockTransport(lambda _: httpx.Response(200, json=SIGNED_IN))
    with BosBase(URL, transport=mock) as client, httpx.Client(transport=mock) as http:
        assert client.collection("users").auth_with_token("t").record.id == "r1"
        assert BosBase(URL, http_client=http).collection("users").auth_with_token("t").record.id == "r1"


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """The spans that OpenTelemetry records."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    HTTPXClientInstrumentor().instrument(tracer_provider=provider)
    yield exporter
    HTTPXClientInstrumentor().uninstrument()
    provider.shutdown()


@each_client
def test_opentelemetry_records_our_calls(sign_in: SignIn, spans: InMemorySpanExporter) -> None:
    """Each attempt is a span, and no secret is in it."""
    with pytest.raises(TransportError):
        sign_in()
    (span,) = spans.get_finished_spans()
    attributes = dict(span.attributes or {})
    assert attributes.get("http.url", attributes.get("url.full")) == ENDPOINT
    assert "canary" not in span.to_json()


@pytest.fixture
def sentry() -> Iterator[list[dict[str, Any]]]:
    """The events and transactions that Sentry would send."""
    found: list[dict[str, Any]] = []

    class Collected(sentry_sdk.Transport):
        def capture_envelope(self, envelope: Any) -> None:
            found.extend(item.payload.json for item in envelope.items)

    sentry_sdk.init(
        dsn="http://key@127.0.0.1/1",
        transport=Collected,
        traces_sample_rate=1.0,
        default_integrations=False,
        integrations=[HttpxIntegration()],
    )
    yield found
    sentry_sdk.get_client().close()
    sentry_sdk.get_global_scope().set_client(None)  # otherwise its headers go out with the requests of later tests


@each_client
def test_sentry_records_our_calls(sign_in: SignIn, sentry: list[dict[str, Any]]) -> None:
    """Each attempt is a span of the transaction. The error is an event. No secret is in either."""
    with sentry_sdk.start_transaction(name="test", op="test"):
        try:
            sign_in()
        except BosBaseError as error:
            sentry_sdk.capture_exception(error)
    sentry_sdk.flush()
    (transaction,) = (event for event in sentry if event.get("type") == "transaction")
    (span,) = (span for span in transaction["spans"] if span["op"] == "http.client")
    assert span["description"] == f"POST {ENDPOINT}"
    (event,) = (event for event in sentry if "exception" in event)
    assert event["exception"]["values"][-1]["type"] == "TransportError"
    assert "canary" not in json.dumps(sentry)
