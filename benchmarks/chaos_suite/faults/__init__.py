"""What can be done to a run: to its programs, links, disks, clocks, cards and database."""
