"""Python imports this as it starts where PYTHONPATH names this folder: it notes which files are read and written.

The lines of ``$COLORLIB_AUDIT_LOG`` are ``["read", PATH]`` or ``["write", PATH]``, each once, with paths of files in
``$COLORLIB_AUDIT_ROOT`` relative to it. What a library opens past Python, as ONNX Runtime does, is not seen.
"""

import json
import os
import sys

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def watch(log: str, root: str) -> None:
    file, seen = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), set()
    prefix = os.path.realpath(root) + os.sep

    def note(event: str, arguments: tuple) -> None:
        if event == "open":
            path, _, flags = arguments
            kind = "write" if isinstance(flags, int) and flags & WRITES else "read"
        elif event == "os.rename":  # how a file is written whole or not at all
            path, kind = arguments[1], "write"
        else:
            return
        if isinstance(path, int) or (kind, path) in seen:
            return
        seen.add((kind, path))
        full = os.path.realpath(os.fsdecode(path))
        if full.startswith(prefix):
            os.write(file, (json.dumps([kind, full.removeprefix(prefix).replace(os.sep, "/")]) + "\n").encode())

    sys.addaudithook(note)


if "COLORLIB_AUDIT_LOG" in os.environ:
    watch(os.environ["COLORLIB_AUDIT_LOG"], os.environ["COLORLIB_AUDIT_ROOT"])
