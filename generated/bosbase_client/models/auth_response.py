from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

if TYPE_CHECKING:
    from ..models.auth_record import AuthRecord


T = TypeVar("T", bound="AuthResponse")


@_attrs_define(repr=False)
class AuthResponse:
    """A session. No field is required, because the query's `fields` may leave any of them out.

    Attributes:
        token (str | Unset): The JWT to send as the Authorization header of other requests.
        record (AuthRecord | Unset): The record of the account. It also has the fields of its own collection.
        meta (Any | Unset): What the server adds about the sign-in. It has any shape, and is mostly absent.
    """

    token: str | Unset = UNSET
    record: AuthRecord | Unset = UNSET
    meta: Any | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        token = self.token

        record: dict[str, Any] | Unset = UNSET
        if not isinstance(self.record, Unset):
            record = self.record.to_dict()

        meta = self.meta

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if token is not UNSET:
            field_dict["token"] = token
        if record is not UNSET:
            field_dict["record"] = record
        if meta is not UNSET:
            field_dict["meta"] = meta

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        from ..models.auth_record import AuthRecord  # noqa: PLC0415

        d = dict(src_dict)
        token = d.pop("token", UNSET)

        _record = d.pop("record", UNSET)
        record: AuthRecord | Unset
        if isinstance(_record, Unset):
            record = UNSET
        else:
            record = AuthRecord.from_dict(_record)

        meta = d.pop("meta", UNSET)

        auth_response = cls(
            token=token,
            record=record,
            meta=meta,
        )

        auth_response.additional_properties = d
        return auth_response

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
