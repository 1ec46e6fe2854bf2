"""Facts of openapi.yaml that the client needs. Generated; do not edit."""

REQUEST_FIELDS = frozenset({"email", "mfaId", "password", "token"})
SECRET_FIELDS = frozenset({"mfaId", "password", "token"})
QUERY_PARAMETERS = frozenset({"expand", "fields"})
SUCCESS_STATUS = {"bindToken": 204, "unbindToken": 204, "authWithToken": 200}
CREDENTIALS_MESSAGES = frozenset({"Failed to authenticate.", "Failed to bind token.", "Failed to unbind token."})
UNKNOWN_PATH_MESSAGES = frozenset({"The requested resource wasn't found."})
