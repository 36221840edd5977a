"""Photo files downloaded, several at once, each verified; without a network it says so within seconds."""

import queue
import socket
import threading
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

__all__ = ["PhotosUnavailable", "download_files"]

CONNECT_SECONDS = 5
DOWNLOADS_AT_ONCE = 8


class PhotosUnavailable(RuntimeError):  # noqa: N818 (a state of affairs that is handled, rather than a fault)
    """The photos of a collection are not on this machine and can't be downloaded."""


def download_files(files: Sequence[tuple[str, str, str]], folder: Path, what: str) -> list[Path]:
    """Download files into a folder and verify each by its hash: all of them, or an error.

    Parameters
    ----------
    files : sequence of (url, sha256, name)
        At least one; names may contain folders.
    folder : Path
    what : str
        What the files are, for the error message.

    Returns
    -------
    list of Path

    Raises
    ------
    PhotosUnavailable
        If the host can't be reached, or a download fails.
    """
    host, port = _first_server(files[0][0])
    if not _can_connect(host, port):
        raise PhotosUnavailable(f"{len(files)} photos of {what} are not on this machine and {host} can't be reached")
    import pooch

    def fetch(file: tuple[str, str, str]) -> Path:
        url, sha256, name = file
        downloader = pooch.HTTPDownloader(timeout=30)
        return Path(pooch.retrieve(url, f"sha256:{sha256}", fname=name, path=folder, downloader=downloader))

    pooch.get_logger().setLevel("WARNING")
    for _, _, name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool:
        try:
            return list(pool.map(fetch, files))
        except Exception as error:  # every kind of network trouble that requests knows, and a wrong hash
            pool.shutdown(cancel_futures=True)
            raise PhotosUnavailable(f"the download of {what} failed ({error})") from error


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
