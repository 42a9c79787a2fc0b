"""Is the database what the sensors said, reading by reading? Reads files, compares, counts."""

from deploy.demo.check.comparison import compare
from deploy.demo.check.verdict import Verdict

__all__ = ["Verdict", "compare"]
