"""`PYTHONSAFEPATH=1 python -m automtl_cli`; without it, Python imports modules of the current folder."""

import sys

if not sys.flags.safe_path:
    sys.stderr.write("error: python -m imports modules of the current folder\n  fix: run automtl\n")
    sys.exit(2)

from automtl_cli.start import main

main()
