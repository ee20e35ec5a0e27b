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

    again: how the board is uploaded to after a failure. Raises ToolError when it does not end in
    TOOL_TIMEOUT_S: it is then killed.
    """
    name = Path(command[0]).name
    try:
        code = subprocess.run(command, check=False, timeout=TOOL_TIMEOUT_S).returncode
    except subprocess.TimeoutExpired:
        raise ToolError(f"{name} did not end in {TOOL_TIMEOUT_S:g} s; {again}") from None
    if code:
        print(f"{UPLOADER_SAYS}{name} ended with {code}; {again}", file=sys.stderr)
    return code
