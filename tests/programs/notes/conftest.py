"""The programs are run by test_notes.py; to collect doctests, pytest would import them."""

collect_ignore_glob = ["note_*.py", "make_*.py"]
