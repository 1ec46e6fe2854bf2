"""The built site. `make docs` builds it and runs these tests; they look at it in a Chromium if there is one."""

import shutil
import threading
from collections.abc import Iterator
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urldefrag, urlsplit

import pytest
from playwright.sync_api import Browser, sync_playwright

import bosbase_wrapper

SITE = Path(__file__).parent / "_build" / "html"
PAGES = sorted(page.relative_to(SITE).as_posix() for page in SITE.rglob("*.html"))
WIDTHS = {"phone": (390, 844), "desktop": (1280, 900)}


class Page(HTMLParser):
    """Collects the links, the sources and the anchors of a page."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.sources: list[str] = []
        self.anchors: set[str] = set()
        self.feed((SITE / path).read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Sort the attributes of a tag by what they do."""
        for key, value in attrs:
            if key == "id" and value:
                self.anchors.add(value)
            elif key == "href" and value:
                (self.links if tag == "a" else self.sources).append(value)
            elif key in {"src", "srcset"} and value:
                self.sources.append(value)


class Finding(NamedTuple):
    """What is wrong, and where."""

    page: str
    what: str


@pytest.fixture(scope="module")
def pages() -> dict[str, Page]:
    """Every page, parsed."""
    assert PAGES, "the site is not built: run make docs"
    return {path: Page(path) for path in PAGES}


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    """The site over HTTP."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_args: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(SITE)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium that is already installed."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("nobody looked at the pages: no chromium on this machine")
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
        with playwright.chromium.launch(executable_path=program, args=arguments) as chromium:
            yield chromium


def test_every_local_link_leads_somewhere(pages: dict[str, Page]) -> None:
    """To a file of the site, and to an anchor in it."""
    dead: list[Finding] = []
    for path, page in pages.items():
        for link in [*page.links, *page.sources]:
            target, anchor = urldefrag(link)
            if urlsplit(link).scheme or link == "#":
                continue
            file = (SITE / path).parent / unquote(target.partition("?")[0]) if target else SITE / path
            name = file.resolve().relative_to(SITE).as_posix()
            if not file.exists() or (anchor and name in pages and unquote(anchor) not in pages[name].anchors):
                dead.append(Finding(path, link))
    assert dead == []


def test_no_page_names_a_foreign_source(pages: dict[str, Page]) -> None:
    """Scripts, styles, fonts and pictures are the site's own."""
    foreign = [Finding(path, link) for path, page in pages.items() for link in page.sources if urlsplit(link).netloc]
    assert foreign == []


def test_every_public_name_is_documented(pages: dict[str, Page]) -> None:
    """On the page of the Python API."""
    names = {f"bosbase_wrapper.{name}" for name in bosbase_wrapper.__all__} - {"bosbase_wrapper.__version__"}
    assert names - pages["reference/python.html"].anchors == set()


def test_llms_txt_lists_the_pages() -> None:
    """For programs that read documentation."""
    text = (SITE / "llms.txt").read_text(encoding="utf-8")
    assert text.startswith("# bosbase-wrapper\n")
    assert [page for page in ("start", "how-to/fastapi", "reference/errors") if page not in text] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_the_pages_in_a_browser(browser: Browser, origin: str, width: str, scheme: str) -> None:
    """Each loads whole, asks no other host, fits the width, and is light or dark as asked."""
    columns, rows = WIDTHS[width]
    findings: list[Finding] = []
    context = browser.new_context(
        viewport={"width": columns, "height": rows}, color_scheme="dark" if scheme == "dark" else "light"
    )
    with context, context.new_page() as page:
        urls: list[str] = []
        errors: list[str] = []
        page.on("request", lambda request: urls.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("response", lambda r: errors.append(f"{r.status} {r.url}") if r.status >= 400 else None)
        for path in PAGES:
            page.goto(f"{origin}/{path}", wait_until="load")
            wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            light = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g)[0] > 127")
            what = list(errors)
            what += [url for url in urls if not url.startswith((origin, "data:"))]
            what += [f"{wide} pixels too wide"] if wide > 0 else []
            what += ["wrong colors"] if light != (scheme == "light") else []
            findings += [Finding(path, text) for text in what]
            urls.clear()
            errors.clear()
    assert findings == []
