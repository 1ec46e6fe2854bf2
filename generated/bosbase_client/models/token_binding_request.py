from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

T = TypeVar("T", bound="TokenBindingRequest")


@_attrs_define(repr=False)
class TokenBindingRequest:
    """An account's credentials and a token. The server does not trim them.

    Attributes:
        email (str): The account's email, 1 to 255 bytes. It is case-sensitive.
        password (str): The account's password, 1 to 255 bytes.
        token (str): The token, 1 to 1024 bytes. Use a random one, because whoever knows it can sign in.
    """

    email: str
    password: str
    token: str
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        email = self.email

        password = self.password

        token = self.token

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "email": email,
                "password": password,
                "token": token,
            }
        )

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        email = d.pop("email")

        password = d.pop("password")

        token = d.pop("token")

        token_binding_request = cls(
            email=email,
            password=password,
            token=token,
        )

        token_binding_request.additional_properties = d
        return token_binding_request

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
