"""Prints the chapters of the site that ``make site`` built, as ``build/report.pdf``, with Chromium.

python tools/pdf.py
"""

import shutil
import subprocess
import sys
from pathlib import Path

BUILD = Path(__file__).resolve().parent.parent / "build"
PAGE, PDF = BUILD / "site" / "report.html", BUILD / "report.pdf"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


def main() -> int:
    """Print the page; return the exit status."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        print(f"error: no Chromium to print with: install it, or print {PAGE} from any browser", file=sys.stderr)
        return 1
    if not PAGE.is_file():
        print(f"error: there is no {PAGE}: run `make site` first", file=sys.stderr)
        return 1
    PDF.unlink(missing_ok=True)
    options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer", f"--print-to-pdf={PDF}"]
    done = subprocess.run([browser, *options, PAGE.as_uri()], capture_output=True, text=True, timeout=300)
    if done.returncode or not PDF.is_file():
        print(f"error: {browser} printed nothing: {done.stderr.strip()[-500:]}", file=sys.stderr)
        return 1
    print(PDF)
    return 0


if __name__ == "__main__":
    sys.exit(main())
