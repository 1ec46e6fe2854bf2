"""The report as one page that asks no other host for anything."""

from __future__ import annotations

import re
from html import escape
from typing import Final

from ._report import Outcome, Report, Row

_CLASSES: Final = {
    Outcome.KEPT: "kept",
    Outcome.BROKEN: "broken",
    Outcome.ADVICE: "advice",
    Outcome.NOT_TRIED: "quiet",
    Outcome.UNFINISHED: "broken",
}
_ORDER: Final = (Outcome.BROKEN, Outcome.UNFINISHED, Outcome.ADVICE, Outcome.NOT_TRIED, Outcome.KEPT)

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1c2330; --dim: #5b6576; --page: #f6f7f9; --card: #fff; --line: #dfe3ea;
  --kept: #18794e; --broken: #c62a2f; --advice: #9a6700; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --dim: #9aa4b5; --page: #12151b; --card: #1a1f28;
  --line: #2c3442; --kept: #4cc38a; --broken: #ff8589; --advice: #f1c453; } }
* { box-sizing: border-box; }
body { margin: 0; padding: 2.5rem 1rem 4rem; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 62rem; margin: 0 auto; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; }
p { margin: .25rem 0; color: var(--dim); overflow-wrap: anywhere; }
.verdict { font-size: 1.15rem; font-weight: 600; margin: 1.25rem 0 .25rem; }
table { width: 100%; margin-top: 1.5rem; border-collapse: collapse; background: var(--card);
  border: 1px solid var(--line); border-radius: .5rem; overflow: hidden; }
th, td { padding: .6rem .8rem; text-align: left; vertical-align: top; border-top: 1px solid var(--line); }
thead th { border-top: 0; color: var(--dim); font-weight: 500; font-size: .875rem; }
tbody th { font-weight: 600; white-space: nowrap; }
td:nth-child(2) { white-space: nowrap; }
code { font: .875rem/1.6 ui-monospace, monospace; overflow-wrap: anywhere; }
.detail { margin-top: .25rem; font-size: .9375rem; color: var(--dim); white-space: pre-line; }
.kept { color: var(--kept); } .broken { color: var(--broken); } .advice { color: var(--advice); }
.quiet { color: var(--dim); }
@media (max-width: 40rem) { thead { display: none; } th, td { display: block; border: 0; padding: .2rem .8rem; }
  tr { display: block; border-top: 1px solid var(--line); padding: .5rem 0; } }
"""


def to_html(report: Report) -> str:
    """The whole page: what is broken first, what is kept last."""
    rows = sorted(report.rows, key=lambda row: _ORDER.index(row.outcome))
    verdict, kind = _verdict(report)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{escape(verdict)}: {escape(report.url)}</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>Custom tokens: contract check</h1>
<p>{escape(report.url)}, collection {escape(report.collection)}</p>
<p class="verdict {kind}">{escape(verdict)}</p>
<p>{escape(report.summary)}</p>
<table>
<thead>
<tr><th scope="col">Outcome</th><th scope="col">Check</th><th scope="col">What the contract asks</th></tr>
</thead>
<tbody>
{"".join(map(_row, rows))}</tbody>
</table>
</main>
</body>
</html>
"""


def _verdict(report: Report) -> tuple[str, str]:
    if report.broken:
        return "The contract is broken", "broken"
    if report.unfinished:
        return "The check could not finish", "broken"
    return ("The contract is kept, with advice", "advice") if report.advice else ("The contract is kept", "kept")


def _row(row: Row) -> str:
    finding = row.finding
    detail = f'<div class="detail">{_text(finding.detail)}</div>' if finding.detail else ""
    outcome = f'<th scope="row" class="{_CLASSES[row.outcome]}">{row.outcome.value}</th>'
    return f"<tr>{outcome}<td><code>{escape(finding.name)}</code></td><td>{_text(finding.what)}{detail}</td></tr>\n"


def _text(text: str) -> str:
    return re.sub("`(.+?)`", r"<code>\1</code>", escape(text))
