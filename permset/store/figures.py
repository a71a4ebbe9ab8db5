"""Figures, each in every format that people ask for."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from matplotlib.figure import Figure
from tqdm import tqdm

from permset.figures.styles import FORMATS, save
from permset.store.files import keep_only, write


def write_figures(folder: Path, figures: Mapping[str, Figure]) -> None:
    """All figures of a folder; what an earlier state of params.yaml left there is deleted."""
    files = {f"{name}.{kind}": figure for name, figure in figures.items() for kind in FORMATS}
    for name, figure in tqdm(files.items(), desc="figures", leave=None, disable=None):  # None shows it on a terminal
        write(folder / name, partial(save, figure))
    keep_only(folder, files)
