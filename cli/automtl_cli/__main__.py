"""`python -m automtl_cli`, for `torchrun --nproc-per-node 2 -m automtl_cli train ...`."""

from automtl_cli.start import main

if __name__ == "__main__":
    main()
