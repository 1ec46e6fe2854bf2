"""Contains all the data models used in inputs/outputs"""

from .auth_record import AuthRecord
from .auth_response import AuthResponse
from .auth_with_token_request import AuthWithTokenRequest
from .error_response import ErrorResponse
from .error_response_data import ErrorResponseData
from .field_error import FieldError
from .mfa_required import MfaRequired
from .token_binding_request import TokenBindingRequest

__all__ = (
    "AuthRecord",
    "AuthResponse",
    "AuthWithTokenRequest",
    "ErrorResponse",
    "ErrorResponseData",
    "FieldError",
    "MfaRequired",
    "TokenBindingRequest",
)
