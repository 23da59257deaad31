"""Entry of the program: Ctrl-C during the imports of `automtl_cli.app` ends it without a traceback.

Warnings of libraries are for developers, and are not shown, unless Python or AUTOMTL_DEBUG asks for them. The
warnings of automtl itself are not among them.
"""

import os
import signal
import sys
import warnings


def main() -> None:
    """Run the command that the process was started with."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    if not sys.warnoptions and not os.environ.get("AUTOMTL_DEBUG"):
        warnings.simplefilter("ignore")
        os.environ["PYTHONWARNINGS"] = "ignore"  # of worker processes
    from automtl_cli.app import main as run

    run()
