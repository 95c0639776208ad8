"""`python -m jtorch.distributed.launch`: the older name of `jtorch.distributed.run`."""

from jtorch.distributed.run import get_args_parser, main, parse_args, run

__all__ = ["get_args_parser", "main", "parse_args", "run"]

if __name__ == "__main__":
    main()
