"""A service signs its requests with one session, which survives a restart: `python examples/token_auth.py`."""

import logging
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from bosbase_wrapper import BosBase, FileAuthStore, generate_token
from bosbase_wrapper.server import LiveServer

EMAIL, PASSWORD = "service@example.com", generate_token("password")


class SignIns(logging.Handler):
    """Counts sign-ins by the client's own log records."""

    count = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Count a record of a sign-in."""
        self.count += "authWithToken" in record.getMessage()


def run_service(url: str, token: str, file: Path) -> None:
    """Start, send 100 requests from 10 threads, stop, and print how many sign-ins that took."""
    sign_ins = SignIns()
    logging.getLogger("bosbase_wrapper").addHandler(sign_ins)
    with BosBase(url) as client:
        auth = client.collection("users").token_auth(token, store=FileAuthStore(file))
        with httpx.Client(base_url=url, auth=auth) as api, ThreadPoolExecutor(10) as pool:
            responses = list(pool.map(lambda _: api.post("/api/collections/users/auth-refresh"), range(100)))
    logging.getLogger("bosbase_wrapper").removeHandler(sign_ins)
    print(f"{len(responses)} requests, all {responses[0].status_code}: {sign_ins.count} sign-in(s)")


def main() -> None:
    """Start a service three times: fresh, with a saved session, and after every session was ended."""
    logging.getLogger("bosbase_wrapper").setLevel(logging.DEBUG)
    with LiveServer() as server, tempfile.TemporaryDirectory() as folder:
        account = server.create_record("users", email=EMAIL, password=PASSWORD)
        token, file = generate_token(), Path(folder) / "session.json"
        with BosBase(server.url) as client:
            client.collection("users").bind_custom_token(EMAIL, PASSWORD, token)
        print("The first start signs in once:")
        run_service(server.url, token, file)
        print("The next start reads the session from the file:")
        run_service(server.url, token, file)
        server.update_record("users", account["id"], password=generate_token("password"))
        print("A new password ended every session. The token is still bound:")
        run_service(server.url, token, file)


if __name__ == "__main__":
    main()
