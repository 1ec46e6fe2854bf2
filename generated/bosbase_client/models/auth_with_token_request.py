from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="AuthWithTokenRequest")


@_attrs_define(repr=False)
class AuthWithTokenRequest:
    """A token, and for a second factor the id that the first factor returned.

    Attributes:
        token (str): The token, 1 to 1024 bytes.
        mfa_id (str | Unset): The `mfaId` that the first factor returned. It works once, in its own collection.
    """

    token: str
    mfa_id: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        token = self.token

        mfa_id = self.mfa_id

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "token": token,
            }
        )
        if mfa_id is not UNSET:
            field_dict["mfaId"] = mfa_id

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        token = d.pop("token")

        mfa_id = d.pop("mfaId", UNSET)

        auth_with_token_request = cls(
            token=token,
            mfa_id=mfa_id,
        )

        auth_with_token_request.additional_properties = d
        return auth_with_token_request

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
