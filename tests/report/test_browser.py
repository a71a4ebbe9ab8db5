"""The page in a browser, as wide as a phone and as a laptop."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from stages.report import report

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
WIDTHS = 390, 1366
# For each width: by how much the page can be scrolled sideways, what reaches beyond it, which tables have to be
# scrolled on their own, and which images are not shown.
LOOK = """
const scrolls = (e) => e && (getComputedStyle(e).overflowX === "auto" || scrolls(e.parentElement));
const seen = (page, width) => ({
  width: width,
  beyond: page.documentElement.scrollWidth - width,
  outside: [...page.querySelectorAll("body *")]
    .filter((e) => e.getBoundingClientRect().right > width + 1 && !scrolls(e)).map((e) => e.id || e.tagName),
  scrolled: [...page.querySelectorAll("main .scroll")].filter((e) => e.scrollWidth > e.clientWidth).length,
  images: [...page.images].filter((e) => e.naturalWidth).length,
  hidden: [...page.images].filter((e) => !e.naturalWidth).length,
});
addEventListener("load", () => {
  const frames = [...document.querySelectorAll("iframe")];
  for (const frame of frames) frame.contentDocument.querySelectorAll("details").forEach((e) => { e.open = true; });
  const found = frames.map((frame) => seen(frame.contentDocument, frame.clientWidth));
  document.body.innerHTML = "<pre></pre>";
  document.querySelector("pre").textContent = JSON.stringify(found);
});
"""

pytestmark = pytest.mark.skipif(BROWSER is None, reason="there is no Chromium to open the report in")


def look(page: str, folder: Path) -> list[dict[str, Any]]:
    """What a browser finds on the page in frames of each width."""
    frames = "".join(
        f'<iframe width="{width}" height="900" style="border: 0" srcdoc="{html.escape(page)}"></iframe>'
        for width in WIDTHS
    )
    (folder / "frames.html").write_text(f"<!doctype html><meta charset='utf-8'><script>{LOOK}</script>{frames}")
    switches = "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1800,2000"
    command = [str(BROWSER), *switches, f"--user-data-dir={folder / 'profile'}", "--dump-dom"]
    shown = subprocess.run([*command, str(folder / "frames.html")], capture_output=True, check=True, text=True).stdout
    [found] = re.findall(r"<pre>(\[.*\])</pre>", shown)
    return json.loads(html.unescape(found))


def test_the_page_fits_a_phone_and_a_laptop(project: Path) -> None:
    report()
    page = (project / "results/report.html").read_text()
    phone, laptop = look(page, project)
    for seen, width in zip((phone, laptop), WIDTHS, strict=True):
        assert seen["width"] == width
        assert (seen["beyond"], seen["outside"]) == (0, [])
        assert (seen["images"], seen["hidden"]) == (page.count("<img "), 0)
    assert phone["scrolled"] > laptop["scrolled"] == 0, "tables are scrolled on a phone alone"


def test_what_does_not_fit_is_seen(project: Path) -> None:
    """The control."""
    wide = '<p id="wide" style="width: 500px">…</p><img src="data:,">'
    phone, laptop = look(f'<body style="margin: 0">{wide}</body>', project)
    assert (phone["beyond"], phone["outside"], phone["hidden"]) == (110, ["wide"], 1)
    assert (laptop["beyond"], laptop["outside"], laptop["hidden"]) == (0, [], 1)
