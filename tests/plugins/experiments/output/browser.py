"""A headless Chromium, where one is installed: opens a page, runs a script of the test's on it."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest


def chromium() -> str:
    """The browser's path, or skip."""
    for name in ("chromium", "chromium-browser", "google-chrome", "headless_shell"):
        if path := shutil.which(name):
            return path
    pytest.skip("no Chromium here to open the page in; on Debian: apt install chromium")


def opened(page: Path, script: str, folder: Path) -> Any:
    """Open a page, run a script whose value is JSON-ready after the page's own, and return the value.

    Anything that the page logs as an error, a blocked request included, is raised.
    """
    tried = folder / "tried.html"
    ending = f"""<script>
    window.addEventListener("load", () => {{
      let result;
      try {{ result = (() => {{ {script} }})(); }} catch (error) {{ result = {{failed: String(error)}}; }}
      const place = document.createElement("output");
      place.id = "result";
      place.textContent = JSON.stringify(result);
      document.body.append(place);
    }});
    </script></body>"""
    tried.write_text(page.read_text("utf-8").replace("</body>", ending), "utf-8")
    dumped = _run(["--dump-dom", "--enable-logging=stderr", tried.as_uri()], folder)
    problems = [line for line in dumped.stderr.splitlines() if "CONSOLE" in line]
    assert problems == []
    (found,) = re.findall(r'<output id="result">(.*?)</output>', dumped.stdout, re.DOTALL)
    value = json.loads(html.unescape(found))
    assert not isinstance(value, dict) or "failed" not in value, value
    return value


def pictured(page: Path, folder: Path) -> Path:
    """A screenshot of a page."""
    file = folder / "page.png"
    _run(["--hide-scrollbars", "--window-size=1200,1600", f"--screenshot={file}", page.as_uri()], folder)
    return file


def _run(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'profile'}"]
    return subprocess.run(
        [chromium(), *options, *arguments], capture_output=True, text=True, timeout=120, check=True
    )
