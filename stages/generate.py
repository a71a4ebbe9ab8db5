"""generate@<task>: the fixed test set → data/<task>.npz"""

from pathlib import Path

from permset.files import write_bags
from permset.params import load_params
from permset.randomness import generator
from permset.tasks import build_task
from stages import run


def generate(name: str) -> None:
    params = load_params().task(name)
    x, y = build_task(params).sample(params.test_sets, generator(params.test_seed, "test"))
    write_bags(Path(f"data/{name}.npz"), x.numpy(), y.numpy())


if __name__ == "__main__":
    run(generate)
