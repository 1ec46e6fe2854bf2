from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="AuthRecord")


@_attrs_define(repr=False)
class AuthRecord:
    """The record of the account. It also has the fields of its own collection.

    Attributes:
        id (str | Unset): The record's id. Its length differs by server.
        collection_id (str | Unset): The id of the record's collection.
        collection_name (str | Unset): The name of the record's collection.
        email (str | Unset): The account's email, or "".
        email_visibility (bool | Unset): Whether other accounts may see the email.
        verified (bool | Unset): Whether the account's email is verified.
        created (str | Unset): When the record was created, in UTC, with a space between day and time. It may be "".
        updated (str | Unset): When the record was last updated, in the form of `created`.
        expand (Any | Unset): The records of the relations in the query's `expand`, by the name of the relation.
    """

    id: str | Unset = UNSET
    collection_id: str | Unset = UNSET
    collection_name: str | Unset = UNSET
    email: str | Unset = UNSET
    email_visibility: bool | Unset = UNSET
    verified: bool | Unset = UNSET
    created: str | Unset = UNSET
    updated: str | Unset = UNSET
    expand: Any | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        id = self.id

        collection_id = self.collection_id

        collection_name = self.collection_name

        email = self.email

        email_visibility = self.email_visibility

        verified = self.verified

        created = self.created

        updated = self.updated

        expand = self.expand

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update({})
        if id is not UNSET:
            field_dict["id"] = id
        if collection_id is not UNSET:
            field_dict["collectionId"] = collection_id
        if collection_name is not UNSET:
            field_dict["collectionName"] = collection_name
        if email is not UNSET:
            field_dict["email"] = email
        if email_visibility is not UNSET:
            field_dict["emailVisibility"] = email_visibility
        if verified is not UNSET:
            field_dict["verified"] = verified
        if created is not UNSET:
            field_dict["created"] = created
        if updated is not UNSET:
            field_dict["updated"] = updated
        if expand is not UNSET:
            field_dict["expand"] = expand

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        id = d.pop("id", UNSET)

        collection_id = d.pop("collectionId", UNSET)

        collection_name = d.pop("collectionName", UNSET)

        email = d.pop("email", UNSET)

        email_visibility = d.pop("emailVisibility", UNSET)

        verified = d.pop("verified", UNSET)

        created = d.pop("created", UNSET)

        updated = d.pop("updated", UNSET)

        expand = d.pop("expand", UNSET)

        auth_record = cls(
            id=id,
            collection_id=collection_id,
            collection_name=collection_name,
            email=email,
            email_visibility=email_visibility,
            verified=verified,
            created=created,
            updated=updated,
            expand=expand,
        )

        auth_record.additional_properties = d
        return auth_record

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
