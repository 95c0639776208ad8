"""The folder that `jtorch run` puts on PYTHONPATH: Python imports sitecustomize.py from it when it starts."""
