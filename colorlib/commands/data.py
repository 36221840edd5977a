"""The photos of the report downloaded, as ``colorlib data`` does it."""

from collections.abc import Sequence

from ..photos import COLLECTIONS, PhotosUnavailable, fetch_photos

__all__ = ["download"]


def download(collections: Sequence[str] = ()) -> None:
    """Download whole collections, by default all that can be downloaded, and say where they are.

    Raises
    ------
    PhotosUnavailable
        If a collection could not be downloaded; the others are, all the same.
    """
    failed = []
    for collection in collections or [name for name, (_, folder) in COLLECTIONS.items() if folder]:
        try:
            files = fetch_photos(collection)
        except PhotosUnavailable as error:
            failed.append(str(error))
        else:
            print(f"{collection}: {len(files)} photos in {next(iter(files.values())).parent}")
    if failed:
        raise PhotosUnavailable("; ".join(failed))
