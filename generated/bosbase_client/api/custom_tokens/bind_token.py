from http import HTTPStatus
from typing import Any, cast
from urllib.parse import quote

import httpx

from ... import errors
from ...client import AuthenticatedClient, Client
from ...models.error_response import ErrorResponse
from ...models.token_binding_request import TokenBindingRequest
from ...types import Response


def _get_kwargs(
    collection: str,
    *,
    body: TokenBindingRequest,
) -> dict[str, Any]:
    headers: dict[str, Any] = {}

    _kwargs: dict[str, Any] = {
        "method": "post",
        "url": "/api/collections/{collection}/bind-token".format(
            collection=quote(str(collection), safe=""),
        ),
    }

    _kwargs["json"] = body.to_dict()

    headers["Content-Type"] = "application/json"

    _kwargs["headers"] = headers
    return _kwargs


def _parse_response(
    *, client: AuthenticatedClient | Client, response: httpx.Response
) -> Any | ErrorResponse | None:
    if response.status_code == 204:
        response_204 = cast(Any, None)
        return response_204

    if response.status_code == 400:
        response_400 = ErrorResponse.from_dict(response.json())

        return response_400

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
) -> Response[Any | ErrorResponse]:
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
    body: TokenBindingRequest,
) -> Response[Any | ErrorResponse]:
    """Bind a token value to an account

     Binds `token` to the account with this `email` and `password`. Binding is an upsert: if another
    account of
    the collection had bound the value, it now belongs to this account, and the other account is not
    told. An
    account may bind many values. The collection's auth rule and multi-factor authentication do not
    apply.

    The server checks in this order: the collection (404), its rate limit (429), password authentication
    (403),
    the body (400), its fields (400 with `data`), the credentials (400 without `data`).

    Args:
        collection (str):
        body (TokenBindingRequest): An account's credentials and a token. The server does not trim
            them.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Any | ErrorResponse]
    """

    kwargs = _get_kwargs(
        collection=collection,
        body=body,
    )

    response = client.get_httpx_client().request(
        **kwargs,
    )

    return _build_response(client=client, response=response)


def sync(
    collection: str,
    *,
    client: AuthenticatedClient | Client,
    body: TokenBindingRequest,
) -> Any | ErrorResponse | None:
    """Bind a token value to an account

     Binds `token` to the account with this `email` and `password`. Binding is an upsert: if another
    account of
    the collection had bound the value, it now belongs to this account, and the other account is not
    told. An
    account may bind many values. The collection's auth rule and multi-factor authentication do not
    apply.

    The server checks in this order: the collection (404), its rate limit (429), password authentication
    (403),
    the body (400), its fields (400 with `data`), the credentials (400 without `data`).

    Args:
        collection (str):
        body (TokenBindingRequest): An account's credentials and a token. The server does not trim
            them.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Any | ErrorResponse
    """

    return sync_detailed(
        collection=collection,
        client=client,
        body=body,
    ).parsed


async def asyncio_detailed(
    collection: str,
    *,
    client: AuthenticatedClient | Client,
    body: TokenBindingRequest,
) -> Response[Any | ErrorResponse]:
    """Bind a token value to an account

     Binds `token` to the account with this `email` and `password`. Binding is an upsert: if another
    account of
    the collection had bound the value, it now belongs to this account, and the other account is not
    told. An
    account may bind many values. The collection's auth rule and multi-factor authentication do not
    apply.

    The server checks in this order: the collection (404), its rate limit (429), password authentication
    (403),
    the body (400), its fields (400 with `data`), the credentials (400 without `data`).

    Args:
        collection (str):
        body (TokenBindingRequest): An account's credentials and a token. The server does not trim
            them.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Response[Any | ErrorResponse]
    """

    kwargs = _get_kwargs(
        collection=collection,
        body=body,
    )

    response = await client.get_async_httpx_client().request(**kwargs)

    return _build_response(client=client, response=response)


async def asyncio(
    collection: str,
    *,
    client: AuthenticatedClient | Client,
    body: TokenBindingRequest,
) -> Any | ErrorResponse | None:
    """Bind a token value to an account

     Binds `token` to the account with this `email` and `password`. Binding is an upsert: if another
    account of
    the collection had bound the value, it now belongs to this account, and the other account is not
    told. An
    account may bind many values. The collection's auth rule and multi-factor authentication do not
    apply.

    The server checks in this order: the collection (404), its rate limit (429), password authentication
    (403),
    the body (400), its fields (400 with `data`), the credentials (400 without `data`).

    Args:
        collection (str):
        body (TokenBindingRequest): An account's credentials and a token. The server does not trim
            them.

    Raises:
        errors.UnexpectedStatus: If the server returns an undocumented status code and Client.raise_on_unexpected_status is True.
        httpx.TimeoutException: If the request takes longer than Client.timeout.

    Returns:
        Any | ErrorResponse
    """

    return (
        await asyncio_detailed(
            collection=collection,
            client=client,
            body=body,
        )
    ).parsed
