"""Bad parameters give one clear line that names the place."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.utils.hydra import apply_overrides

from permset import PermsetError
from permset.config.experiment import Params, load_params
from permset.store.files import write

ROOT = Path(__file__).parents[2]

BLOCKS = {"kind": "blocks", "sizes": [3, 6]}
GAUSSIAN = {"kind": "gaussian_variance", "set_size": 4, "channels": 2, "test_sets": 1000, "test_seed": 0}
MAXIMUM = {"kind": "maximum", "set_size": 4, "high": 1.0, "loss": "squared", "test_sets": 1000, "test_seed": 0}
HALVES = GAUSSIAN | {"kind": "blocks", "variances": [2.0, 1.0]}
ROTATIONS = {"kind": "rotations", "set_size": 4, "negatives": "swapped", "test_sets": 1000, "test_seed": 0}
CYCLE = {"kind": "generated", "cycles": [[[0, 10]]]}
MLP = {"kind": "mlp", "widths": [5], "activation": "tanh"}
FOLDS = {"kind": "folds", "folds": 5, "repeats": 1, "validation": 0.1, "seed": 0}
MINE = {"kind": "csv", "path": "mine.csv", "bag": "b", "label": "l", "target": "binary", "split": FOLDS}
TRANSFORMER = {"kind": "set_transformer", "width": 32, "heads": 3, "blocks": 1}
MIXTURES = {
    "kind": "gaussian_mixtures",
    "components": 2,
    "set_sizes": [3, 4],
    "high": 1.0,
    "deviation": 0.1,
    "test_sets": 20,
    "test_seed": 0,
}
POPULATION = {
    "kind": "population",
    "statistic": "rotation",
    "set_sizes": [3, 3],
    "family_seed": 0,
    "test_sets": 10,
    "test_seed": 0,
}
SVM = {"kind": "svm", "statistics": ["mean"], "penalty": 1.0}


@pytest.fixture
def data() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "params.yaml").read_text())


def load(tmp_path: Path, data: Any) -> Any:
    path = tmp_path / "params.yaml"
    path.write_text(data if isinstance(data, str) else yaml.safe_dump(data))
    return load_params(path)


def change(data: dict[str, Any], place: str, value: Any) -> None:
    *inner, last = place.split(".")
    for key in inner:
        data = data.setdefault(key, {})
    data[last] = value


def test_the_default_file_is_valid() -> None:
    params = load_params(ROOT / "params.yaml")
    assert params.seeds == 16
    assert params.tasks["unit_sum"].test_sets == 10_000


def test_runs_on_the_published_collection_have_the_settings_of_the_main_pipeline() -> None:
    """Those of musk1, and folds as in the paper: five times ten."""
    params, main = load_params(ROOT / "published/elephant/params.yaml"), load_params(ROOT / "params.yaml")
    runs = params.runs
    methods = "mean", "max", "attention", "set_transformer", "svm"
    assert list(runs) == [f"elephant_{method}" for method in methods]
    for method, other in {"max": "deepset", "attention": "attention", "svm": "svm"}.items():
        assert runs[f"elephant_{method}"].model == main.runs[f"musk1_{other}"].model
    networks = [run for run in runs.values() if run.model.kind != "svm"]
    assert all(run.train == main.runs["musk1_attention"].train for run in networks)
    assert params.files["elephant"].split == main.files["musk1"].split
    assert params.files["elephant"].split.model_dump(include={"folds", "repeats"}) == {"folds": 10, "repeats": 5}
    assert params.fetched is not None
    assert main.fetched is not None
    assert params.fetched.sha256.items() <= main.fetched.sha256.items()
    assert list(params.to_fetch) == [Path("fetched/elephant.csv")]


def test_a_run_overrides_the_shared_training_settings(tmp_path: Path, data: dict[str, Any]) -> None:
    change(data, "runs.deepset.train.steps", 7)
    params = load(tmp_path, data)
    assert params.train_of("deepset").steps == 7
    assert params.train_of("deepset").batch_size == params.train.batch_size
    assert params.train_of("mlp").steps == params.train.steps


def test_epochs_are_counted_in_steps(tmp_path: Path, data: dict[str, Any]) -> None:
    change(data, "runs.mlp.train", {"data": 100, "epochs": 5, "batch_size": 32})
    settings = load(tmp_path, data).train_of("mlp")
    assert (settings.bags, settings.steps, settings.batch_size) == (100, 16, 32)


def test_a_split_leaves_no_trace_of_what_it_does_not_ask_for(data: dict[str, Any]) -> None:
    """So that models, which hold their parameters, keep their bytes."""
    column = {"kind": "column", "column": "part"}
    for split in (FOLDS, FOLDS | {"group": "a"}, column, column | {"group": "a", "identical": "refuse"}):
        data["files"]["mine"] = MINE | {"split": split}
        assert Params.model_validate(data).files["mine"].split.model_dump() == split


def test_a_run_may_weight_classes_and_keep_weights_otherwise_than_the_others(
    tmp_path: Path, data: dict[str, Any]
) -> None:
    change(data, "train.class_weights", "balanced")
    change(data, "train.keep", "best")
    change(data, "runs.deepset.train", {"class_weights": "none", "keep": "last"})
    settings = [load(tmp_path, data).train_of(run) for run in ("mlp", "deepset")]
    assert [(train.class_weights, train.keep) for train in settings] == [("balanced", "best"), ("none", "last")]


def test_training_leaves_no_trace_of_what_it_does_not_ask_for(tmp_path: Path, data: dict[str, Any]) -> None:
    """So that models, which hold their parameters, keep their bytes."""
    params = load(tmp_path, data)
    assert params.train.model_dump() == data["train"]
    assert params.runs["deepset"].train.model_dump() == dict.fromkeys(
        ["data", "steps", "epochs", "batch_size", "learning_rate", "schedule", "weight_decay"]
    )


def test_a_rate_in_scientific_notation_is_a_number(tmp_path: Path, data: dict[str, Any]) -> None:
    text = yaml.safe_dump(data).replace("learning_rate: 0.01", "learning_rate: 1e-2")
    assert load(tmp_path, text).train.learning_rate == 0.01


@pytest.mark.parametrize(
    ("place", "value", "expected"),
    [
        ("seedz", 3, "seedz: unknown key"),
        ("runs.deepset.model.hiden", [5], "runs.deepset.model.hiden: unknown key"),
        ("runs.mlp.train.best_over", 2, "runs.mlp.train.best_over: unknown key"),
        ("train.steps", "many", "train.steps: Input should be a valid integer, got 'many'"),
        ("train.steps", 10.5, "train.steps: Input should be a valid integer"),
        ("train.learning_rate", -0.1, "train.learning_rate: Input should be greater than 0, got -0.1"),
        ("train.learning_rate", float("nan"), "train.learning_rate: Input should be a finite number"),
        ("train.batch_size", 101, "train: batch_size must be even to balance the classes of fresh bags, got 101"),
        (
            "runs.deepset.train.learning_rate",
            "fast",
            "runs.deepset.train.learning_rate: Input should be a valid number",
        ),
        ("runs.deepset.task", "unit_sums", "runs.deepset.task: no task is named 'unit_sums'; choose one of: "),
        (
            "runs.deepset.model.kind",
            "transformer",
            "runs.deepset.model: kind must be one of 'deepset', 'monotone', 'set_transformer', 'svm', 'mlp', "
            "'equivariant', 'multichannel', got 'transformer'",
        ),
        ("runs.deepset.model", {}, "runs.deepset.model: kind is missing; add it"),
        ("runs.deepset.model", "mlp", "runs.deepset.model: must be a mapping of keys to values, got 'mlp'"),
        ("runs.deepset.model.element_widths", [5, -1], "runs.deepset.model.element_widths.1: Input should be greater"),
        (
            "tasks.unit_sum.subset_sizes",
            [3, 12],
            "tasks.unit_sum: subset_sizes must lie between 1 and set_size 10, got 12",
        ),
        ("tasks.unit_sum.subset_sizes", [3, 3], "tasks.unit_sum: subset_sizes must differ"),
        ("tasks.unit_sum.test_sets", 501, "tasks.unit_sum.test_sets: Input should be a multiple of 2"),
        ("tasks.unit_sum.test_sets", 10, "plots.batch_sets: 20 is more than tasks.unit_sum.test_sets 10"),
        ("runs.Deep Set", {"task": "unit_sum", "model": MLP}, "runs.Deep Set: String should match pattern"),
        ("runs", {}, "runs: "),
        ("runs.mlp.symmetrizer", {"kind": "average", "group": BLOCKS}, "runs.mlp.symmetrizer.group: sizes must add up"),
        (
            "runs.mlp.symmetrizer",
            {"kind": "augmentation", "group": CYCLE},
            "runs.mlp.symmetrizer.group: cycles must be",
        ),
        ("files.mine", MINE | {"label": ["l", "m"]}, "files.mine: label must be one column for target binary, got"),
        ("files.mine", MINE | {"label": 3}, "files.mine.label: must be a text, or a list of different ones, got 3"),
        ("files.mine", MINE | {"split": FOLDS | {"folds": 1}}, "files.mine.split.folds: Input should be greater than"),
        (
            "files.mine",
            MINE | {"split": {"kind": "colum", "column": "part"}},
            "files.mine.split: kind must be one of 'folds', 'fraction', 'column', got 'colum'",
        ),
        ("files.mine", MINE | {"split": {"kind": "column"}}, "files.mine.split.column: missing; add it"),
        (
            "files.mine",
            MINE | {"split": FOLDS | {"group": 3}},
            "files.mine.split.group: Input should be a valid string",
        ),
        (
            "files.mine",
            MINE | {"split": FOLDS | {"identical": "drop"}},
            "files.mine.split.identical: Input should be 'count' or 'refuse', got 'drop'",
        ),
        (
            "tasks.digits.split",
            {"kind": "column", "column": "part"},
            "tasks.digits.split: column, group and identical are for files; ask for folds or a fraction without them",
        ),
        ("tasks.digits.split", FOLDS | {"group": "a"}, "tasks.digits.split: column, group and identical are for files"),
        ("tasks.digits.split", FOLDS | {"identical": "refuse"}, "tasks.digits.split: column, group and identical are"),
        ("files.mine", MINE | {"target": "class"}, "files.mine.target: Input should be 'binary', 'classes' or 'real'"),
        ("files.mine", MINE | {"feature": ["x"]}, "files.mine.feature: unknown key"),
        ("files.mine", MINE | {"path": "fetched/mine.csv"}, "files.mine.path: fetched/ has only what fetched.sha256"),
        (
            "files.mine",
            MINE | {"path": "é" * 128},
            "files.mine.path: must be a path whose parts have",
        ),
        ("files.mine", MINE | {"path": "a\0b"}, "files.mine.path: must be a path whose parts have"),
        ("studies.set_size.axis", "model.x\ny", "studies.set_size.axis: String should match pattern"),
        ("studies.set_size.set", {"model.x\ny": 1}, "studies.set_size.set.'model.x\\ny': String should match pattern"),
        (
            "studies.set_size.slopes",
            {"regret": float("nan")},
            "studies.set_size.slopes.regret: Input should be",
        ),
        ("files.unit_sum", MINE, "files.unit_sum: a task has this name too"),
        ("runs.mine", {"task": "mine", "model": MLP}, "runs.mine.task: no task is named 'mine'"),
        ("runs.musk1_deepset.train.data", 100, "runs.musk1_deepset.train.data: the bags of musk1 are as many as they"),
        ("runs.mlp.model", SVM, "runs.mlp.model.kind: a support-vector machine cannot learn from fresh bags"),
        (
            "runs.musk1_svm.symmetrizer",
            {"kind": "canonical", "order": "norm"},
            "runs.musk1_svm.symmetrizer: a support-vector machine takes none",
        ),
        ("runs.mlp.model", TRANSFORMER, "runs.mlp.model: width must be a multiple of heads 3, got 32"),
        (
            "runs.deepset.model.pooling",
            "median",
            "runs.deepset.model.pooling: must be one of sum, mean, max, min, lse, attention, or a list of diff",
        ),
        ("runs.deepset.model.pooling", ["sum", "sum"], "runs.deepset.model.pooling: must be one of sum, mean"),
        ("runs.mlp.train", {"data": 100, "steps": 5, "epochs": 3}, "runs.mlp.train: either steps or epochs"),
        ("runs.mlp.train", {"epochs": 3}, "runs.mlp.train: epochs need a fixed sample"),
        ("runs.mlp.train", {"batch_size": 33}, "runs.mlp.train: batch_size must be even"),
        ("train.class_weights", "equal", "train.class_weights: Input should be 'balanced' or 'none', got 'equal'"),
        (
            "runs.longest",
            {"task": "maximum", "model": MLP, "train": {"class_weights": "balanced"}},
            "runs.longest.train.class_weights: there are no classes to balance; choose none",
        ),
        ("runs.mlp.train.keep", "first", "runs.mlp.train.keep: Input should be 'last' or 'best', got 'first'"),
        ("train.data", 33, "train.data"),
        ("train.data", "old", "train.data"),
        ("runs.mlp.symmetrizer", {"kind": "average"}, "runs.mlp.symmetrizer.group: missing; add it"),
        ("tasks.gaussian", GAUSSIAN | {"variances": [1.0, 1.0]}, "tasks.gaussian.variances: must differ"),
        ("tasks.mine", HALVES | {"variances": [2, 2]}, "tasks.mine.variances: must differ to tell the classes apart"),
        (
            "runs.clusters",
            {"task": "mixtures", "model": SVM, "train": {"data": 20}},
            "runs.clusters.model.kind: a support-vector machine cannot give a mixture",
        ),
        (
            "runs.clusters",
            {"task": "mixtures", "model": MLP, "train": {"class_weights": "balanced"}},
            "runs.clusters.train.class_weights: there are no classes to balance",
        ),
        ("tasks.mine", MIXTURES | {"components": 1}, "tasks.mine.components: Input should be greater than or equal to"),
        ("tasks.mine", MIXTURES | {"deviation": 0}, "tasks.mine.deviation: Input should be greater than 0"),
        ("tasks.mine", POPULATION | {"set_sizes": [5, 4]}, "tasks.mine.set_sizes: must begin with the smaller size"),
        ("tasks.mine", POPULATION | {"set_sizes": [5]}, "tasks.mine.set_sizes: List should have at least 2 items"),
        ("tasks.mine", POPULATION | {"statistic": "mean"}, "tasks.mine.statistic: Input should be 'rotation', 'corr"),
        ("tasks.mine", HALVES | {"set_size": 5}, "tasks.mine.set_size: Input should be a multiple of 2"),
        ("tasks.mine", ROTATIONS | {"set_size": 2}, "tasks.mine.set_size: Input should be greater than or equal to 3"),
        (
            "runs.canonical.symmetrizer",
            {"kind": "canonical", "order": "channels", "group": {"kind": "cyclic"}},
            "runs.canonical.symmetrizer: order channels takes each channel on its own, in any order; remove group",
        ),
        (
            "runs.canonical.symmetrizer",
            {"kind": "canonical", "order": "norm", "group": {"kind": "blocks", "sizes": [2, 3]}},
            "runs.canonical.symmetrizer.group: sizes must add up to the set size 10, got [2, 3]",
        ),
        (
            "tasks.gaussian",
            GAUSSIAN | {"variances": [1.0, 2.0], "channels": 0},
            "tasks.gaussian.channels: Input should be greater",
        ),
        (
            "certificate.objects",
            10**12,
            "certificate.objects: Input should be less than or equal to 10000000, got 1000",
        ),
        ("train.data", 10**12, "train.data: must be fresh, or an even number from 2 to 10000000, got 1000000000000"),
        ("tasks.unit_sum.set_size", 10**6, "tasks.unit_sum.set_size: Input should be less than or equal to 100000"),
        (
            "runs.musk1_deepset.symmetrizer",
            {"kind": "augmentation", "group": {"kind": "blocks", "sizes": [10**6, 10**6]}},
            "runs.musk1_deepset.symmetrizer.group.sizes: must add up to at most 100000, got [1000000, 1000000]",
        ),
        (
            "runs.musk1_deepset.symmetrizer",
            {"kind": "augmentation", "group": {"kind": "generated", "cycles": [[[0, 10**6]]]}},
            "runs.musk1_deepset.symmetrizer.group.cycles.0.0.1: Input should be less than 100000",
        ),
        (
            "runs.mlp.symmetrizer",
            {"kind": "augmentation", "group": {"kind": "generated", "cycles": [[]]}},
            "runs.mlp.symmetrizer.group.cycles.0: List should have at least 1 item",
        ),
        (
            "runs.mlp.symmetrizer",
            {"kind": "augmentation", "group": {"kind": "generated", "cycles": [[[]]]}},
            "runs.mlp.symmetrizer.group.cycles.0.0: List should have at least 1 item",
        ),
        (f"runs.{'a' * 201}", {"task": "unit_sum", "model": MLP}, "runs.'aaaa"),
        ("studies", None, "studies: must be a mapping of keys to values, got nothing; write {} if it has no entries"),
        ("runs", None, "runs: must be a mapping of keys to values, got nothing; write {} if it has no entries"),
        ("tasks", "x\n" * 10**5, "tasks: must be a mapping of keys to values, got 'x"),
        ("two\nlines", 1, "'two\\nlines': unknown key"),
    ],
)
def test_a_mistake_is_one_line_with_its_place(
    tmp_path: Path, data: dict[str, Any], place: str, value: Any, expected: str
) -> None:
    data["tasks"] |= {"maximum": MAXIMUM, "mixtures": MIXTURES}
    change(data, place, value)
    with pytest.raises(PermsetError) as error:
        load(tmp_path, data)
    message = str(error.value)
    assert len(message.splitlines()) == 1, message
    assert message.startswith(f"{tmp_path / 'params.yaml'}: {expected}"), message


def test_a_missing_key_is_named(tmp_path: Path, data: dict[str, Any]) -> None:
    del data["train"]["steps"]
    with pytest.raises(PermsetError, match=r"train\.steps: missing; add it"):
        load(tmp_path, data)


def test_what_is_no_yaml_or_no_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PermsetError, match="not valid YAML"):
        load(tmp_path, "runs: [1, 2")
    with pytest.raises(PermsetError, match="cannot be read"):
        load_params(tmp_path / "nowhere.yaml")
    with pytest.raises(PermsetError, match=r"params\.yaml: must be a mapping of keys to values, got 'just a text'$"):
        load(tmp_path, "just a text")


def test_long_values_and_many_names_are_shortened(tmp_path: Path, data: dict[str, Any]) -> None:
    nested = {f"key_{i}": [{"x" * 50: ["y" * 50] * 9}] * 9 for i in range(9)}
    change(data, "runs.mlp.model.widths", nested)
    with pytest.raises(PermsetError, match=r"runs\.mlp\.model\.widths: .*…$") as error:
        load(tmp_path, data)
    assert len(str(error.value)) < len(str(tmp_path)) + 300
    change(data, "runs.mlp.model.widths", [5])
    data["tasks"] |= {f"task_{i}": GAUSSIAN | {"variances": [1.0, 2.0]} for i in range(100)}
    change(data, "runs.mlp.task", "x")
    with pytest.raises(PermsetError, match=r"choose one of: (\w+, ){40}… \(105 in all\)$"):
        load(tmp_path, data)


def test_an_unknown_run_or_task_is_named() -> None:
    params = load_params(ROOT / "params.yaml")
    with pytest.raises(PermsetError, match="runs has no entry 'deepsets'; choose one of: deepset"):
        params.run("deepsets")
    with pytest.raises(PermsetError, match="tasks has no entry 'x'"):
        params.task("x")


@pytest.mark.parametrize(
    ("group", "affordable"),
    [
        ({"kind": "symmetric"}, False),
        ({"kind": "blocks", "sizes": [8, 2]}, False),
        ({"kind": "blocks", "sizes": [7, 3]}, False),
        ({"kind": "blocks", "sizes": [7, 1, 1, 1]}, True),
        ({"kind": "dihedral"}, True),
        ({"kind": "cyclic"}, True),
        ({"kind": "generated", "cycles": [[[0, 1]]]}, True),
    ],
)
def test_training_averages_over_small_groups_alone(
    tmp_path: Path, data: dict[str, Any], group: dict[str, Any], affordable: bool
) -> None:
    """7! = 5,040 elements are few enough, and 7! 3! = 30,240 are not."""
    change(data, "runs.mlp.symmetrizer", {"kind": "average", "group": group, "train_samples": 1})
    load(tmp_path, data)
    del data["runs"]["mlp"]["symmetrizer"]["train_samples"]
    if affordable:
        load(tmp_path, data)
        return
    with pytest.raises(PermsetError, match=r"runs\.mlp\.symmetrizer: training cannot average .*; give train_samples"):
        load(tmp_path, data)


@pytest.mark.parametrize(("kind", "largest"), [("cyclic", 10_000), ("dihedral", 5_000)])
def test_rotations_are_elements_too(tmp_path: Path, data: dict[str, Any], kind: str, largest: int) -> None:
    change(data, "runs.mlp.symmetrizer", {"kind": "average", "group": {"kind": kind}})
    change(data, "tasks.unit_sum.set_size", largest)
    data["runs"] = {"mlp": data["runs"]["mlp"]}
    load(tmp_path, data | {"studies": {}})
    change(data, "tasks.unit_sum.set_size", largest + 1)
    with pytest.raises(PermsetError, match="give train_samples"):
        load(tmp_path, data)


@pytest.mark.parametrize("name", ["a" * 200, "a" * 201])
def test_the_files_of_a_run_can_have_its_name(tmp_path: Path, data: dict[str, Any], name: str) -> None:
    """Those that are written first under a longer name included."""
    change(data, f"runs.{name}", data["runs"]["mlp"])
    if len(name) > 200:
        with pytest.raises(PermsetError, match="at most 200 characters"):
            load(tmp_path, data)
        return
    load(tmp_path, data)
    for file in (f"{name}_curves.csv", f"curves_{name}.png"):
        write(tmp_path / file, lambda path: path.write_text(""))


@pytest.mark.parametrize(
    ("override", "before", "after"),
    [
        ("runs.deepset.model.pooling=mean", "      pooling: sum", "      pooling: mean"),
        (
            "runs.mlp.model.widths=[20,20]",
            "    model: {kind: mlp, widths: [50, 50], activation: tanh}",
            "    model: {kind: mlp, widths: [20, 20], activation: tanh}",
        ),
    ],
)
def test_an_experiment_changes_one_line(tmp_path: Path, override: str, before: str, after: str) -> None:
    """The file is written in the layout of DVC, which writes it anew. If this fails, let DVC do so and commit that."""
    path = tmp_path / "params.yaml"
    shutil.copy(ROOT / "params.yaml", path)
    old = path.read_text().splitlines()
    apply_overrides(path, [override])
    new = path.read_text().splitlines()
    assert len(new) == len(old)
    assert [pair for pair in zip(old, new, strict=True) if pair[0] != pair[1]] == [(before, after)]
