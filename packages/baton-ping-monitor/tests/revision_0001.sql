CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
CREATE TABLE servers (
    id INTEGER NOT NULL,
    fqdn VARCHAR(253) NOT NULL,
    is_known BOOLEAN NOT NULL,
    environment TEXT NOT NULL,
    app_names TEXT NOT NULL,
    first_seen FLOAT,
    last_seen FLOAT,
    last_pong FLOAT,
    state TEXT NOT NULL,
    since FLOAT,
    is_expected BOOLEAN NOT NULL,
    is_retired BOOLEAN NOT NULL,
    maintenance_until FLOAT,
    PRIMARY KEY (id),
    UNIQUE (fqdn)
);
CREATE TABLE facts (
    server_id INTEGER NOT NULL,
    facts TEXT NOT NULL,
    at FLOAT,
    PRIMARY KEY (server_id),
    FOREIGN KEY(server_id) REFERENCES servers (id)
);
CREATE TABLE contents (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    digest BLOB NOT NULL,
    extension TEXT NOT NULL,
    kind TEXT NOT NULL,
    server_id INTEGER NOT NULL,
    environment TEXT NOT NULL,
    app_names TEXT NOT NULL,
    summary TEXT NOT NULL,
    error TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (digest),
    FOREIGN KEY(server_id) REFERENCES servers (id)
);
CREATE INDEX contents_server ON contents (server_id);
CREATE TABLE outputs (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    message_id VARCHAR(255),
    correlation_id VARCHAR(255),
    server_id INTEGER NOT NULL,
    content_id INTEGER NOT NULL,
    instance TEXT NOT NULL,
    received FLOAT NOT NULL,
    latency FLOAT,
    sort SMALLINT NOT NULL,
    UNIQUE (message_id),
    FOREIGN KEY(server_id) REFERENCES servers (id),
    FOREIGN KEY(content_id) REFERENCES contents (id)
);
CREATE INDEX outputs_correlation ON outputs (correlation_id);
CREATE INDEX outputs_samples ON outputs (server_id, sort, received);
CREATE INDEX outputs_content ON outputs (content_id, id);
CREATE TABLE missed (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    server_id INTEGER NOT NULL,
    at FLOAT NOT NULL,
    FOREIGN KEY(server_id) REFERENCES servers (id)
);
CREATE INDEX missed_server ON missed (server_id, at);
CREATE TABLE minutes (
    server_id INTEGER NOT NULL,
    at BIGINT NOT NULL,
    answered INTEGER NOT NULL,
    missed INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    low FLOAT,
    high FLOAT,
    total FLOAT NOT NULL,
    measured INTEGER NOT NULL,
    PRIMARY KEY (server_id, at),
    FOREIGN KEY(server_id) REFERENCES servers (id)
) WITHOUT ROWID;
CREATE TABLE hours (
    server_id INTEGER NOT NULL,
    at BIGINT NOT NULL,
    answered INTEGER NOT NULL,
    missed INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    low FLOAT,
    high FLOAT,
    total FLOAT NOT NULL,
    measured INTEGER NOT NULL,
    PRIMARY KEY (server_id, at),
    FOREIGN KEY(server_id) REFERENCES servers (id)
) WITHOUT ROWID;
CREATE TABLE marks (
    name VARCHAR(32) NOT NULL,
    id INTEGER NOT NULL,
    PRIMARY KEY (name)
);
CREATE TABLE transitions (
    id INTEGER NOT NULL,
    server_id INTEGER NOT NULL,
    at FLOAT NOT NULL,
    "before" TEXT NOT NULL,
    "after" TEXT NOT NULL,
    "by" TEXT NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(server_id) REFERENCES servers (id)
);
CREATE INDEX transitions_server ON transitions (server_id, at);
CREATE INDEX transitions_at ON transitions (at);
CREATE TABLE incidents (
    id VARCHAR(64) NOT NULL,
    subject TEXT NOT NULL,
    is_environment BOOLEAN NOT NULL,
    environment TEXT NOT NULL,
    servers TEXT NOT NULL,
    began FLOAT NOT NULL,
    ended FLOAT,
    PRIMARY KEY (id)
);
CREATE INDEX incidents_began ON incidents (began);
CREATE TABLE runs (
    id VARCHAR(255) NOT NULL,
    sent FLOAT NOT NULL,
    "by" TEXT NOT NULL,
    targets TEXT NOT NULL,
    document TEXT NOT NULL,
    replies TEXT,
    PRIMARY KEY (id)
);
CREATE INDEX runs_sent ON runs (sent);
INSERT INTO alembic_version VALUES ('0001');
INSERT INTO servers VALUES
    (1, 'web01.example.org', 1, 'production', '["shop"]', 1799990000.0, 1799999000.0, 1799999000.0,
     'up', 1799990000.0, 1, 0, NULL);
INSERT INTO facts VALUES (1, '{"platform": "debian"}', 1799990000.0);
INSERT INTO contents VALUES
    (1, x'00112233445566778899aabbccddeeff', 'baton-ping', 'pong', 1, 'production', '["shop"]',
     'pong', '', '{"type": "pong"}');
INSERT INTO outputs VALUES (1, 'm1', 'c1', 1, 1, 'i1', 1799999000.0, 0.01, 1);
INSERT INTO missed VALUES (1, 1, 1799998000.0);
INSERT INTO minutes VALUES (1, 1799998980, 1, 0, 0, 0.01, 0.01, 0.01, 1);
INSERT INTO hours VALUES (1, 1799996400, 7, 1, 0, 0.01, 0.01, 0.07, 7);
INSERT INTO marks VALUES ('outputs', 1), ('missed', 1);
INSERT INTO transitions VALUES (1, 1, 1799990000.0, '', 'up', '');
INSERT INTO incidents VALUES
    ('i1', 'web01.example.org', 0, 'production', '["web01.example.org"]', 1799998000.0,
     1799999000.0);
INSERT INTO runs VALUES ('r1', 1799999000.0, 'alice', '["*"]', '{"schema": 1}', NULL);
