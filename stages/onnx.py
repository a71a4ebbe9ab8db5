"""`python -m stages.onnx <run>`: the network of a run's best seed → exported/<run>.onnx (no stage: on demand alone)"""

from pathlib import Path

from permset.config.experiment import load_params
from permset.tracking.models import best_network
from permset.tracking.onnx import write_onnx
from stages import run


def onnx(name: str) -> None:
    path = Path(f"exported/{name}.onnx")
    difference = write_onnx(path, *best_network(load_params(), name))
    print(f"{path}: its outputs differ from those of PyTorch by at most {difference:.1e}")


if __name__ == "__main__":
    run(onnx)
