"""`python -m connect`: the command `connect`."""

from connect.app import main

main()
