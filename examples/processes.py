"""Several processes use a client that was made before the fork: `python examples/processes.py`.

gunicorn with `--preload` and Celery's prefork pool work in the same way. Each process opens connections of its own.
`FileAuthStore` lets the processes share one session as well: the first one signs in, the others read the file.
"""

import multiprocessing
import os
import tempfile
from pathlib import Path

import httpx

from bosbase_wrapper import BosBase, FileAuthStore, generate_token
from bosbase_wrapper.server import LiveServer

TOKEN = generate_token()


class Worker:
    """What each process calls. It is made once, in the parent."""

    def __init__(self, client: BosBase, folder: Path) -> None:
        store = FileAuthStore(folder / "session.json")
        self._api = httpx.Client(
            base_url=client.base_url, auth=client.collection("users").token_auth(TOKEN, store=store)
        )

    def __call__(self, queue: "multiprocessing.Queue[tuple[int, int]]") -> None:
        """Send one signed request and report its status."""
        response = self._api.post("/api/collections/users/auth-refresh")
        queue.put((os.getpid(), response.status_code))


def main() -> None:
    """Fork four processes and collect what they report."""
    fork = multiprocessing.get_context("fork")
    with LiveServer() as server, BosBase(server.url) as client, tempfile.TemporaryDirectory() as folder:
        server.create_record("users", email="user@example.com", password="user-password")
        client.collection("users").bind_custom_token("user@example.com", "user-password", TOKEN)
        work, queue = Worker(client, Path(folder)), fork.Queue()
        processes = [fork.Process(target=work, args=(queue,)) for _ in range(4)]
        for process in processes:
            process.start()
        reports = [queue.get(timeout=30) for _ in processes]
        for process in processes:
            process.join()
    print(f"{len({pid for pid, _ in reports})} processes, statuses {sorted({status for _, status in reports})}")


if __name__ == "__main__":
    main()
