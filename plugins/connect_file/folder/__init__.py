"""Many files from topics: formats, rolling, folders by field and time, each record once in the finished files.

Theory of operation. Records go to files that are hidden until they are finished. Each partition of a topic has a record
of its own in the folder (`journal.py`): where it goes on, and what files were finished behind that. A finished file is
written there first and renamed then, so a start knows of each whether it is to be renamed still; what is not there was
not finished, is removed, and comes again from the topic.

    config.py       the keys
    connector.py    the connector
    task.py         the task: what is put, and when
    planning.py     which record goes to which file; computes, decides nothing that stays
    partition.py    the files of one partition, and when they end
    journal.py      what a start finds
    placing.py      from the hidden name to the one that everybody sees
    part_file.py    a file that is being written
    templates.py    names of files and folders
    times.py        times of records, and how they are written in names
    encoding.py     values to the bytes of lines, JSON, CSV and whole files
    packing.py      gzip, bzip2, xz, Zstandard
    parquet.py      Parquet

Elsewhere: how CSV and lines are read (`connect_file.delimited`, `connect_file.lines`).
"""
