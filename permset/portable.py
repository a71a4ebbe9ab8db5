"""The same bits on every x86-64 processor with AVX2: switches that numpy and torch read once, when they are loaded.

Their libraries choose among kernels by the processor's maker and instruction set, and divide sums among threads by the
number of cores. Each choice rounds differently. The switches leave one choice, the one that every processor has.
"""

import ctypes
import os
import platform
import re
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

# Set to 0 it gives the same bits up, for the kernels that are fastest on this processor.
VARIABLE = "PERMSET_PORTABLE"
SWITCHES = {
    "ATEN_CPU_CAPABILITY": "avx2",  # torch's own kernels
    "MKL_CBWR": "COMPATIBLE",  # torch's matrix products; AVX2 would be heeded on Intel's processors alone
    "ONEDNN_MAX_CPU_ISA": "AVX2",  # torch's gelu
    "OPENBLAS_CORETYPE": "Haswell",  # matrix products of numpy, and of scipy within scikit-learn
    "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR",  # numpy's own kernels
}
# Cores are filled by processes, each of one thread. Besides, a first call of a function of MKL's vector library by
# several threads at once may give one of them a kernel of low accuracy (pytorch/pytorch#188792).
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
# Packages whose version may change the bytes of a result.
PACKAGES = ("matplotlib", "numpy", "pyoxipng", "scikit-learn", "scipy", "torch")
LOCK = Path(__file__).resolve().parent.parent / "requirements.lock"


def set_switches() -> None:
    """Set this process's environment, and so that of its children, before numpy or torch is loaded."""
    os.environ.update(dict.fromkeys(THREADS, "1"))
    if is_portable():
        os.environ.update(SWITCHES)


def is_portable() -> bool:
    """Whether the switches are wanted, and this processor has the kernels that they ask for."""
    return os.environ.get(VARIABLE) != "0" and _has_avx2()


def exceptions(device: str = "cpu") -> list[str]:
    """Why results that are computed here may differ from the committed ones in their last digits; none if they don't.

    `device` is the one of params.yaml.
    """
    found = []
    if os.environ.get(VARIABLE) == "0":
        found.append(f"{VARIABLE} is 0")
    elif not _has_avx2():
        found.append(f"this is no x86-64 processor with AVX2 under Linux ({platform.machine()}, {platform.system()})")
    if device != "cpu" and has_gpu():
        found.append("a GPU is used (device in params.yaml)")
    found += [f"{name} is {here or 'missing'} and not {locked}" for name, here, locked in _other_versions()]
    return found


def machine() -> dict[str, str]:
    """The processor, torch, its MKL, the C library, and the mode in which they work here."""
    import torch  # Loading it takes a second.

    mkl = re.search(r"Math Kernel Library Version (\S+?)-", torch.__config__.show())
    return {
        "processor": _cpuinfo("model name") or platform.machine(),
        "torch": torch.__version__,
        "mkl": mkl[1] if mkl else "none",
        "libc": " ".join(platform.libc_ver()),
        "mode": mode(),
    }


def mode() -> str:
    """What, besides code and parameters, the bytes of results depend on."""
    return "portable" if is_portable() else "native"


def arithmetic() -> str:
    """The switches in force, in words."""
    if not is_portable():
        return "whatever is fastest on this processor"
    return ", ".join(f"{name}={value}" for name, value in SWITCHES.items())


@cache
def has_gpu() -> bool:
    """Whether torch finds a GPU; without loading torch where there is not even a driver."""
    try:
        ctypes.CDLL("libcuda.so.1" if sys.platform == "linux" else "nvcuda.dll")
    except OSError:
        return False
    import torch

    return torch.cuda.is_available()


def _other_versions() -> list[tuple[str, str, str]]:
    """Name, version here and version in the lock of packages where these differ."""
    lines = LOCK.read_text().splitlines() if LOCK.is_file() else []
    locked = dict(line.lower().split("==") for line in lines if "==" in line)
    here = {name: _version(name) for name in PACKAGES if name in locked}
    return [(name, found, locked[name]) for name, found in here.items() if found != locked[name]]


def _version(name: str) -> str:
    try:
        return version(name).partition("+")[0]
    except PackageNotFoundError:
        return ""


@cache
def _has_avx2() -> bool:
    return platform.machine() == "x86_64" and {"avx2", "fma"} <= set(_cpuinfo("flags").split())


@cache
def _cpuinfo(key: str) -> str:
    """A field of /proc/cpuinfo for the first core; empty where there is none."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return ""
    found = re.search(rf"^{key}\s*: (.*)$", text, re.MULTILINE)
    return found[1] if found else ""
