-- Who sends and who asks: tenants, their keys, their machines.
-- Times are nanoseconds since 1970, UTC; UUIDs are 16 bytes.

CREATE TABLE tenant (
    id      BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    number  INTEGER NOT NULL UNIQUE,
    name    TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 100),
    created INTEGER NOT NULL
) STRICT;

CREATE TABLE machine (
    id         BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    tenant     BLOB NOT NULL REFERENCES tenant (id) ON DELETE CASCADE,
    number     INTEGER NOT NULL CHECK (number > 0),
    identifier TEXT NOT NULL CHECK (length(identifier) BETWEEN 1 AND 100),
    name       TEXT NOT NULL,
    created    INTEGER NOT NULL,
    UNIQUE (tenant, number),
    UNIQUE (tenant, identifier)
) STRICT;

-- hash is the SHA-256 of the whole secret, which itself is nowhere; prefix finds it.
CREATE TABLE key (
    id         BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    tenant     BLOB REFERENCES tenant (id) ON DELETE CASCADE,
    scope      TEXT NOT NULL CHECK (scope IN ('ingest', 'read', 'admin')),
    machine    BLOB REFERENCES machine (id) ON DELETE CASCADE,
    may_create INTEGER NOT NULL CHECK (may_create IN (0, 1)),
    name       TEXT NOT NULL,
    prefix     TEXT NOT NULL,
    hash       BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    created    INTEGER NOT NULL,
    last_used  INTEGER,
    revoked    INTEGER,
    CHECK ((tenant IS NULL) = (scope = 'admin'))
) STRICT;

CREATE INDEX key_of_tenant ON key (tenant);
