"""A clone of the project with small parameters, in which tests run commands as a user runs them."""

import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import mlflow
import yaml

ROOT = Path(__file__).parent.parent
TINY = {"seeds": 3, "workers": 2}
TINY_TRAIN = {"steps": 60, "batch_size": 20, "best_over": 10, "measure_every": 20, "measure_sets": 20}
TINY_STUDIES = {
    "widths": {
        "axis": "model.widths",
        "values": [[3], [5]],
        "runs": {"mlp": {}, "relu": {"run": "mlp", "set": {"model.activation": "relu"}}},
        "learning_rates": [0.01, 0.03],
        "show": ["accuracy", "loss"],
    },
    "set_size": {
        "axis": "test.task.set_size",
        "values": [5, 20],
        "runs": {"deepset": {}},
        "show": ["regret"],
    },
}


class Project:
    """A clone of the working tree with small parameters, in which commands run as a user runs them."""

    def __init__(self, root: Path):
        self.root = root
        self.copies = itertools.count()
        files = (
            subprocess.run(
                ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                *(),
                cwd=ROOT,
                capture_output=True,
                check=True,
            )
            .stdout.decode()
            .split("\0")
        )
        for file in filter(None, files):
            if (ROOT / file).exists():
                (root / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / file, root / file)
        self.measure_less()
        for output in ("dvc.lock", "stages/dvc.lock", "studies/dvc.lock", "results"):
            subprocess.run(["rm", "-rf", output], cwd=root, check=True)
        self.params = yaml.safe_load((root / "params.yaml").read_text())
        self.params |= TINY
        self.params["train"] |= TINY_TRAIN
        self.params["tasks"] = {"unit_sum": self.params["tasks"]["unit_sum"] | {"test_sets": 200}}
        self.params["files"] = {}
        self.params["studies"] = TINY_STUDIES
        self.params["certificate"] |= {"objects": 500, "permutations": 5, "approximate": 0.1}
        self.params["runs"] = {run: self.params["runs"][run] for run in ("deepset", "mlp")}
        average = {"kind": "average", "group": {"kind": "symmetric"}, "train_samples": 1}
        self.params["runs"]["average"] = self.params["runs"]["mlp"] | {"symmetrizer": average}
        self.write_params()
        subprocess.run(["git", "init", "-q"], cwd=root, check=True)
        self.commit()

    def measure_less(self) -> None:
        """Points of the curves cost ten times what the steps between them do; three show what twenty would."""
        path = self.root / "permset/training/run.py"
        source = path.read_text()
        assert source.count("LEAST_POINTS = 20\n") == 1
        path.write_text(source.replace("LEAST_POINTS = 20\n", "LEAST_POINTS = 3\n"))

    def commit(self) -> None:
        for command in ("add -A", "-c user.name=t -c user.email=t@t commit -qm state"):
            subprocess.run(["git", *command.split()], cwd=self.root, check=True)

    def write_params(self) -> None:
        (self.root / "params.yaml").write_text(yaml.safe_dump(self.params))

    @property
    def environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW", "DVC"))}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return kept | {"PATH": path, "MLFLOW_DISABLE_TELEMETRY": "true", "DVC_NO_ANALYTICS": "1"}

    def repro(self, **variables: str) -> str:
        """What `make repro` runs."""
        return self.run("dvc", "repro", "dvc.yaml", "studies/dvc.yaml", **variables)

    def run(self, *command: str, status: int = 0, **variables: str) -> str:
        environment = self.environment | variables
        done = subprocess.run(command, cwd=self.root, env=environment, capture_output=True, text=True, check=False)
        output = done.stdout + done.stderr
        assert (done.returncode == 0) == (status == 0), output
        return output

    def tracked(self) -> list[mlflow.entities.Run]:
        """From a copy, since MLflow would hold on to a store that a test deletes."""
        copy = self.root.parent / f"{next(self.copies)}.db"
        shutil.copy(self.root / "mlflow.db", copy)
        mlflow.set_tracking_uri(f"sqlite:///{copy}")
        runs: list[mlflow.entities.Run] = mlflow.search_runs(
            experiment_names=["permset", "permset studies"], output_format="list"
        )
        return runs

    def bytes_of(self, *patterns: str) -> dict[Path, bytes]:
        return {path: path.read_bytes() for pattern in patterns for path in sorted(self.root.glob(pattern))}
