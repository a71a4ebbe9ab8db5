"""The site and the report in a browser: no page is wider than a phone, no link is broken, every image has words."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

import pytest
from committed import ROOT, check_out

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
MKDOCS = ROOT / ".venv-site/bin/mkdocs"
pytestmark = [
    pytest.mark.skipif(not MKDOCS.is_file(), reason="`make site` was never called, so MkDocs is not installed"),
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]
WIDTHS = 390, 1366
# Opens each page in a frame of each width, and sends back what is there.
HARNESS = """<!doctype html><meta charset="utf-8"><body><script type="module">
const look = (path, width) => new Promise(done => {
  const frame = Object.assign(document.createElement("iframe"), {src: path, width, height: 900})
  frame.onload = () => {
    const page = frame.contentDocument, all = name => [...page.querySelectorAll(name)]
    const seen = {
      path, width, inside: page.documentElement.scrollWidth,
      background: frame.contentWindow.getComputedStyle(page.body).backgroundColor,
      links: all("a[href]").map(a => a.href), ids: all("[id]").map(x => x.id),
      table: page.querySelector("table")?.getBoundingClientRect().bottom,
      images: all("img").map(image => [image.src.slice(0, 200), image.alt]),
      loaded: frame.contentWindow.performance.getEntriesByType("resource").map(entry => entry.name),
    }
    frame.remove()
    done(seen)
  }
  document.body.append(frame)
})
const found = []
for (const path of PATHS) for (const width of WIDTHS) found.push(await look(path, width))
await fetch("/found", {method: "POST", body: JSON.stringify(found)})
</script>"""


class Handler(SimpleHTTPRequestHandler):
    """Gives out files, and takes what the browser has found."""

    found: Queue[list[dict[str, Any]]] = Queue()

    def do_POST(self) -> None:
        self.found.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


def opened(site: Path, url: str, scheme: int) -> list[dict[str, Any]]:
    """What the browser sees of each page at each width, in a light (1) or dark (0) scheme."""
    paths = sorted(str(path.relative_to(site)) for path in site.rglob("*.html") if path.name != "404.html")
    script = HARNESS.replace("PATHS", json.dumps(paths)).replace("WIDTHS", json.dumps(WIDTHS))
    (site / "harness.html").write_text(script)
    options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        f"--blink-settings=preferredColorScheme={scheme}",
    ]
    with TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [CHROMIUM, *options, f"--user-data-dir={profile}", "--remote-debugging-port=0", f"{url}/harness.html"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as browser:
            try:
                return Handler.found.get(timeout=120)
            finally:
                browser.terminate()
                browser.wait()
                (site / "harness.html").unlink()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`make site` in a checkout of HEAD, with the report of the committed results."""
    root = tmp_path_factory.mktemp("site")
    check_out(root, ".")
    (root / ".venv-site").symlink_to(ROOT / ".venv-site")
    (root / ".venv").symlink_to(Path(sys.prefix))
    for command in ([sys.executable, "-m", "stages.report"], ["make", "site", "-o", ".venv-site/installed"]):
        subprocess.run(command, cwd=root, check=True, capture_output=True)
    return root / "site"


@pytest.fixture(scope="module")
def served(site: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(site)))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="module")
def pages(site: Path, served: str) -> list[dict[str, Any]]:
    return opened(site, served, 1)


def test_no_page_is_wider_than_its_window(pages: list[dict[str, Any]]) -> None:
    assert {"index.html", "docs/bags.html", "results/report.html"} <= {p["path"] for p in pages}
    wide = {(page["path"], page["width"]): page["inside"] for page in pages if page["inside"] > page["width"]}
    assert wide == {}


def test_the_first_screen_has_the_figure_and_its_table(pages: list[dict[str, Any]]) -> None:
    [start] = [page for page in pages if page["path"] == "index.html" and page["width"] == WIDTHS[-1]]
    assert len(start["images"]) == 1
    assert start["table"] <= 900


def test_no_link_is_broken(pages: list[dict[str, Any]], site: Path, served: str) -> None:
    ids = {page["path"]: set(page["ids"]) for page in pages}
    broken = []
    for page in pages:
        for link in page["links"]:
            path, _, anchor = link.removeprefix(f"{served}/").partition("#")
            path = path.partition("?")[0] or "index.html"
            missing = not (site / path).exists() or (anchor and anchor not in ids.get(path, set()) | {"__skip"})
            if missing if link.startswith(served) else "//127.0.0.1" in link:
                broken.append((page["path"], link))
    assert broken == []
    assert sum(len(page["links"]) for page in pages) > 100, "the control"


def test_every_image_has_words_of_its_own(pages: list[dict[str, Any]]) -> None:
    for page in pages:
        words = [alt for _, alt in page["images"]]
        assert all(words), page["path"]
        assert len(set(words)) == len(words), f"{page['path']}: the same words twice"


def test_nothing_is_loaded_from_another_host(pages: list[dict[str, Any]], served: str) -> None:
    loaded = {name for page in pages for name in page["loaded"]}
    assert loaded
    assert [name for name in loaded if not name.startswith((served, "data:", "blob:"))] == []


def test_the_pages_are_dark_where_that_is_wished_for(pages: list[dict[str, Any]], site: Path, served: str) -> None:
    light = {page["path"]: page["background"] for page in pages}
    dark = {page["path"]: page["background"] for page in opened(site, served, 0)}
    assert dark["index.html"] != light["index.html"]
