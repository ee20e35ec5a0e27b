"""How an uploader ends: what goes wrong is one line on standard error, behind UPLOADER_SAYS."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from hil.errors import TinyhilError, ToolError
from hil.firmware.build import UPLOADER_SAYS

#: Exit code of a program that Ctrl-C has ended, as shells count it.
INTERRUPTED: Final = 130
#: Of each uploader's --check.
CHECK_HELP: Final = "only look whether there is a board to upload to; nothing is touched"
#: Seconds for another's uploader: enough for 1 MB at 2 KB/s.
TOOL_TIMEOUT_S: Final = 600.0


def outcome(action: Callable[[], int]) -> int:
    """Return the exit code of `action`, its own or its error's."""
    try:
        return action()
    except TinyhilError as error:
        print(f"{UPLOADER_SAYS}{error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        told = "interrupted: the board may hold half an image, and takes the next upload"
        print(f"\n{UPLOADER_SAYS}{told}", file=sys.stderr)
        return INTERRUPTED


def run_tool(command: Sequence[str], again: str) -> int:
    """Run another's uploader, which speaks for itself; return its exit code.

    again: how the board is uploaded to after a failure, for the message where it does not end in
    TOOL_TIMEOUT_S: it is then killed, and ToolError raised.
    """
    name = Path(command[0]).name
    try:
        return subprocess.run(command, check=False, timeout=TOOL_TIMEOUT_S).returncode
    except subprocess.TimeoutExpired:
        raise ToolError(f"{name} did not end in {TOOL_TIMEOUT_S:g} s; {again}") from None
    except OSError as error:
        raise ToolError(f"{name} does not start: {error.strerror or error}") from None


def failed(program: str, code: int, again: str) -> int:
    """Say that another's uploader has failed; return its exit code."""
    print(f"{UPLOADER_SAYS}{Path(program).name} ended with {code}; {again}", file=sys.stderr)
    return code
