"""Figures inside the page, which makes it one file."""

import base64
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import oxipng
from PIL import Image

COLOURS = 256


class Figure(NamedTuple):
    source: str
    """the image itself, as an address"""
    caption: str
    alt: str
    """what it shows, in words"""


def figure(path: Path, caption: str, alt: str) -> Figure:
    return Figure(f"data:image/png;base64,{base64.b64encode(light(path)).decode()}", caption, alt)


def drawn(draw: Callable[[Path], object], caption: str, alt: str) -> Figure:
    """Of a picture that is in no file yet."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "picture.png"
        draw(path)
        return figure(path, caption, alt)


def light(path: Path) -> bytes:
    """A PNG with a palette in place of its many shades, in a third of the bytes and to the eye the same.

    oxipng writes it, as Pillow compresses with the system's zlib, whose bytes differ between systems.
    """
    with Image.open(path) as image:
        reduced = image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    shades = reduced.getpalette() or []
    palette = [(*shades[i : i + 3], 255) for i in range(0, len(shades), 3)]
    raw = oxipng.RawImage(reduced.tobytes(), *reduced.size, color_type=oxipng.ColorType.indexed(palette))
    return bytes(raw.create_optimized_png(level=2))
