"""The texts that a figure really draws, and whether they can be read."""

import itertools
from typing import Any, NamedTuple
from unittest.mock import patch

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from permset.figures.styles import STYLE, styled


class Drawn(NamedTuple):
    words: str
    size: float
    rotation: float
    box: Bbox


def drawn(figure: Figure) -> list[Drawn]:
    """All texts, with those of ticks, of which a figure only draws those within its limits."""
    found: dict[Text, Drawn] = {}
    draw = Text.draw

    def note(text: Text, renderer: Any, *args: Any, **kwargs: Any) -> None:
        if text.get_visible() and text.get_text().strip():
            box = text.get_window_extent(renderer)
            found[text] = Drawn(text.get_text(), text.get_fontsize(), text.get_rotation(), box)
        draw(text, renderer, *args, **kwargs)

    @styled
    def all_of(figure: Figure) -> Figure:
        with patch.object(Text, "draw", note):
            FigureCanvasAgg(figure).draw()
        return figure

    all_of(figure)
    return list(found.values())


def words(figure: Figure) -> str:
    """All that is written, in one line, so that it does not matter where lines break."""
    return " | ".join(" ".join(text.words.split()) for text in drawn(figure))


def faults(figure: Figure) -> list[str]:
    """Texts that are too small, that leave the figure or lie over each other."""
    texts = drawn(figure)
    width, height = figure.bbox.size
    found = [f"small: {text.words}" for text in texts if text.size < STYLE["font.size"]]
    for text in texts:
        if text.box.x0 < -1 or text.box.y0 < -1 or text.box.x1 > width + 1 or text.box.y1 > height + 1:
            found.append(f"outside: {text.words}")
    for one, other in itertools.combinations(texts, 2):
        if one.rotation % 90 and other.rotation % 90:
            continue  # Boxes of slanted texts overlap where the texts do not.
        inner = Bbox.intersection(one.box, other.box)
        if inner is not None and inner.width > 1 and inner.height > 1:
            found.append(f"over each other: {one.words!r} and {other.words!r}")
    return found
