"""The public names exist. user.py shows their types to mypy and pyright, which `make check` runs."""

from typing import Any

import bosbase_wrapper


def test_every_public_name_is_there() -> None:
    """Also those that are imported on demand."""
    assert {name for name in bosbase_wrapper.__all__ if getattr(bosbase_wrapper, name) is None} == set()
    assert set(bosbase_wrapper.__all__) <= set(dir(bosbase_wrapper))
    names: dict[str, Any] = {}
    exec("from bosbase_wrapper import *", names)  # only this shows what a star import brings
    assert set(bosbase_wrapper.__all__) <= set(names)
