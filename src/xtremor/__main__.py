"""Entry point: exit code 0, 2 for bad input (one sentence, no traceback), 3 where a part failed, 1 for a fault of ours,
130 for Ctrl-C."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

REPORT_FAULTS = "this is a fault of xtremor, not of your input; please report it with the lines above"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit."""
    code = run(sys.argv[1:] if arguments is None else list(arguments))
    from xtremor.ranks import leave

    leave(code)
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    from cyclopts.exceptions import CycloptsError

    from xtremor.cli.app import app, explain
    from xtremor.cli.config import expand
    from xtremor.errors import Elsewhere, Incomplete, UserError
    from xtremor.launch import stop_with_parent
    from xtremor.ranks import check_command, launched, speak_once

    stop_with_parent()
    speaks = launched().rank == 0
    try:
        check_command(arguments)
        speak_once()
        arguments, printed = expand(arguments)
        if printed is not None:
            print(printed, end="")
            return 0
        app(arguments, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        # All processes of a run have the same command line.
        return _refuse(explain(error, arguments), speaks=speaks)
    except Elsewhere:
        return 2
    except Incomplete as error:
        return _refuse(str(error), 3)
    except UserError as error:
        return _refuse(str(error))
    except KeyboardInterrupt:
        return _stopped("stopped")
    except BrokenPipeError:
        # The reader of our output (head, less) has gone: nothing more to say, and nothing to flush at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if type(error).__name__ == "Interrupted":
            return _stopped(f"{error}; the same command goes on from here", speaks)
        import traceback

        traceback.print_exc()
        print(f"error: {REPORT_FAULTS}", file=sys.stderr)
        return 1
    return 0


def _refuse(sentence: str, code: int = 2, speaks: bool = True) -> int:
    if speaks:
        print(f"error: {sentence}", file=sys.stderr)
    return code


def _stopped(sentence: str, speaks: bool = True) -> int:
    if speaks:
        print(f"\n{sentence}", file=sys.stderr)
    return 130


if __name__ == "__main__":
    main()
