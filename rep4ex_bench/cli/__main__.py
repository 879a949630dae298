"""`python -m rep4ex_bench.cli` is the command `rep4ex-bench`."""

from rep4ex_bench.cli.main import main

if __name__ == "__main__":
    main()
