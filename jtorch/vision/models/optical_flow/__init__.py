"""Models that find the flow from one image to another."""

from .raft import *
