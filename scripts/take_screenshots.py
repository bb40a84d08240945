#!/usr/bin/env python3
"""Take the pictures of a running dashboard that the README shows.

Usage: ``python scripts/take_screenshots.py http://127.0.0.1:8080 [--output docs/images] [--theme light]``. Needs
Chromium (``apt-get install chromium``) and the ``dev`` extra.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PICTURES = {"dashboard": "Summary", "dashboard-run": "Runs", "dashboard-tests": "Tests written"}


def take(url: str, output: Path, theme: str, browser_path: str) -> list[Path]:
    """Save one PNG a page of ``PICTURES`` under ``output`` and return their paths. The newest run and test are open."""
    from playwright.sync_api import sync_playwright

    output.mkdir(parents=True, exist_ok=True)
    taken = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1280, "height": 860}, device_scale_factor=1.5)
        page.goto(f"{url.rstrip('/')}/?__theme={theme}")
        page.wait_for_selector("#view-summary .banner")
        for name, tab in PICTURES.items():
            page.get_by_role("tab", name=tab).click()
            rows = page.locator("[role=tabpanel]:visible a.row")
            if tab != "Summary" and rows.count():
                rows.first.click()
            page.wait_for_timeout(1500)  # a refresh comes once a second
            taken.append(output / f"{name}.png")
            page.screenshot(path=taken[-1])
        browser.close()
    return taken


def main() -> int:
    """Read the arguments and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="address of a running dashboard")
    parser.add_argument("--output", type=Path, default=Path(__file__).resolve().parent.parent / "docs" / "images")
    parser.add_argument("--theme", choices=("light", "dark"), default="light")
    arguments = parser.parse_args()
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        print("Chromium is not installed: apt-get install chromium", file=sys.stderr)
        return 2
    for path in take(arguments.url, arguments.output, arguments.theme, browser):
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
