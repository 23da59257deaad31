"""Entry of the program: Ctrl-C during the imports of `automtl_cli.app` ends it without a traceback."""

import signal


def main() -> None:
    """Run the command that the process was started with."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from automtl_cli.app import main as run

    run()
