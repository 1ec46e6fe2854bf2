"""Sign in to BosBase with custom tokens (API keys), sync and async.

```python
from bosbase_wrapper import BosBase

with BosBase("http://127.0.0.1:8090") as client:
    users = client.collection("users")
    users.bind_custom_token("user@example.com", "user-password", "my-app-token")
    auth = users.auth_with_token("my-app-token")
    print(auth.token, auth.record.id, auth.record["name"])
```
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._errors import (
    ApiError,
    BadRequestError,
    BosBaseError,
    ConfigurationError,
    FieldError,
    ForbiddenError,
    InsecureTransportWarning,
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
from ._results import AuthResult, Record
from ._stores import AuthStore, FileAuthStore, MemoryAuthStore
from ._tokens import generate_token, is_generated_token
from ._version import __version__

if TYPE_CHECKING:
    from ._client import AsyncBosBase, BosBase
    from ._collection import AsyncCollection, CallOptions, Collection
    from ._token_auth import AsyncTokenAuth, TokenAuth

__all__ = [
    "ApiError",
    "AsyncBosBase",
    "AsyncCollection",
    "AsyncTokenAuth",
    "AuthResult",
    "AuthStore",
    "BadRequestError",
    "BosBase",
    "BosBaseError",
    "CallOptions",
    "Collection",
    "ConfigurationError",
    "FieldError",
    "FileAuthStore",
    "ForbiddenError",
    "InsecureTransportWarning",
    "InvalidCredentialsError",
    "MemoryAuthStore",
    "MfaRequiredError",
    "NotFoundError",
    "PayloadTooLargeError",
    "RateLimitedError",
    "Record",
    "RequestTimeoutError",
    "ServerError",
    "TokenAuth",
    "TokenRotationError",
    "TransportError",
    "UnauthorizedError",
    "UnexpectedResponseError",
    "ValidationError",
    "__version__",
    "generate_token",
    "is_generated_token",
]


def __getattr__(name: str) -> Any:
    """Import the clients at their first use: they need httpx and the generated models, which take long to import.

    Every run of pytest loads the plugin, and every shell completion loads the command line.
    """
    for module in ("._client", "._collection") if name in __all__ else ():
        found = vars(import_module(module, __name__))
        if name in found:
            return found[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
