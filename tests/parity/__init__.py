"""PyTorch's own database of operators (`op_db`) as examiner: every sample input runs under both libraries.

`entries` takes the database from the installed PyTorch, `converting` makes its samples objects of either library, `probes` has
the comparisons, `outcomes` the parts of a result that are compared. `pytest -m opinfo` runs a part, `python -m tests.make op_db`
all, and writes docs/op_db.md.
"""
