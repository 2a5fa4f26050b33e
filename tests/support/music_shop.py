"""A schema as people have it, small: domains, enums, generated and identity columns, partitions, keys of two columns.

Its rows refer to each other; the copies do not declare that, since topics have no order among them.
"""

from __future__ import annotations

import re
from typing import Final

TYPES: Final = """
CREATE SCHEMA kinds;
CREATE TYPE kinds.media AS ENUM ('MPEG', 'AAC', 'lossless (FLAC)');
CREATE TYPE kinds.address AS (street text, city text, post_code varchar(10));
CREATE DOMAIN kinds.email AS text CHECK (VALUE LIKE '%@%');
CREATE DOMAIN kinds.price AS numeric(10,2) CHECK (VALUE >= 0);
"""
_TABLES: Final = """
CREATE TABLE S.artist (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name varchar(120) NOT NULL, tags text[]);
CREATE TABLE S.album (id serial PRIMARY KEY, title text NOT NULL, artist_id int NOT NULL REFERENCES S.artist,
    released date, cover bytea);
CREATE TABLE S.track (id bigserial PRIMARY KEY, album_id int REFERENCES S.album, name text NOT NULL,
    media kinds.media NOT NULL, milliseconds int NOT NULL, bytes bigint, unit_price kinds.price NOT NULL,
    seconds numeric GENERATED ALWAYS AS (milliseconds / 1000.0) STORED, words tsvector, peaks real[][]);
CREATE TABLE S."PlayList" (id int PRIMARY KEY, "Name" text, "made at" timestamptz NOT NULL DEFAULT now());
CREATE TABLE S."PlayList_track" (playlist_id int NOT NULL REFERENCES S."PlayList",
    track_id bigint NOT NULL REFERENCES S.track, PRIMARY KEY (playlist_id, track_id));
CREATE TABLE S.employee (id int PRIMARY KEY, reports_to int REFERENCES S.employee, name text NOT NULL, born date,
    shift tsrange, home kinds.address, badge uuid NOT NULL);
CREATE TABLE S.customer (id int PRIMARY KEY, name text, email kinds.email NOT NULL, settings jsonb, ip inet,
    balance money, full_name text GENERATED ALWAYS AS (upper(name)) STORED);
CREATE TABLE S.invoice (id bigint NOT NULL, at timestamp NOT NULL, customer_id int REFERENCES S.customer,
    total kinds.price NOT NULL, rate numeric, waited interval, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE S.invoice_2025 PARTITION OF S.invoice FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE S.invoice_rest PARTITION OF S.invoice DEFAULT PARTITION BY LIST (id);
CREATE TABLE S.invoice_first PARTITION OF S.invoice_rest FOR VALUES IN (1, 2);
CREATE TABLE S.invoice_others PARTITION OF S.invoice_rest DEFAULT;
"""
ROWS: Final = r"""
INSERT INTO src.artist (name, tags)
    SELECT 'Artist ' || i, CASE WHEN i % 3 > 0 THEN ARRAY['rock', NULL, i::text] END FROM generate_series(1, 40) i;
INSERT INTO src.album (title, artist_id, released, cover)
    SELECT E'Título\n' || i, 1 + i % 40, date '1969-12-30' + i * 97, decode(repeat('00ff', i % 5), 'hex')
    FROM generate_series(1, 90) i;
INSERT INTO src.track (album_id, name, media, milliseconds, bytes, unit_price, words, peaks)
    SELECT 1 + i % 90, 'Track "' || i || '"', (enum_range(NULL::kinds.media))[1 + i % 3], i * 7919, i * 10000000000,
        i % 7 + 0.99, to_tsvector('simple', 'track number ' || i), ARRAY[[i / 3.0, 0.1], [NULL, -i]]
    FROM generate_series(1, 500) i;
INSERT INTO src."PlayList"
    SELECT i, nullif('list ' || i, 'list 3'),
        timestamptz '2024-02-29 23:59:59.999999+01' + i * interval '1 day 0.000001 s' FROM generate_series(1, 9) i;
INSERT INTO src."PlayList_track"
    SELECT 1 + i % 9, 1 + (i * 31) % 500 FROM generate_series(1, 400) i ON CONFLICT DO NOTHING;
INSERT INTO src.employee
    SELECT i, nullif(i / 3, 0), 'Employee ' || i, date '1980-01-31' + i,
        tsrange('2024-01-01 09:00', '2024-01-01 17:30:00.5'), ROW('Main st. ' || i, 'A, "b"', NULL)::kinds.address,
        md5(i::text)::uuid
    FROM generate_series(1, 12) i;
INSERT INTO src.customer
    SELECT i, 'Customer ' || i, 'c' || i || '@example.org',
        jsonb_build_object('n', i, 'price', 1.50, 'deep', jsonb_build_array(NULL, 'é')), inet '10.0.0.0/8' + i,
        (i * 12.34)::numeric::money
    FROM generate_series(1, 60) i;
INSERT INTO src.invoice
    SELECT i, timestamp '2024-06-30 12:00' + i * interval '23 hours 0.000007 s', 1 + i % 60, i * 1.98,
        CASE WHEN i % 2 = 0 THEN trim_scale(1.0 / i) END, i * interval '1 month -3 days 04:05:06.789'
    FROM generate_series(1, 1000) i;
"""
#: The tables that are read, each with the columns that the server computes.
NAMES: Final = {
    "artist": [],
    "album": [],
    "track": ["seconds"],
    "PlayList": [],
    "PlayList_track": [],
    "employee": [],
    "customer": ["full_name"],
    "invoice": [],
}


def tables(schema: str, *, with_references: bool) -> str:
    """Return what makes the tables in a schema."""
    made = _TABLES if with_references else re.sub(r" REFERENCES S\.(\w+|\"\w+\")", "", _TABLES)
    return made.replace("S.", f"{schema}.")
