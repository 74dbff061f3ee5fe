"""Draw without dependencies: SVG from a few shapes, in which every text is data and never markup.

A drawing stands on its own (no font, style sheet or script from elsewhere), says what it shows to people who cannot
see it, and is as wide as the room that it is given.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from html import escape
from textwrap import wrap

INK, FAINT, PAPER = "#1f2937", "#5b6472", "#ffffff"
LINE = "#9aa3af"
BANDS = ("#1d4e89", "#2a9d8f", "#e9c46a", "#e76f51", "#7b5ea7", "#8ab17d", "#b56576", "#5fa8d3", "#6d6875", "#c9a227")
"""Colours that are told apart also without red and green; they repeat when there are more bands."""

_MARGIN = 8


def clean(text: object) -> str:
    """Return a text as markup shows it literally; characters that XML cannot hold become a mark."""
    held = "".join(c if c >= " " and c not in "\x7f\ufffe\uffff" and not "\ud800" <= c <= "\udfff" else "�"
                   for c in str(text).replace("\n", " ").replace("\t", " "))  # fmt: skip
    return escape(held, quote=True)


def short(time: timedelta | None) -> str:
    """Return a duration in its two largest units; a dash when it is not known.

    >>> short(timedelta(hours=50, minutes=7)), short(timedelta(minutes=90)), short(timedelta(seconds=4)), short(None)
    ('2 d 2 h', '1 h 30 min', '4 s', '-')
    """
    if time is None:
        return "-"
    seconds = round(time.total_seconds())
    parts = [("d", seconds // 86_400), ("h", seconds // 3_600 % 24), ("min", seconds // 60 % 60), ("s", seconds % 60)]
    first = next((number for number, (_, count) in enumerate(parts) if count), 3)
    shown = [f"{count:,} {unit}" for unit, count in parts[first : first + 2] if count]
    return " ".join(shown) or "0 s"


def lines_of(text: str, characters: int, most: int) -> list[str]:
    """Return a text in lines of so many characters; what does not fit in `most` lines ends in an ellipsis."""
    found = wrap(" ".join(text.split()), characters) or [""]
    if len(found) > most:
        found = [*found[: most - 1], found[most - 1][: characters - 1] + "…"]
    return found


class Drawing:
    """An SVG in the making; `svg` is the whole.

    >>> drawing = Drawing(100, 20, "A < B")
    >>> drawing.text(0, 12, "<script>")
    >>> "<script>" in drawing.svg, "&lt;script&gt;" in drawing.svg
    (False, True)
    """

    def __init__(self, width: float, height: float, title: str) -> None:
        self.width, self.height, self.title = width, height, title
        self._parts: list[str] = []

    def rect(
        self, x: float, y: float, width: float, height: float, *, fill: str = PAPER, stroke: str | None = LINE,
        title: str | None = None,
    ) -> None:  # fmt: skip
        """Add a rectangle; `title` is shown when it is pointed at."""
        edge = f' stroke="{stroke}"' if stroke else ""
        told = f"<title>{clean(title)}</title>" if title else ""
        self._parts.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" fill="{fill}"{edge}>{told}</rect>'
        )

    def polygon(
        self, points: Iterable[tuple[float, float]], *, fill: str, stroke: str | None = None, title: str | None = None
    ) -> None:
        """Add a closed shape."""
        at = " ".join(f"{x:.6g},{y:.6g}" for x, y in points)
        edge = f' stroke="{stroke}"' if stroke else ""
        told = f"<title>{clean(title)}</title>" if title else ""
        self._parts.append(f'<polygon points="{at}" fill="{fill}"{edge}>{told}</polygon>')

    def line(self, points: Iterable[tuple[float, float]], *, stroke: str = INK, dash: bool = False) -> None:
        """Add a line through points."""
        at = " ".join(f"{x:.6g},{y:.6g}" for x, y in points)
        broken = ' stroke-dasharray="4 3"' if dash else ""
        self._parts.append(f'<polyline points="{at}" fill="none" stroke="{stroke}"{broken}/>')

    def dot(self, x: float, y: float, *, fill: str = BANDS[0], title: str | None = None) -> None:
        """Add a dot."""
        told = f"<title>{clean(title)}</title>" if title else ""
        self._parts.append(f'<circle cx="{x:.6g}" cy="{y:.6g}" r="3.5" fill="{fill}">{told}</circle>')

    def text(
        self, x: float, y: float, text: object, *, size: int = 12, anchor: str = "start", fill: str = INK,
        bold: bool = False,
    ) -> None:  # fmt: skip
        """Add a line of text; `anchor` is start, middle or end."""
        weight = ' font-weight="bold"' if bold else ""
        self._parts.append(
            f'<text x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="{anchor}" fill="{fill}"{weight}>'
            f"{clean(text)}</text>"
        )

    def lines(self, x: float, y: float, texts: Sequence[str], *, size: int = 12, anchor: str = "start") -> None:
        """Add lines of text below each other."""
        for number, text in enumerate(texts):
            self.text(x, y + number * (size + 2), text, size=size, anchor=anchor)

    @property
    def svg(self) -> str:
        """The drawing as a text that stands on its own, in a file or inside a page."""
        width, height = self.width + 2 * _MARGIN, self.height + 2 * _MARGIN
        box = f"{-_MARGIN} {-_MARGIN} {width:g} {height:g}"
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" width="{width:g}" height="{height:g}" role="img" '
            f'aria-label="{clean(self.title)}" font-family="system-ui, sans-serif">'
            f'<title>{clean(self.title)}</title><rect x="{-_MARGIN}" y="{-_MARGIN}" width="{width:g}" '
            f'height="{height:g}" fill="{PAPER}"/>' + "".join(self._parts) + "</svg>"
        )
