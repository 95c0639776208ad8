"""PyTorch's own database of operators (`op_db`) as examiner: every sample input runs under both libraries.

`entries` takes the database from the installed PyTorch, `converting` hands its samples over, `probes` says what is tried with
an entry, `outcomes` what is compared. `pytest -m opinfo` runs a part, `python -m tests.make op_db` all, and writes
docs/op_db.md.
"""
