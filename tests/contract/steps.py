"""Two changes of the server as edits of the project: docs/regenerate.md shows them, test_regenerate.py makes them."""

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final


@dataclass(frozen=True)
class Edit:
    """A text of a file and what replaces it."""

    file: str
    old: str
    new: str

    def apply(self, project: Path) -> None:
        """Make the edit. Raises ValueError unless the file has the old text once."""
        path = project / self.file
        text = path.read_text(encoding="utf-8")
        if text.count(self.old) != 1:
            raise ValueError(f"{self.file} has this text {text.count(self.old)} times:\n{self.old}")
        path.write_text(text.replace(self.old, self.new), encoding="utf-8")

    def diff(self) -> Iterator[str]:
        """The changed lines with those around them, as in a diff."""
        lines = difflib.unified_diff(self.old.splitlines(), self.new.splitlines(), n=100, lineterm="")
        yield from (line for line in lines if not line.startswith(("---", "+++", "@@")))

    @property
    def written(self) -> int:
        """How many lines of code must be written: docstrings of one line and blank lines do not count."""
        lines = [line[1:].strip() for line in self.diff() if line[0] == "+"]
        return sum(1 for line in lines if line and not line.startswith('"""'))


def shown(edits: Iterable[Edit]) -> Iterator[str]:
    """Edits as blocks of a Markdown page."""
    for edit in edits:
        yield from (f"`{edit.file}`:", "", "```diff", *edit.diff(), "```", "")


def _behind(file: str, before: str, lines: str) -> Edit:
    """Lines to add behind others."""
    return Edit(file, before, before + lines)


# --- bindToken accepts an optional `deviceName` ---

_BODY: Final = '      requestBody:\n        $ref: "#/components/requestBodies/TokenBinding"\n'
_BOUND: Final = """\
      responses:
        "204":
          description: The token is bound. The response has no body.
"""
_CREDENTIALS: Final = """\
        email:
          type: string
          format: email
          minLength: 1
          maxLength: 255
          description: The account's email, 1 to 255 bytes. It is case-sensitive.
          examples: [user@example.com]
        password:
          type: string
          format: password
          minLength: 1
          maxLength: 255
          description: The account's password, 1 to 255 bytes.
          examples: [user-password]
        token:
          type: string
          format: password
          minLength: 1
          maxLength: 1024
          description: The token, 1 to 1024 bytes.
          examples: [my-app-token]
"""

DEVICE_NAME_IN_DOCUMENT: Final = (
    Edit(
        "openapi.yaml",
        _BODY + _BOUND,
        """\
      requestBody:
        required: true
        description: The account's credentials, the token, and a name for the device that uses it.
        content:
          application/json:
            schema:
              $ref: "#/components/schemas/BindTokenRequest"
            examples:
              device:
                summary: A user, a token and a name
                value: {email: user@example.com, password: user-password, token: my-app-token, deviceName: Laptop}
"""
        + _BOUND,
    ),
    _behind(
        "openapi.yaml",
        "  schemas:\n",
        """\
    BindTokenRequest:
      type: object
      description: An account's credentials, a token, and a name for the device that uses it.
      required: [email, password, token]
      properties:
"""
        + _CREDENTIALS
        + """\
        deviceName:
          type: string
          description: A name for the device that uses the token.
          examples: [Laptop]
""",
    ),
)

_BIND: Final = """\
bind_custom_token(self, email: str, password: str, token: str, **options: Unpack[CallOptions]) -> None:
"""
_BIND_WITH_NAME: Final = """\
bind_custom_token(
        self,
        email: str,
        password: str,
        token: str,
        *,
        device_name: str | None = None,
        **options: Unpack[CallOptions],
    ) -> None:
"""
_FIELDS: Final = "        fields = RequestFields(email=email, password=password, token=token)\n"
_FIELDS_WITH_NAME: Final = (
    '        optional = {"deviceName": device_name}\n'
    "        fields = RequestFields(email=email, password=password, token=token, optional=optional)\n"
)
_SEE_BIND: Final = '        """See `Collection.bind_custom_token`."""\n'
_SEND_BIND: Final = "        return run(self._sender.perform(self._call(_operations.BIND, fields, **options)))\n"
_SEND_BIND_ASYNC: Final = "        return await self._sender.perform(self._call(_operations.BIND, fields, **options))\n"

DEVICE_NAME_IN_WRAPPER: Final = (
    Edit("bosbase_wrapper/_collection.py", "    def " + _BIND, "    def " + _BIND_WITH_NAME),
    Edit("bosbase_wrapper/_collection.py", _FIELDS + _SEND_BIND, _FIELDS_WITH_NAME + _SEND_BIND),
    Edit(
        "bosbase_wrapper/_collection.py",
        "    async def " + _BIND + _SEE_BIND + _FIELDS + _SEND_BIND_ASYNC,
        "    async def " + _BIND_WITH_NAME + _SEE_BIND + _FIELDS_WITH_NAME + _SEND_BIND_ASYNC,
    ),
)


# --- a fourth operation, `rotateToken` ---

_COMPONENTS: Final = "components:\n  requestBodies:\n"

ROTATE_IN_DOCUMENT: Final = (
    Edit(
        "openapi.yaml",
        _COMPONENTS,
        """\
  /api/collections/{collection}/rotate-token:
    post:
      tags: [custom-tokens]
      operationId: rotateToken
      summary: Replace a bound token
      description: Unbinds `token` and binds `newToken` in one step.
      parameters:
        - *collection
      requestBody:
        required: true
        description: The account's credentials, the token, and the one that replaces it.
        content:
          application/json:
            schema:
              $ref: "#/components/schemas/RotateTokenRequest"
            examples:
              user:
                summary: A user and two tokens
                value: {email: user@example.com, password: user-password, token: my-app-token, newToken: my-new-token}
      responses:
        "204":
          description: The token is replaced. The response has no body.
        "400":
          description: The body cannot be read, a field of it is not valid, or the credentials are wrong.
          content:
            application/json:
              schema:
                $ref: "#/components/schemas/ErrorResponse"
              examples:
                credentials:
                  summary: The account does not exist, or the password is wrong
                  value: {data: {}, message: Failed to rotate token., status: 400}
        "403":
          $ref: "#/components/responses/PasswordAuthOff"
        "404":
          $ref: "#/components/responses/NotFound"
        "413":
          $ref: "#/components/responses/PayloadTooLarge"
        "429":
          $ref: "#/components/responses/TooManyRequests"
"""
        + _COMPONENTS,
    ),
    _behind(
        "openapi.yaml",
        "  schemas:\n",
        """\
    RotateTokenRequest:
      type: object
      description: An account's credentials, a token, and the one that replaces it.
      required: [email, password, token, newToken]
      properties:
"""
        + _CREDENTIALS
        + """\
        newToken:
          type: string
          format: password
          minLength: 1
          maxLength: 1024
          description: The token to bind instead, 1 to 1024 bytes.
          examples: [my-new-token]
""",
    ),
)

# The ends of the docstrings of Collection and AsyncCollection.
_COLLECTION: Final = 'and returns its value or raises a `BosBaseError`.\n    """\n\n'
_ASYNC_COLLECTION: Final = 'made by `AsyncBosBase.collection`. See `Collection`."""\n\n'

_ROTATE: Final = """\
    def rotate_token(
        self, email: str, password: str, token: str, new_token: str, **options: Unpack[CallOptions]
    ) -> None:
        \"\"\"Unbind `token` and bind `new_token` in one step.\"\"\"
        fields = RequestFields(email=email, password=password, token=token, newToken=new_token)
        del new_token
        return run(self._sender.perform(self._call(_operations.ROTATE, fields, **options)))

"""

ROTATE_IN_WRAPPER: Final = (
    Edit(
        "bosbase_wrapper/_operations.py",
        "import auth_with_token, bind_token, unbind_token\n",
        "import auth_with_token, bind_token, rotate_token, unbind_token\n",
    ),
    _behind(
        "bosbase_wrapper/_operations.py",
        'UNBIND: Final = Operation("unbindToken", unbind_token._get_kwargs, models.TokenBindingRequest, '
        "lambda _: None)\n",
        'ROTATE: Final = Operation("rotateToken", rotate_token._get_kwargs, models.RotateTokenRequest, '
        "lambda _: None)\n",
    ),
    _behind("bosbase_wrapper/_collection.py", _COLLECTION, _ROTATE),
    _behind(
        "bosbase_wrapper/_collection.py",
        _ASYNC_COLLECTION,
        _ROTATE.replace("    def", "    async def")
        .replace('"""Unbind `token` and bind `new_token` in one step."""', '"""See `Collection.rotate_token`."""')
        .replace("return run(", "return await ")
        .replace("options)))", "options))"),
    ),
)
