"""A page that stands on its own: one HTML file that opens offline, on a phone as well, and runs nothing foreign.

What records say comes in as text only. A policy in the page forbids every source of script, style and image but the
two blocks that this module wrote, so that even a text that slipped through could do nothing.
"""

import json
from base64 import b64encode
from collections.abc import Iterable, Sequence
from hashlib import sha256

import attrs

from itil4.value.drawing import clean

_SHOWN = 12
_BRIEF = 12

STYLE = """
:root{color-scheme:light;--ink:#1f2937;--faint:#5b6472;--line:#d5dae1;--mark:#1d4e89;--paper:#fff}
*{box-sizing:border-box}
body{margin:0;font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:#f5f7fa;overflow-wrap:anywhere}
header,main,footer{max-width:1100px;margin:0 auto;padding:1rem}
h1{font-size:1.6rem;margin:.5rem 0}h2{font-size:1.3rem;margin:0 0 .5rem}h3{font-size:1.05rem;margin:1.2rem 0 .4rem}
nav ul{list-style:none;margin:0;padding:0;display:flex;flex-wrap:wrap;gap:.3rem 1rem}
nav a{display:inline-block;padding:.2rem 0}
a{color:var(--mark)}
a:focus-visible,summary:focus-visible,[tabindex]:focus-visible{outline:3px solid #e76f51;outline-offset:2px}
section{background:var(--paper);border:1px solid var(--line);border-radius:.5rem;padding:1rem;margin:0 0 1rem}
details{border-top:1px solid var(--line)}details:last-of-type{border-bottom:1px solid var(--line)}
summary{cursor:pointer;padding:.45rem 0;display:flex;flex-wrap:wrap;gap:0 1rem;align-items:baseline}
summary::before{content:"\\25B8";color:var(--mark)}details[open]>summary::before{content:"\\25BE"}
summary .name{flex:1 1 14rem}summary .value{font-weight:700}summary .n{color:var(--faint);font-size:.9rem}
details>div{padding:0 0 .8rem 1rem}
p,td,.name,.refs{unicode-bidi:isolate}
p{margin:.4rem 0}.faint{color:var(--faint)}
.refs{max-height:12rem;overflow-y:auto;border:1px solid var(--line);padding:.4rem;font-size:.9rem}
table{border-collapse:collapse;width:100%;margin:.5rem 0}
th,td{text-align:left;vertical-align:top;padding:.3rem .6rem .3rem 0;border-bottom:1px solid var(--line)}
th{overflow-wrap:normal}.brief{white-space:nowrap}
svg{max-width:100%;height:auto;display:block;margin:.5rem 0}.narrow{display:none}
.skip{position:absolute;left:-99rem}.skip:focus{position:static}
@media(max-width:640px){
.wide{display:none}.narrow{display:block}header,main,footer{padding:.6rem}section{padding:.7rem}
table,tbody,tr,td{display:block}thead{position:absolute;left:-99rem}
tr{padding:.4rem 0;border-bottom:1px solid var(--line)}td{border:0;padding:.1rem 0}
td[data-name]::before{content:attr(data-name) ": ";color:var(--faint)}
}
@media print{body{background:#fff}section{break-inside:avoid-page}}
"""

SCRIPT = """
"use strict";
const refs = JSON.parse(document.getElementById("references").textContent);
document.addEventListener("toggle", event => {
  if (!event.target.open) return;
  for (const place of event.target.querySelectorAll(".refs[data-set]")) {
    const bits = atob(place.dataset.set), found = [];
    for (let n = 0; n < refs.length; n++) if (bits.charCodeAt(n >> 3) >> (n & 7) & 1) found.push(refs[n]);
    place.textContent = found.join(", ");
    place.removeAttribute("data-set");
  }
}, true);
"""


@attrs.frozen(kw_only=True)
class Told:
    """One figure for people: what it is called, what it says, what it means, and the records behind it.

    Attributes:
        title, value: such as `Reopened` and `1.1 %`.
        definition: what the value means, in a sentence.
        n: on how many items it rests, in words.
        notes: further lines: the spread, what was left out, why it is not known.
        records: lists of references, each under its heading.
    """

    title: str
    value: str
    definition: str
    n: str = ""
    notes: Sequence[str] = ()
    records: Sequence[tuple[str, Sequence[str]]] = ()


def _brief(cell: object) -> str:
    return ' class="brief"' if len(str(cell)) <= _BRIEF else ""


class Page:
    """The page in the making: sections with figures, tables and drawings; `html` is the whole."""

    def __init__(self, title: str, about: str) -> None:
        self.title, self.about = title, about
        self._sections: list[tuple[str, str]] = []
        self._parts: list[str] = []
        self._references: dict[str, int] = {}

    def section(self, title: str, about: str = "") -> None:
        """Begin a section; what is added from now on stands in it."""
        self._sections.append((f"s{len(self._sections)}", title))
        key = self._sections[-1][0]
        close = "</section>" if len(self._sections) > 1 else ""
        self._parts.append(f'{close}<section id="{key}" aria-labelledby="{key}h"><h2 id="{key}h">{clean(title)}</h2>')
        if about:
            self.text(about)

    @property
    def is_empty(self) -> bool:
        """Whether there is no section yet."""
        return not self._sections

    def heading(self, text: str) -> None:
        """Add a heading inside the section."""
        self._parts.append(f"<h3>{clean(text)}</h3>")

    def text(self, text: str) -> None:
        """Add a paragraph."""
        self._parts.append(f"<p>{clean(text)}</p>")

    def drawing(self, wide: str, narrow: str | None = None) -> None:
        """Add a drawing (SVG of this library's own making), with another one for narrow screens."""
        if narrow is None:
            self._parts.append(f"<div>{wide}</div>")
        else:
            self._parts.append(f'<div class="wide">{wide}</div><div class="narrow">{narrow}</div>')

    def figure(self, told: Told) -> None:
        """Add a figure that opens to its definition and its records."""
        count = f'<span class="n">{clean(told.n)}</span>' if told.n else ""
        self._parts.append(
            f'<details><summary><span class="name">{clean(told.title)}</span><span class="value">{clean(told.value)}'
            f"</span>{count}</summary><div><p>{clean(told.definition)}</p>"
        )
        for note in told.notes:
            self._parts.append(f'<p class="faint">{clean(note)}</p>')
        for heading, references in told.records:
            self._records(f"{told.title}: {heading}", heading, references)
        self._parts.append("</div></details>")

    def _records(self, name: str, heading: str, references: Sequence[str]) -> None:
        kept = list(dict.fromkeys(references))
        if not kept:
            return
        known = self._references
        bits = bytearray()
        for reference in kept:
            number = known.setdefault(reference, len(known))
            if number >> 3 >= len(bits):
                bits.extend(bytes((number >> 3) + 1 - len(bits)))
            bits[number >> 3] |= 1 << (number & 7)
        more = len(kept) - _SHOWN
        held = f' data-set="{b64encode(bytes(bits)).decode()}"' if more > 0 else ""
        shown = ", ".join(kept[:_SHOWN]) + (f" and {more:,} more" if more > 0 else "")
        self._parts.append(
            f'<p class="faint">{clean(heading)} ({len(kept):,}):</p>'
            f'<div class="refs" tabindex="0" role="region" aria-label="{clean(name)}"{held}>{clean(shown)}</div>'
        )

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Add a table; on a narrow screen each row becomes a block."""
        head = "".join(f'<th role="columnheader" scope="col">{clean(column)}</th>' for column in columns)
        lines = []
        for row in rows:
            cells = "".join(
                f'<td role="cell" data-name="{clean(column)}"{_brief(cell)}>{clean(cell)}</td>'
                for column, cell in zip(columns, row, strict=True)
            )
            lines.append(f'<tr role="row">{cells}</tr>')
        self._parts.append(
            f'<table role="table"><thead role="rowgroup"><tr role="row">{head}</tr></thead>'
            f'<tbody role="rowgroup">{"".join(lines)}</tbody></table>'
        )

    @property
    def html(self) -> str:
        """The whole page."""
        links = "".join(f'<li><a href="#{key}">{clean(title)}</a></li>' for key, title in self._sections)
        style, script = (b64encode(sha256(text.encode()).digest()).decode() for text in (STYLE, SCRIPT))
        policy = (
            f"default-src 'none'; style-src 'sha256-{style}'; script-src 'sha256-{script}'; base-uri 'none'; "
            "form-action 'none'"
        )
        references = json.dumps([*self._references], ensure_ascii=True).replace("<", "\\u003c").replace("&", "\\u0026")
        nav = f'<nav aria-label="Sections"><ul>{links}</ul></nav>' if links else ""
        close = "</section>" if self._sections else ""
        return (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{clean(self.title)}</title><style>{STYLE}</style></head><body>"
            f'<header><a class="skip" href="#main">To the content</a><h1>{clean(self.title)}</h1>'
            f"<p>{clean(self.about)}</p>{nav}</header>"
            f'<main id="main" tabindex="-1">{"".join(self._parts)}{close}</main>'
            "<footer><p>Made with itil4, an independent library. ITIL is a registered trade mark of PeopleCert, "
            "which neither made nor endorsed this report.</p></footer>"
            f'<script type="application/json" id="references">{references}</script><script>{SCRIPT}</script>'
            "</body></html>\n"
        )
