"""A model that is loaded from MLflow answers as its network does, to bags in every form that it takes."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
import torch
from clone import ROOT
from masked_bags import with_any_weights
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import PyFuncModel, scoring_server
from predicted_tables import BAGS, NETWORK, check, table_of
from pydantic import TypeAdapter
from torch import nn
from tracked_results import interface, log, result, runs

from permset.config.experiment import load_params
from permset.config.networks import MLPParams, SymmetrizerParams
from permset.config.tasks import DrawnParams
from permset.data.bags import Bags, Collection
from permset.data.batches import Split
from permset.data.randomness import generator
from permset.data.targets import Binary, Classes, Real
from permset.data.tasks import Collected, GaussianVariance, Maximum, Task, build_task
from permset.networks.build import build_model
from permset.networks.networks import MLP, DeepSet
from permset.reading.encoding import Column, Encoding
from permset.symmetry.groups import PermutationGroup
from permset.symmetry.symmetrizers import GroupAverage, SetNetwork
from permset.tracking.mirror import mirror
from permset.tracking.models import answers_of, example_of, frame_of, interface_of
from permset.tracking.served import Interface
from permset.tracking.store import project_root

COUNT = count()
LEAST = {"kind": "canonical", "order": "lexicographic", "group": {"kind": "cyclic"}}
FRAME = {"kind": "frame", "directions": 5, "seed": 0}
PARAMS = load_params(ROOT / "params.yaml")
COLLECTED = {
    "digits": (30, ["row", "column", "intensity"], Classes(10, tuple("0123456789"))),
    "musk1": (40, [f"f{i}" for i in range(166)], Binary(("0", "1"))),
    "birds_brown_creeper": (43, [f"f{i}" for i in range(38)], Binary(("0", "1"))),
}


@pytest.fixture(autouse=True, scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One for all tests here, since making one takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(tmp_path_factory.mktemp("project")))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield project_root()


def logged(network: nn.Module, taken: Interface) -> str:
    """Where the model is."""
    name = f"network {next(COUNT)}"
    mirror([result(name, log_inputs=partial(log, network, taken, name))])
    [run] = [run for run in runs() if run.info.run_name == name]
    return f"models:/{run.outputs.model_outputs[0].model_id}"


def loaded(network: nn.Module, **changes: Any) -> PyFuncModel:
    return mlflow.pyfunc.load_model(logged(network, interface(**changes)))


def collected(channels: int, sizes: list[int], target: Any) -> Collected:
    collection = Collection(torch.randn(sum(sizes), channels), torch.tensor(sizes), torch.zeros(len(sizes), 1))
    return Collected(Split(collection, torch.zeros(1, len(sizes), dtype=torch.long)), target)


def default(name: str) -> tuple[SetNetwork, Task, list[str]]:
    """The network of a run of params.yaml, with any weights; its task, of which bags in files are made up; channels."""
    run = PARAMS.run(name)
    source = PARAMS.task(run.task)
    channels: list[str] = []
    if isinstance(source, DrawnParams):
        task: Task = build_task(source)
    else:
        most, channels, target = COLLECTED[run.task]
        task = collected(len(channels), [2, most], target)
    shape = task.set_size, task.channels, task.target.outputs, task.standardize
    draws = generator(0, name)
    torch.manual_seed(0)
    network = build_model(run.model, run.symmetrizer, *shape)
    for weight in network.parameters():
        weight.data += 0.2 * torch.randn(weight.shape, generator=draws)
    network.fit_scales(torch.randn(50, task.channels, generator=draws) + 0.3, None)
    return network, task, channels


def plain(channels: list[str]) -> Encoding | None:
    """Of columns of numbers, where there are any."""
    return Encoding([Column(name) for name in channels]) if channels else None


def bits(sets: int, size: int, channels: int, seed: int = 0) -> np.ndarray:
    """Bags of few different objects, of which there are few arrangements."""
    draws = generator(seed, "bits")
    return torch.randint(2, (sets, 1, channels), generator=draws).double().numpy() * (
        np.arange(size)[None, :, None] % 5 < 1 + np.arange(sets)[:, None, None] % 3
    )


@pytest.mark.parametrize("name", PARAMS.runs)
def test_the_model_of_every_default_run_takes_bags_of_all_sizes_that_it_can(name: str) -> None:
    network, task, channels = default(name)
    any_size, example = PARAMS.run(name).takes_any_set_size, example_of(task)
    taken = interface_of(task, example.mask is not None, any_size, plain(channels))
    model = mlflow.pyfunc.load_model(logged(network, taken))
    names = answers_of(task.target)
    sizes = (task.set_size, *((1, 5, 57) if any_size else ()))
    for sets, size in [(sets, size) for sets in (1, 7) for size in sizes]:
        x = bits(sets, size, task.channels)
        table = model.predict(x)
        assert len(table) == sets
        check(table, network(torch.from_numpy(x).float()), names)
        pd.testing.assert_frame_equal(model.predict(x.astype(np.float32)), table)
    if any_size:
        mixed = [bits(7, size, task.channels)[i] for i, size in enumerate((3, 0, 43, 1, 1, 8))]
        outputs = torch.cat([network(torch.from_numpy(bag).float()[None]) for bag in mixed])
        check(model.predict(mixed), outputs, names)
        assert outputs.std(0).min() > 1e-4, "the control: bags differ"
    else:
        with pytest.raises(MlflowException, match=f"bag 0 has 9 objects, and this network takes exactly {size}$"):
            model.predict(bits(1, 9, task.channels))
    if network.claimed_group(task.set_size) is not None:
        x, turn = bits(7, task.set_size, task.channels), np.roll(np.arange(task.set_size), 3)
        columns = [column for column in table.columns if column != "predicted"]
        np.testing.assert_allclose(model.predict(x[:, turn])[columns], model.predict(x)[columns], atol=1e-6)


@pytest.mark.parametrize("symmetrizer", [LEAST, FRAME])
def test_so_does_the_model_of_a_group_or_a_frame(symmetrizer: dict[str, Any]) -> None:
    params = TypeAdapter(SymmetrizerParams).validate_python(symmetrizer)
    network = build_model(MLPParams(kind="mlp", widths=[5], activation="tanh"), params, 6, 2)
    x = torch.randn(7, 6, 2, generator=generator(0, "bags"))
    taken = interface_of(GaussianVariance(6, 2), varying=False, any_size=False)
    table = mlflow.pyfunc.load_model(logged(network, taken)).predict(x.numpy())
    check(table, network(x), answers_of(Binary()))


@pytest.fixture(scope="module")
def model(store: Path) -> PyFuncModel:
    return loaded(NETWORK)


def served(model: PyFuncModel, content: dict[str, Any]) -> Any:
    """What a server answers."""
    answer = scoring_server.invocations(
        json.dumps(content), "application/json", model, model.metadata.get_input_schema()
    )
    return json.loads(answer.response)["predictions"]


def test_a_server_takes_json(model: PyFuncModel) -> None:
    alike = np.stack([bag[:1] for bag in BAGS])
    frame = table_of(BAGS, list("abcd"))
    mask = [[True, False]] * 4
    for content, expected in (
        ({"inputs": alike.tolist()}, alike),
        ({"inputs": {"x": np.repeat(alike, 2, 1).tolist(), "mask": mask}}, alike),
        ({"dataframe_split": frame.to_dict("split", index=False)}, frame),
        ({"dataframe_records": frame.to_dict("records")}, frame),
    ):
        rows = served(model, content)
        assert rows == model.predict(expected).to_dict("records")
    with pytest.raises(MlflowException, match="bag 0 must have shape") as error:
        served(model, {"inputs": alike[..., :2].tolist()})
    assert error.value.message.endswith("\nError: bag 0 must have shape (objects, 3), got (1, 2)")
    assert error.value.get_http_status_code() == 400


def test_classes_and_numbers_have_their_names() -> None:
    for target, answers in (
        (Binary(("no", "yes")), ["no", "yes"]),
        (Classes(3, ("a", "b", "c")), ["a", "b", "c"]),
        (Classes(2), ["class 0", "class 1"]),
        (Real(2, names=("weight", "age")), ["weight", "age"]),
        (Real(1), ["target"]),
    ):
        assert answers_of(target) == answers


def test_its_example_and_signature_say_what_it_takes_and_gives(model: PyFuncModel) -> None:
    assert list(model.input_example) == ["bag", "u", "v", "w"]
    assert model.input_example["bag"].tolist() == [0] * 5 + [1] * 5
    table = model.predict(model.input_example)
    outputs = model.metadata.get_output_schema()
    assert outputs.input_names() == list(table)
    assert model.metadata.get_input_schema() is None


def test_the_lines_of_the_readme_load_the_model_of_a_run(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And those of the library call it, and its server takes the file."""
    [lines] = [block for block in blocks("README.md") if "load_model" in block]
    table = [asdict(column) for column in plain(["price", "weight"]).columns]
    columns = {"bag": "basket", "table": table, "channels": ["price", "weight"]}
    network = with_any_weights(DeepSet(2, [4], [3])).float()
    for name, one in {"baskets_deepset": network, "other": DeepSet(2, [4], [3])}.items():
        mirror([result(name, log_inputs=partial(log, one, interface(**columns), name))])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mlflow.db").symlink_to(store / "mlflow.db")
    table = table_of(BAGS, list("dbac")).rename(columns={"bag": "basket", "u": "price", "v": "weight"})
    table.to_csv("march.csv", index=False)
    names: dict[str, Any] = {}
    exec(lines, names)
    model, outputs = names["model"], torch.cat([network(torch.tensor(bag[None, :, :2]).float()) for bag in BAGS])
    check(model.predict(table), outputs, ["no", "yes"])
    assert capsys.readouterr().out == f"{model.predict(table)}\n{names['newest'].model_uri}\n"
    answer = scoring_server.invocations(Path("march.csv").read_bytes(), "text/csv", model, None)
    assert json.loads(answer.response)["predictions"] == model.predict(table).to_dict("records")
    [lines] = [block for block in blocks("docs/library.md") if "model.predict" in block]
    calls = re.findall(r"^(model\.predict\(.*?\))  #", lines, re.MULTILINE)
    exec(lines, names)
    assert [len(eval(call, names)) for call in calls] == [2, 2, 2, 2]


def blocks(page: str) -> list[str]:
    return re.findall(r"```py\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)


ELSEWHERE = """
import sys, mlflow, numpy
sys.modules["permset"] = None
graph = mlflow.pyfunc.load_model(sys.argv[1])
print(graph.predict(numpy.zeros((1, 5, 3)))["predicted"][0])
del sys.modules["permset"]
average = mlflow.pyfunc.load_model(sys.argv[2])
print(average.predict(numpy.zeros((1, 3, 3)))["predicted"][0])
print(sys.modules["permset"].__file__)
"""


def test_a_model_runs_where_permset_is_not() -> None:
    average = GroupAverage(with_any_weights(MLP(3, 3, [4])).float(), PermutationGroup.symmetric(3))
    networks = [(NETWORK, interface()), (average, interface(3))]
    graph, pickle = (Path(mlflow.artifacts.download_artifacts(logged(*network))) for network in networks)
    command = [sys.executable, "-c", ELSEWHERE, str(graph), str(pickle)]
    found = subprocess.run(command, cwd="/", capture_output=True, text=True, check=True).stdout.split()
    expected = [network(torch.zeros(1, 3, 3)).item() > 0 for network, _ in networks]
    assert found[:2] == ["yes" if answer else "no" for answer in expected]
    assert Path(found[2]).is_relative_to(pickle)
    required = (graph / "requirements.txt").read_text()
    assert re.findall(r"^\w+", required, re.MULTILINE) == ["mlflow", "numpy", "pandas", "torch"]


def test_the_network_itself_takes_tensors(model: PyFuncModel) -> None:
    network = model.unwrap_python_model().network
    x, mask = torch.randn(2, 9, 3), torch.rand(2, 9) < 0.5
    torch.testing.assert_close(network(x, mask), NETWORK(x, mask))


def test_the_example_is_of_small_bags_and_has_a_mask_where_sizes_vary() -> None:
    example = example_of(collected(3, [2, 0, 9, 1, 4], Binary()))
    assert example.mask is not None
    assert example.mask.sum(1).tolist() == [1, 2]
    assert example_of(collected(3, [0, 0], Binary())).mask is not None
    assert example_of(Maximum()).mask is not None
    assert example_of(GaussianVariance()).mask is None
    frame = frame_of(example, interface())
    assert frame["bag"].tolist() == [0, 1, 1]
    np.testing.assert_array_equal(frame[["u", "v", "w"]], example.x[example.mask])


def test_the_example_has_texts_and_gaps_as_the_file_of_training() -> None:
    mixed = Encoding([Column("u", lacks=True), Column("kind", ["food", "toy"])], "mean")
    objects = torch.tensor([[[5.0, 0, 1, 0]], [[2, 1, 0, 1]]])
    as_file = frame_of(Bags(objects, torch.zeros(2, 1)), interface_of(Maximum(), True, True, mixed))
    assert as_file["kind"].tolist() == ["food", "toy"]
    assert as_file["u"].tolist()[0] == 5
    assert as_file["u"].isna().tolist() == [False, True]


def test_what_a_network_takes_follows_from_the_bags_of_its_training() -> None:
    task = collected(2, [3, 5], Binary(("no", "yes")))
    varying = interface_of(task, True, False, plain(["price", "weight"]), "basket")
    assert (varying.fewest, varying.most, varying.bag, varying.channels) == (0, 5, "basket", ["price", "weight"])
    fixed = interface_of(GaussianVariance(), False, False)
    assert (fixed.fewest, fixed.most, fixed.bag, fixed.channels[-1]) == (10, 10, "bag", "channel 4")
    anything = interface_of(GaussianVariance(), False, True)
    assert (anything.fewest, anything.most) == (0, None)
    assert [taken.masked for taken in (varying, fixed, anything)] == [True, False, True]
