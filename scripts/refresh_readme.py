"""Run the quickstart and write what it printed, and a picture of its report, into the README.

    python scripts/refresh_readme.py [--picture]

The picture needs Chromium; without ``--picture`` only the printed output is refreshed.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"(<!-- quickstart output[^\n]*-->\n).*?(<!-- end of quickstart output -->)", re.DOTALL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--picture", action="store_true", help="take the picture too (needs chromium)")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "holdfast", "run", "experiment=quickstart"]
        start = time.perf_counter()
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
        seconds = time.perf_counter() - start
        report = next(Path(folder).glob("runs/quickstart/*/report.html"))
        printed = re.sub(r"runs/quickstart/[^/ ]+", "runs/quickstart/<time>", done.stdout)
        if wanted.picture:
            take_picture(report, ROOT / "docs" / "images" / "report.png")
    lines = [line.rstrip() for line in printed.splitlines() if not line.rstrip().endswith("...")]
    text = "\n".join(["$ holdfast run experiment=quickstart", *lines])
    block = f"```\n{text}\n```\n\nThat took {seconds:.0f} seconds on two CPU cores, imports included.\n"
    readme = ROOT / "README.md"
    before = readme.read_text(encoding="utf-8")
    after = BLOCK.sub(lambda match: f"{match[1]}\n{block}{match[2]}", before)
    if "end of quickstart output" not in after:
        raise SystemExit("README.md has lost the markers of the quickstart output; put them back")
    readme.write_text(after, encoding="utf-8")
    print(block)


def take_picture(report: Path, to: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        raise SystemExit("no chromium on this machine; install it, or leave --picture out")
    to.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                browser,
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
                "--hide-scrollbars",
                "--disable-background-networking",
                f"--user-data-dir={profile}",
                "--window-size=1100,1150",
                f"--screenshot={to}",
                report.as_uri(),
            ],
            check=True,
            capture_output=True,
            timeout=120,
        )


if __name__ == "__main__":
    main()
