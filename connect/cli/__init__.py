"""The command line face: parses, calls the herder or the ports, renders."""
