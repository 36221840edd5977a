"""Photo files downloaded, several at once, each verified; from the next address where a host fails, within seconds."""

import hashlib
import queue
import socket
import threading
import time
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

from ..paths import discard_parts, write_whole
from .shrink import shrink_photo

__all__ = ["PhotosUnavailable", "download_files", "kept_hashes"]

CONNECT_SECONDS = 5.0
PATIENCE_SECONDS = 10.0  # a host that sends less than `SLOWEST` for so long is given up
SLOWEST = 1000  # bytes a second
LARGEST = 200_000_000  # bytes of a photo; a host that sends more sends something else
DOWNLOADS_AT_ONCE = 8
SUMS = "SHA256SUMS"  # as the command sha256sum writes and checks it


class PhotosUnavailable(RuntimeError):  # noqa: N818 (a state of affairs that is handled, rather than a fault)
    """The photos of a collection are not on this machine and can't be downloaded."""


def download_files(files: Sequence[tuple[str, str, str]], folder: Path, what: str, shrink: bool = False) -> list[Path]:
    """Download files into a folder and verify each by its hash: all of them, or an error.

    What was downloaded before an error is kept. A host that is too slow or can't be reached is asked last from then on.

    Parameters
    ----------
    files : sequence of (url, sha256, name)
        At least one; names may contain folders. A url may be several addresses with spaces between, to try in order.
    folder : Path
    what : str
        What the files are, for the error message.
    shrink : bool
        Keep small copies instead of the files, and their hashes in the folder's ``SHA256SUMS``.

    Returns
    -------
    list of Path

    Raises
    ------
    PhotosUnavailable
        If no host can be reached, or a file can be downloaded from none of its addresses.
    """
    addresses = files[0][0].split()
    if not any(_can_connect(*_first_server(address)) for address in addresses):
        hosts = " and ".join(dict.fromkeys(_first_server(address)[0] for address in addresses))
        raise PhotosUnavailable(f"{len(files)} photos of {what} are not on this machine and {hosts} can't be reached")
    last: set[str] = set()  # hosts that were too slow

    def fetch(file: tuple[str, str, str]) -> Path:
        urls, sha256, name = file
        path, reasons = folder / (f"{name}.original" if shrink else name), []
        for url in sorted(urls.split(), key=lambda url: urlsplit(url).hostname in last):
            host = urlsplit(url).hostname or ""
            try:
                content = _get(url)
            except TimeoutError as error:
                last.add(host)
                reasons.append(f"{host}: {error}")
            except OSError as error:  # every other kind of network trouble
                reasons.append(f"{host}: {error}")
            else:
                if hashlib.sha256(content).hexdigest() == sha256:
                    write_whole(path, content)
                    return _keep_small(path, folder, name) if shrink else path
                reasons.append(f"{host} sent {len(content):,} bytes that are not the file that the manifest lists")
        raise PhotosUnavailable(f"the download of {what} failed ({name}: {'; '.join(reasons)})")

    for parent in {(folder / name).parent for _, _, name in files}:
        discard_parts(parent)
    with ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool:
        try:
            return list(pool.map(fetch, files))
        finally:  # after a failure, those that have not begun are not downloaded
            pool.shutdown(cancel_futures=True)


def _get(url: str) -> bytes:
    """Return what an address sends; raise a TimeoutError if it is too slow, and another OSError if it fails."""
    import requests
    import urllib3

    content = bytearray()
    try:
        with requests.get(url, stream=True, timeout=(CONNECT_SECONDS, PATIENCE_SECONDS)) as response:
            response.raise_for_status()
            since, size_then = time.monotonic(), 0
            while piece := response.raw.read1(1 << 16, decode_content=True):
                content += piece
                if len(content) > LARGEST:
                    raise OSError(f"it sent more than {LARGEST:,} bytes")
                if (now := time.monotonic()) - since >= PATIENCE_SECONDS:
                    if len(content) - size_then < SLOWEST * (now - since):
                        raise TimeoutError(f"it sent less than {SLOWEST:,} bytes a second")
                    since, size_then = now, len(content)
    except (requests.Timeout, requests.ConnectionError, urllib3.exceptions.TimeoutError) as error:
        raise TimeoutError(f"it did not answer in time ({error})") from error
    except urllib3.exceptions.HTTPError as error:
        raise OSError(f"it broke off ({error})") from error
    return bytes(content)


def kept_hashes(folder: Path) -> dict[str, str]:
    """Read the hashes of the small copies that downloads left in a folder, by the name of the file."""
    sums = folder / SUMS
    lines = sums.read_text("utf-8").splitlines() if sums.is_file() else []
    return {name: sha256 for sha256, _, name in (line.partition("  ") for line in lines)}


def _keep_small(original: Path, folder: Path, name: str) -> Path:
    content = shrink_photo(original)
    with open(folder / SUMS, "a", encoding="utf-8") as sums:  # before the copy, which is not accepted without it
        sums.write(f"{hashlib.sha256(content).hexdigest()}  {name}\n")
    write_whole(folder / name, content)
    original.unlink()
    return folder / name


def _first_server(url: str) -> tuple[str, int]:
    """Return the host and port that downloading a URL connects to: the proxy's where one is set."""
    parts = urlsplit(url)
    proxy = None if urllib.request.proxy_bypass(parts.hostname or "") else urllib.request.getproxies().get(parts.scheme)
    parts = urlsplit(proxy or url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def _can_connect(host: str, port: int) -> bool:
    """Tell within `CONNECT_SECONDS`, even where the name lookup itself hangs, whether a host can be reached."""
    answer: queue.SimpleQueue[bool] = queue.SimpleQueue()

    def connect():
        try:
            socket.create_connection((host, port), timeout=CONNECT_SECONDS).close()
            answer.put(True)
        except OSError:
            answer.put(False)

    threading.Thread(target=connect, daemon=True).start()
    try:
        return answer.get(timeout=CONNECT_SECONDS)
    except queue.Empty:
        return False
