"""Sphinx's settings for the documentation. `make docs` builds it."""

import re
import shutil
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS), str(DOCS.parent)]

import openapi_page  # noqa: E402  # beside this file, and needs tools/

import bosbase_wrapper  # noqa: E402

project = "bosbase-wrapper"
author = "The bosbase-wrapper authors"
release = bosbase_wrapper.__version__
html_title = f"bosbase-wrapper {release}"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx_click",
    "sphinx_copybutton",
    "sphinx_llms_txt",
]
exclude_patterns = ["_build"]
html_theme = "furo"
html_copy_source = True  # llms.txt links to the Markdown of each page
html_show_sphinx = False
html_show_copyright = False
smartquotes = False  # `--option` keeps its dashes
templates_path: list[str] = []

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4
copybutton_prompt_text = "$ "

default_role = "code"  # docstrings write `name` as Markdown does
add_module_names = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88

llms_txt_title = "bosbase-wrapper"
llms_txt_summary = "A typed Python client, sync and async, that signs in to BosBase with custom tokens (API keys)."

# Other projects' names cannot be looked up without a network. Our own must resolve.
nitpick_ignore_regex = [("py:.*", r"(?!bosbase_wrapper\b).*")]


def markdown_to_rst(_app: Sphinx, _what: str, _name: str, _object: object, _options: object, lines: list[str]) -> None:
    """Turn the fences of a docstring into code blocks, in place."""
    code: str | None = None
    for index, line in enumerate(lines):
        if line.lstrip().startswith("```"):
            code = None if code is not None else line[: len(line) - len(line.lstrip())]
            language = line.strip().removeprefix("```") or "text"
            lines[index] = f"{code}.. code-block:: {language}\n" if code is not None else ""
        elif code is not None:
            lines[index] = f"    {line}" if line.strip() else ""
    lines[:] = "\n".join(lines).split("\n")


# Files of the repository's top folder, and the pages that include them.
TOP_FILES = {
    "ARCHITECTURE": "architecture",
    "CHANGELOG": "changelog",
    "CONTRIBUTING": "contributing",
    "README": "index",
    "SECURITY": "reporting",
}


def page_of(link: re.Match[str]) -> str:
    """Return the link to a file of the top folder as a link to its page."""
    return f"](/{TOP_FILES[link[1]]}.md"


def read_page(_app: Sphinx, docname: str, source: list[str]) -> None:
    """Link to pages instead of files above docs/. Append openapi.yaml to the page of the HTTP API."""
    source[0] = re.sub(r"\]\((?:\.\./)+([A-Z]+)\.md", page_of, source[0])
    if docname == "reference/http-api":
        source[0] += openapi_page.markdown(DOCS.parent / "openapi.yaml")


def read_top_file(_app: Sphinx, path: Path, _page: str, content: list[str]) -> None:
    """Link to pages from a file of the top folder, whose own links start there."""
    if path.parent == Path(".."):
        content[0] = re.sub(r"\]\(([A-Z]+)\.md", page_of, content[0]).replace("](docs/", "](/")


def public_name(app: Sphinx, env: Any, node: Any, content: nodes.Element) -> nodes.Element | None:
    """Resolve `bosbase_wrapper._module.Name`, as annotations have it, to the public `bosbase_wrapper.Name`."""
    target = str(node.get("reftarget", ""))
    public = re.sub(r"\._\w+", "", target)
    if public == target:
        return None
    domain = env.get_domain("py")
    found = domain.resolve_xref(env, node["refdoc"], app.builder, "obj", public, node, content)
    return found if isinstance(found, nodes.Element) else None


def copy_pictures(app: Sphinx, error: Exception | None) -> None:
    """Copy the pictures that pages name in HTML, where Sphinx does not see them."""
    if error is None and app.builder.format == "html":
        target = Path(app.outdir) / "benchmarks"
        target.mkdir(exist_ok=True)
        for picture in (DOCS / "benchmarks").glob("*.svg"):
            shutil.copy(picture, target)


def setup(app: Sphinx) -> None:
    """Register the functions above."""
    app.connect("autodoc-process-docstring", markdown_to_rst)
    app.connect("source-read", read_page)
    app.connect("include-read", read_top_file)
    app.connect("missing-reference", public_name)
    app.connect("build-finished", copy_pictures)
