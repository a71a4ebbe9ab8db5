from pathlib import Path

from matplotlib.figure import Figure

from permset.store.figures import write_figures


def test_a_folder_has_each_figure_in_each_format_and_nothing_older(tmp_path: Path) -> None:
    (tmp_path / "old.png").touch()
    write_figures(tmp_path, {"loss": Figure(), "curves": Figure()})
    assert {path.name for path in tmp_path.iterdir()} == {"loss.png", "loss.svg", "curves.png", "curves.svg"}
    write_figures(tmp_path, {})
    assert not list(tmp_path.iterdir())
