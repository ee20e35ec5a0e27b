"""The pipeline's commands: each module has `add_arguments(parser)` and `execute(args) -> int`."""
