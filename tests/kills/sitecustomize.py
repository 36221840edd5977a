"""Kills processes that open certain files, as the rules in ``COLORLIB_KILLS`` say; Python imports this as it starts.

A rule is ``[ending of the file's name, pattern, note]``. With a pattern, it holds once a file of that name is below
``COLORLIB_KILLS_IN``; with a note, which is a folder to make, it holds a single time. The signal is the one that a
system short of memory sends. With ``COLORLIB_KILLS_PARENT``, the parent process gets it as well.
"""

import glob
import json
import os
import signal
import sys

FOLDER = os.environ.get("COLORLIB_KILLS_IN", "")
RULES = json.loads(os.environ.get("COLORLIB_KILLS", "[]"))


def kill(event, arguments):
    if event != "open" or not isinstance(arguments[0], str | bytes | os.PathLike):
        return
    name = os.fsdecode(arguments[0])
    for ending, needed, note in RULES:
        if not name.endswith(ending) or (needed and not glob.glob(os.path.join(FOLDER, needed))):
            continue
        if note:
            try:
                os.mkdir(note)  # only one process can
            except FileExistsError:
                continue
        if os.environ.get("COLORLIB_KILLS_PARENT"):
            os.kill(os.getppid(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)


if RULES:
    sys.addaudithook(kill)
