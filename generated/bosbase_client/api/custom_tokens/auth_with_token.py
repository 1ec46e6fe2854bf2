from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.auth_response import AuthResponse
from ...models.auth_with_token_request import AuthWithTokenRequest
from ...models.error_response import ErrorResponse
from ...models.mfa_required import MfaRequired
from ...types import UNSET, Response, Unset


def _get_kwargs(
    collection: str,
    *,
    body: AuthWithTokenRequest,
    expand: str | Unset = UNSET,
    fields: str | Unset = UNSET,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}

    params: dict[str, Any] = {}

    params["expand"] = expand

    params["fields"] = fields

    params = {k: v for k, v in params.items() if v is not UNSET and v is not None}

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/api/collections/{collection}/auth-with-token".format(
            collection=quote(str(collection), safe=""),
        ),
        "params": params,
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> AuthResponse | ErrorResponse | MfaRequired | None:
    if response.status_code == 200:
        response_200 = AuthResponse.from_dict(response.json())

        return response_200

    if response.status_code == 400:
        response_400 = ErrorResponse.from_dict(response.json())

        return response_400

    if response.status_code == 401:

        def _parse_response_401(data: object) -> ErrorResponse | MfaRequired:
            try:
                if not isinstance(data, dict):
                    raise TypeError()
                response_401_type_0 = MfaRequired.from_dict(data)

                return response_401_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            if not isinstance(data, dict):
                raise TypeError()
            response_401_type_1 = ErrorResponse.from_dict(data)

            return response_401_type_1

        response_401 = _parse_response_401(response.json())

        return response_401

    if response.status_code == 403:
        response_403 = ErrorResponse.from_dict(response.json())

        return response_403

    if response.status_code == 404:
        response_404 = ErrorResponse.from_dict(response.json())

        return response_404

    if response.status_code == 413:
        response_413 = ErrorResponse.from_dict(response.json())

        return response_413

    if response.status_code == 429:
        response_429 = ErrorResponse.from_dict(response.json())

        return response_429

    if client.raise_on_unexpected_status:
        raise errors.UnexpectedStatus(response.status_code, response.content)
    else:
        return None


def _build_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Response[AuthResponse | ErrorResponse | MfaRequired]:
    return Response(
        status_code=HTTPStatus(response.status_code),
        content=response.content,
        headers=response.headers,
        parsed=_parse_response(client=client, response=response),
    )


def sync_detailed(
    collection: str,
    *,
    client: AuthenticatedClient | Client,
    body: AuthWithTokenRequest,
    expand: str | Unset = UNSET,
    fields: str | Unset = UNSET,
) -> Response[AuthResponse | ErrorResponse | MfaRequired]:
    """Sign in with a bound token

     Returns a JWT and the record of the account that `token` is bound to. If the collection requires
    multi-factor authentication, the first factor returns 401 with an `mfaId`. The second factor, which
    must be
    another method, sends this id. The server also reads `mfaId` from the query. This document has it in
    the
    body only, because access logs contain queries.

    Args:
        collection (str):
        expand (str | Unset):
        fields (str | Unset):
        body (AuthWithTokenRequest): A token, and for a second factor the id that the first factor
            returned.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[AuthResponse | ErrorResponse | ErrorResponse | MfaRequired]
    """

    kwargs = _get_kwargs(
        collection=collection,
        body=body,
        expand=expand,
        fields=fields,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    collection: str,
    *,
    client: AuthenticatedClient | Client,
    body: AuthWithTokenRequest,
    expand: str | Unset = UNSET,
    fields: str | Unset = UNSET,
) -> AuthResponse | ErrorResponse | MfaRequired | None:
    """Sign in with a bound token

     Returns a JWT and the record of the account that `token` is bound to. If the collection requires
    multi-factor authentication, the first factor returns 401 with an `mfaId`. The second factor, which
    must be
    another method, sends this id. The server also reads `mfaId` from the query. This document has it in
    the
    body only, because access logs contain queries.

    Args:
        collection (str):
        expand (str | Unset):
        fields (str | Unset):
        body (AuthWithTokenRequest): A token, and for a second factor the id that the first factor
            returned.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        AuthResponse | ErrorResponse | ErrorResponse | MfaRequired
    """

    return sync_detailed(
        collection=collection,
        client=client,
        body=body,
        expand=expand,
        fields=fields,
    ).parsed


async def asyncio_detailed(
    collection: str,
    *,
    client: AuthenticatedClient | Client,
    body: AuthWithTokenRequest,
    expand: str | Unset = UNSET,
    fields: str | Unset = UNSET,
) -> Response[AuthResponse | ErrorResponse | MfaRequired]:
    """Sign in with a bound token

     Returns a JWT and the record of the account that `token` is bound to. If the collection requires
    multi-factor authentication, the first factor returns 401 with an `mfaId`. The second factor, which
    must be
    another method, sends this id. The server also reads `mfaId` from the query. This document has it in
    the
    body only, because access logs contain queries.

    Args:
        collection (str):
        expand (str | Unset):
        fields (str | Unset):
        body (AuthWithTokenRequest): A token, and for a second factor the id that the first factor
            returned.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[AuthResponse | ErrorResponse | ErrorResponse | MfaRequired]
    """

    kwargs = _get_kwargs(
        collection=collection,
        body=body,
        expand=expand,
        fields=fields,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    collection: str,
    *,
    client: AuthenticatedClient | Client,
    body: AuthWithTokenRequest,
    expand: str | Unset = UNSET,
    fields: str | Unset = UNSET,
) -> AuthResponse | ErrorResponse | MfaRequired | None:
    """Sign in with a bound token

     Returns a JWT and the record of the account that `token` is bound to. If the collection requires
    multi-factor authentication, the first factor returns 401 with an `mfaId`. The second factor, which
    must be
    another method, sends this id. The server also reads `mfaId` from the query. This document has it in
    the
    body only, because access logs contain queries.

    Args:
        collection (str):
        expand (str | Unset):
        fields (str | Unset):
        body (AuthWithTokenRequest): A token, and for a second factor the id that the first factor
            returned.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        AuthResponse | ErrorResponse | ErrorResponse | MfaRequired
    """

    return (
        await asyncio_detailed(
            collection=collection,
            client=client,
            body=body,
            expand=expand,
            fields=fields,
        )
    ).parsed
