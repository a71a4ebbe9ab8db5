"""`python -m stages.ahead`: train what `dvc repro` would, all blocks of all runs in one queue, and leave it for that"""

import json
import subprocess
import sys

from tqdm import tqdm

from permset import PermsetError
from permset.config.experiment import Params, files_of, load_params
from permset.networks.networks import count_params
from permset.training.finished import finish
from permset.training.run import Run, open_run
from permset.training.train import choose_device
from permset.training.units import units_of
from permset.training.workers import seed_workers
from stages import run


def ahead() -> None:
    """DVC runs one stage after the other, and a small run leaves cores idle; here they have the next run's blocks."""
    params = load_params()
    bags = [group for group, sources in (("generate", params.tasks), ("read", params.files)) if sources]
    dvc("repro", "--quiet", "code_train", *bags)
    runs = [open_run(params, name) for name in stale(params)]
    units = [unit for opened in sorted(runs, key=work, reverse=True) for unit in units_of(opened)]
    files = files_of(params, [params.run(opened.name).task for opened in runs])
    with (
        seed_workers(params.workers, choose_device(params.device), files) as executor,
        tqdm(total=len(units), desc="blocks", disable=None) as progress,
    ):
        for _ in finish(units, executor, progress.set_postfix_str):
            progress.update()


def stale(params: Params) -> list[str]:
    """The runs that DVC would train."""
    changed = json.loads(dvc("status", "--json", "train"))
    return [name for name in params.runs if f"train@{name}" in changed]


def dvc(*arguments: str) -> str:
    """What DVC prints; PermsetError where it fails, with what it says of that shown."""
    done = subprocess.run([sys.executable, "-m", "dvc", *arguments], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise PermsetError(f"dvc {' '.join(arguments)} failed")
    return done.stdout


def work(opened: Run) -> int:
    """About how much there is to do: weights times objects, over all steps."""
    settings = opened.settings
    return settings.steps * settings.batch_size * opened.task.set_size * count_params(opened.build())


if __name__ == "__main__":
    run(ahead)
