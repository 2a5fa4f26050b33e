"""Change data capture: a database's committed changes, row by row, out of its write-ahead log.

    connector, config            what a user says, and Debezium's names for it
    task ── planning             where to begin: snapshot, stream, or neither
      ├── slots, catalog         the server's side: slot, publication, tables
      ├── snapshots              rows that are there: COPY by several connections, in one snapshot
      │     └── snapshot_state   what of them is delivered, and which changes they hold already
      ├── replication            the protocol's bytes, over a connection that asyncpg made
      │     └── pgoutput         bytes to transactions and changes
      ├── shapes                 a table: schemas, and readers of columns by `column_types`, `temporal`, `literals`
      ├── records                changes to batches: envelope, keys, tombstones
      └── offsets, lsn           where we are

Elsewhere: connections, names and what a server's error means, in `connect_postgres`; trying again, in the runtime.
"""
