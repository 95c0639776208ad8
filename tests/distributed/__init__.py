"""Tests of `torch.distributed`: several processes on the CPU, each run with a hard limit of time."""
