-- Every statement that the store sends to SQL Server, reviewed; made by test_store_mssql_statements.py, see docs/testing.md.
-- (?...) stands for a list of any length, TOP 1 for any number, 0123456789abcdef for the digest of an ERP's name.

SET ANSI_NULLS ON; SET ANSI_NULL_DFLT_ON ON; SET ANSI_PADDING ON; SET ANSI_WARNINGS ON; SET ARITHABORT ON; SET
CONCAT_NULL_YIELDS_NULL ON; SET NOCOUNT ON; SET QUOTED_IDENTIFIER ON; SET XACT_ABORT ON; SET CURSOR_CLOSE_ON_COMMIT
OFF; SET IMPLICIT_TRANSACTIONS OFF; SET NUMERIC_ROUNDABORT OFF; SET LANGUAGE us_english; SET DATEFORMAT ymd; SET
DATEFIRST 7; SET ROWCOUNT 0; SET TEXTSIZE 2147483647; SET DEADLOCK_PRIORITY NORMAL; SET TRANSACTION ISOLATION LEVEL
READ COMMITTED; SET LOCK_TIMEOUT 30000
GO

SELECT CAST(SERVERPROPERTY('ProductVersion') AS VARCHAR)
GO

SELECT schema_name()
GO

SELECT name FROM sys.system_views WHERE name IN ('dm_exec_sessions', 'dm_pdw_nodes_exec_sessions')
GO

SELECT CASE transaction_isolation_level
                    WHEN 0 THEN NULL
                    WHEN 1 THEN 'READ UNCOMMITTED'
                    WHEN 2 THEN 'READ COMMITTED'
                    WHEN 3 THEN 'REPEATABLE READ'
                    WHEN 4 THEN 'SERIALIZABLE'
                    WHEN 5 THEN 'SNAPSHOT' END
                    AS TRANSACTION_ISOLATION_LEVEL
                    FROM sys.dm_exec_sessions
                    where session_id = @@SPID
GO

SELECT CAST('test max support' AS NVARCHAR(max))
GO

DECLARE @result int = 0, @snapshots int = COALESCE((SELECT snapshot_isolation_state FROM sys.databases WHERE
database_id = DB_ID()), 0); IF @snapshots = 1 SET TRANSACTION ISOLATION LEVEL SNAPSHOT ELSE SET TRANSACTION ISOLATION
LEVEL SERIALIZABLE; BEGIN TRANSACTION; IF @snapshots <> 1 EXEC @result = sys.sp_getapplock @Resource = N'po-ingest
write po 0123456789abcdef', @LockMode = 'Shared', @LockOwner = 'Transaction', @LockTimeout = 30000; SELECT @result
GO

SELECT sys.objects.name
FROM sys.objects JOIN sys.schemas ON sys.objects.schema_id = sys.schemas.schema_id
WHERE sys.schemas.name = CAST(? AS NVARCHAR(max)) AND sys.objects.type IN (?...) AND sys.objects.name IN (CAST(? AS
NVARCHAR(max)))
GO

COMMIT TRANSACTION
GO

SELECT compatibility_level, CASE WHEN DATABASEPROPERTYEX(DB_NAME(), 'Updateability') = 'READ_WRITE' THEN 1 ELSE 0 END
FROM sys.databases WHERE database_id = DB_ID()
GO

SELECT CASE WHEN SCHEMA_ID(N'po') IS NULL THEN 1 ELSE 0 END, HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'CREATE
SCHEMA'), HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE', N'CREATE TABLE'), HAS_PERMS_BY_NAME(DB_NAME(), N'DATABASE',
N'CREATE VIEW'), HAS_PERMS_BY_NAME(N'[po]', N'SCHEMA', N'ALTER'), HAS_PERMS_BY_NAME(N'[po]', N'SCHEMA',
N'REFERENCES'), OBJECT_ID(N'[po].[alembic_version]')
GO

DECLARE @result int = 0; SET TRANSACTION ISOLATION LEVEL READ COMMITTED; BEGIN TRANSACTION; EXEC @result =
sys.sp_getapplock @Resource = N'po-ingest write po 0123456789abcdef', @LockMode = 'Exclusive', @LockOwner =
'Transaction', @LockTimeout = 30000; IF @result >= 0 AND OBJECT_ID(N'[po].[po_line]', N'U') IS NOT NULL EXEC
(N'DECLARE @any bigint; SELECT TOP (1) @any = id FROM [po].[po_line] WITH (TABLOCK, HOLDLOCK)'); SELECT @result
GO

SET ANSI_NULLS ON; SET ANSI_NULL_DFLT_ON ON; SET ANSI_PADDING ON; SET ANSI_WARNINGS ON; SET ARITHABORT ON; SET
CONCAT_NULL_YIELDS_NULL ON; SET NOCOUNT ON; SET QUOTED_IDENTIFIER ON; SET XACT_ABORT ON
GO

IF SCHEMA_ID(N'po') IS NULL EXEC (N'CREATE SCHEMA [po]')
GO

CREATE TABLE po.alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
)
GO

CREATE TABLE po.ingestion_run (
    id BIGINT NOT NULL,
    run_identifier NVARCHAR(128) COLLATE Latin1_General_100_BIN2 NOT NULL,
    erp NVARCHAR(128) COLLATE Latin1_General_100_BIN2 NOT NULL,
    mode NVARCHAR(32) COLLATE Latin1_General_100_BIN2 NOT NULL,
    status NVARCHAR(32) COLLATE Latin1_General_100_BIN2 NOT NULL,
    started_at DATETIME2(6) NOT NULL,
    finished_at DATETIME2(6) NULL,
    duration_seconds DOUBLE PRECISION NULL,
    report NVARCHAR(max) COLLATE Latin1_General_100_BIN2 NULL,
    host NVARCHAR(510) COLLATE Latin1_General_100_BIN2 NOT NULL,
    version NVARCHAR(128) COLLATE Latin1_General_100_BIN2 NOT NULL,
    process INTEGER NULL,
    field_configuration NVARCHAR(max) COLLATE Latin1_General_100_BIN2 NULL,
    CONSTRAINT pk_ingestion_run PRIMARY KEY (id),
    CONSTRAINT uq_ingestion_run_identifier UNIQUE (run_identifier)
)
GO

CREATE INDEX ix_ingestion_run_erp ON po.ingestion_run (erp, status)
GO

CREATE TABLE po.po_line (
    id BIGINT NOT NULL,
    erp NVARCHAR(128) COLLATE Latin1_General_100_BIN2 NOT NULL,
    po_number NVARCHAR(128) COLLATE Latin1_General_100_BIN2 NOT NULL,
    line_number INTEGER NOT NULL,
    presence INTEGER NOT NULL,
    row_fingerprint VARBINARY(64) NULL,
    receipts_fingerprint VARBINARY(64) NULL,
    xref_fingerprint VARBINARY(64) NULL,
    item_code NVARCHAR(256) COLLATE Latin1_General_100_BIN2 NULL,
    sku NVARCHAR(256) COLLATE Latin1_General_100_BIN2 NULL,
    item NVARCHAR(510) COLLATE Latin1_General_100_BIN2 NULL,
    supplier_code NVARCHAR(128) COLLATE Latin1_General_100_BIN2 NULL,
    ordered_quantity DECIMAL(18, 3) NULL,
    delivered_quantity DECIMAL(18, 3) NULL,
    remaining_quantity DECIMAL(18, 3) NULL,
    in_date DATE NULL,
    promised_date DATE NULL,
    current_status NVARCHAR(128) COLLATE Latin1_General_100_BIN2 NULL,
    po_insert_date DATE NULL,
    final_customer NVARCHAR(510) COLLATE Latin1_General_100_BIN2 NULL,
    last_update_timestamp DATETIME2(6) NULL,
    custom_date_1 DATE NULL,
    custom_date_2 DATE NULL,
    custom_date_3 DATE NULL,
    custom_date_4 DATE NULL,
    custom_date_5 DATE NULL,
    custom_text_1 NVARCHAR(510) COLLATE Latin1_General_100_BIN2 NULL,
    custom_text_2 NVARCHAR(510) COLLATE Latin1_General_100_BIN2 NULL,
    custom_text_3 NVARCHAR(510) COLLATE Latin1_General_100_BIN2 NULL,
    custom_text_4 NVARCHAR(510) COLLATE Latin1_General_100_BIN2 NULL,
    custom_text_5 NVARCHAR(510) COLLATE Latin1_General_100_BIN2 NULL,
    custom_decimal_1 DECIMAL(18, 3) NULL,
    custom_decimal_2 DECIMAL(18, 3) NULL,
    custom_decimal_3 DECIMAL(18, 3) NULL,
    custom_decimal_4 DECIMAL(18, 3) NULL,
    custom_decimal_5 DECIMAL(18, 3) NULL,
    is_unmapped BIT NOT NULL,
    is_stale BIT NOT NULL,
    absent_since DATETIME2(6) NULL,
    source_quality NVARCHAR(32) COLLATE Latin1_General_100_BIN2 NOT NULL,
    custom_column_sources NVARCHAR(max) COLLATE Latin1_General_100_BIN2 NULL,
    erp_values NVARCHAR(max) COLLATE Latin1_General_100_BIN2 NULL,
    snapshot_id BIGINT NULL,
    first_seen_run_id BIGINT NULL,
    last_changed_run_id BIGINT NULL,
    CONSTRAINT pk_po_line PRIMARY KEY (id),
    CONSTRAINT uq_po_line_key UNIQUE (erp, po_number, line_number)
)
GO

CREATE TABLE po.item_xref (
    erp_item_code NVARCHAR(256) COLLATE Latin1_General_100_BIN2 NOT NULL,
    supplier_code NVARCHAR(128) COLLATE Latin1_General_100_BIN2 NULL,
    mapped_sku NVARCHAR(256) COLLATE Latin1_General_100_BIN2 NULL,
    mapped_item NVARCHAR(510) COLLATE Latin1_General_100_BIN2 NULL,
    is_active BIT NOT NULL,
    updated_at DATETIME2(6) NOT NULL,
    CONSTRAINT pk_item_xref PRIMARY KEY (erp_item_code)
)
GO

CREATE TABLE po.audit_event (
    id BIGINT NOT NULL,
    event_id NVARCHAR(128) COLLATE Latin1_General_100_BIN2 NOT NULL,
    event_type NVARCHAR(128) COLLATE Latin1_General_100_BIN2 NOT NULL,
    severity NVARCHAR(32) COLLATE Latin1_General_100_BIN2 NOT NULL,
    source NVARCHAR(128) COLLATE Latin1_General_100_BIN2 NOT NULL,
    run_id BIGINT NULL,
    po_line_id BIGINT NULL,
    timestamp DATETIME2(6) NOT NULL,
    previous_values NVARCHAR(max) COLLATE Latin1_General_100_BIN2 NULL,
    new_values NVARCHAR(max) COLLATE Latin1_General_100_BIN2 NULL,
    reason NVARCHAR(max) COLLATE Latin1_General_100_BIN2 NULL,
    previous_hash NVARCHAR(128) COLLATE Latin1_General_100_BIN2 NOT NULL,
    hash NVARCHAR(128) COLLATE Latin1_General_100_BIN2 NOT NULL,
    in_file BIT NOT NULL,
    CONSTRAINT pk_audit_event PRIMARY KEY (id),
    CONSTRAINT uq_audit_event_event_id UNIQUE (event_id)
)
GO

CREATE INDEX ix_audit_event_run ON po.audit_event (run_id)
GO

CREATE TABLE po.rejected_row (
    id BIGINT NOT NULL,
    run_id BIGINT NOT NULL,
    query NVARCHAR(32) COLLATE Latin1_General_100_BIN2 NOT NULL,
    po_number NVARCHAR(max) COLLATE Latin1_General_100_BIN2 NULL,
    line_number INTEGER NULL,
    field NVARCHAR(128) COLLATE Latin1_General_100_BIN2 NULL,
    reason NVARCHAR(max) COLLATE Latin1_General_100_BIN2 NOT NULL,
    row NVARCHAR(max) COLLATE Latin1_General_100_BIN2 NOT NULL,
    CONSTRAINT pk_rejected_row PRIMARY KEY (id)
)
GO

CREATE INDEX ix_rejected_row_run ON po.rejected_row (run_id)
GO

CREATE TABLE po.erp_snapshot (
    id BIGINT NOT NULL,
    po_line_id BIGINT NOT NULL,
    valid_from_run_id BIGINT NOT NULL,
    valid_to_run_id BIGINT NULL,
    sku NVARCHAR(256) COLLATE Latin1_General_100_BIN2 NULL,
    item NVARCHAR(510) COLLATE Latin1_General_100_BIN2 NULL,
    item_code NVARCHAR(256) COLLATE Latin1_General_100_BIN2 NULL,
    supplier_code NVARCHAR(128) COLLATE Latin1_General_100_BIN2 NULL,
    ordered_quantity DECIMAL(18, 3) NULL,
    delivered_quantity DECIMAL(18, 3) NULL,
    remaining_quantity DECIMAL(18, 3) NULL,
    in_date DATE NULL,
    promised_date DATE NULL,
    current_status NVARCHAR(128) COLLATE Latin1_General_100_BIN2 NULL,
    po_insert_date DATE NULL,
    final_customer NVARCHAR(510) COLLATE Latin1_General_100_BIN2 NULL,
    last_update_timestamp DATETIME2(6) NULL,
    custom_date_1 DATE NULL,
    custom_date_2 DATE NULL,
    custom_date_3 DATE NULL,
    custom_date_4 DATE NULL,
    custom_date_5 DATE NULL,
    custom_text_1 NVARCHAR(510) COLLATE Latin1_General_100_BIN2 NULL,
    custom_text_2 NVARCHAR(510) COLLATE Latin1_General_100_BIN2 NULL,
    custom_text_3 NVARCHAR(510) COLLATE Latin1_General_100_BIN2 NULL,
    custom_text_4 NVARCHAR(510) COLLATE Latin1_General_100_BIN2 NULL,
    custom_text_5 NVARCHAR(510) COLLATE Latin1_General_100_BIN2 NULL,
    custom_decimal_1 DECIMAL(18, 3) NULL,
    custom_decimal_2 DECIMAL(18, 3) NULL,
    custom_decimal_3 DECIMAL(18, 3) NULL,
    custom_decimal_4 DECIMAL(18, 3) NULL,
    custom_decimal_5 DECIMAL(18, 3) NULL,
    CONSTRAINT pk_erp_snapshot PRIMARY KEY (id),
    CONSTRAINT fk_erp_snapshot_po_line_id FOREIGN KEY(po_line_id) REFERENCES po.po_line (id),
    CONSTRAINT uq_erp_snapshot_line_run UNIQUE (po_line_id, valid_from_run_id)
)
GO

CREATE TABLE po.erp_change_event (
    id BIGINT NOT NULL,
    run_id BIGINT NOT NULL,
    po_line_id BIGINT NOT NULL,
    kind NVARCHAR(32) COLLATE Latin1_General_100_BIN2 NOT NULL,
    field_name NVARCHAR(128) COLLATE Latin1_General_100_BIN2 NULL,
    previous_value NVARCHAR(510) COLLATE Latin1_General_100_BIN2 NULL,
    new_value NVARCHAR(510) COLLATE Latin1_General_100_BIN2 NULL,
    cause NVARCHAR(32) COLLATE Latin1_General_100_BIN2 NOT NULL,
    detected_at DATETIME2(6) NOT NULL,
    CONSTRAINT pk_erp_change_event PRIMARY KEY (id),
    CONSTRAINT fk_erp_change_event_run_id FOREIGN KEY(run_id) REFERENCES po.ingestion_run (id),
    CONSTRAINT fk_erp_change_event_po_line_id FOREIGN KEY(po_line_id) REFERENCES po.po_line (id)
)
GO

CREATE INDEX ix_erp_change_event_line ON po.erp_change_event (po_line_id)
GO

CREATE INDEX ix_erp_change_event_run ON po.erp_change_event (run_id)
GO

CREATE TABLE po.batch (
    id BIGINT NOT NULL,
    po_line_id BIGINT NOT NULL,
    sequence INTEGER NOT NULL,
    delivered_quantity DECIMAL(18, 3) NOT NULL,
    delivery_date DATE NOT NULL,
    kind NVARCHAR(32) COLLATE Latin1_General_100_BIN2 NOT NULL,
    reference NVARCHAR(256) COLLATE Latin1_General_100_BIN2 NULL,
    event NVARCHAR(320) COLLATE Latin1_General_100_BIN2 NULL,
    source NVARCHAR(32) COLLATE Latin1_General_100_BIN2 NOT NULL,
    run_id BIGINT NOT NULL,
    CONSTRAINT pk_batch PRIMARY KEY (id),
    CONSTRAINT fk_batch_po_line_id FOREIGN KEY(po_line_id) REFERENCES po.po_line (id),
    CONSTRAINT fk_batch_run_id FOREIGN KEY(run_id) REFERENCES po.ingestion_run (id),
    CONSTRAINT uq_batch_line_sequence UNIQUE (po_line_id, sequence)
)
GO

CREATE TRIGGER [po].[audit_event_no_change] ON [po].[audit_event] INSTEAD OF UPDATE, DELETE AS BEGIN SET NOCOUNT ON;
THROW 51000, N'audit_event is append-only', 1; END
GO

CREATE VIEW po.v_po_line AS SELECT line.id AS po_line_id, line.erp, line.po_number, line.line_number, line.sku,
line.item, line.item_code, line.supplier_code, line.ordered_quantity AS ordered_quantity, line.delivered_quantity AS
delivered_quantity, line.remaining_quantity AS remaining_quantity, line.in_date, line.promised_date,
line.current_status, line.po_insert_date, line.final_customer, line.last_update_timestamp, line.custom_date_1,
line.custom_date_2, line.custom_date_3, line.custom_date_4, line.custom_date_5, line.custom_text_1,
line.custom_text_2, line.custom_text_3, line.custom_text_4, line.custom_text_5, line.custom_decimal_1 AS
custom_decimal_1, line.custom_decimal_2 AS custom_decimal_2, line.custom_decimal_3 AS custom_decimal_3,
line.custom_decimal_4 AS custom_decimal_4, line.custom_decimal_5 AS custom_decimal_5, CASE WHEN (line.presence = 1)
THEN N'active' WHEN (line.presence = 2) THEN N'closed' WHEN (line.presence = 3) THEN N'missing' WHEN (line.presence =
0) THEN N'entered' END AS line_state, line.absent_since, CASE WHEN (line.is_unmapped = 1) THEN 1 ELSE 0 END AS
is_unmapped, line.source_quality, line.first_seen_run_id, first_run.started_at AS first_seen_at,
line.last_changed_run_id, last_run.started_at AS last_changed_at
FROM po.po_line AS line LEFT OUTER JOIN po.ingestion_run AS first_run ON first_run.id = line.first_seen_run_id LEFT
OUTER JOIN po.ingestion_run AS last_run ON last_run.id = line.last_changed_run_id
GO

CREATE VIEW po.v_change AS SELECT event.id AS change_id, event.run_id, run.run_identifier, event.po_line_id, line.erp,
line.po_number, line.line_number, line.sku, line.item, line.supplier_code, event.kind, event.field_name,
event.previous_value, event.new_value, event.cause, event.detected_at
FROM po.erp_change_event AS event JOIN po.po_line AS line ON event.po_line_id = line.id JOIN po.ingestion_run AS run
ON event.run_id = run.id
GO

CREATE VIEW po.v_promised_date AS SELECT line.id AS po_line_id, line.erp, line.po_number, line.line_number, line.sku,
line.item, line.supplier_code, CASE WHEN (line.presence = 1) THEN N'active' WHEN (line.presence = 2) THEN N'closed'
WHEN (line.presence = 3) THEN N'missing' WHEN (line.presence = 0) THEN N'entered' END AS line_state, coalesce(CASE
WHEN (first_event.field_name = N'promised_date') THEN TRY_CONVERT(DATE, first_event.previous_value, 23) END, CASE WHEN
(first_event.field_name = N'promised_date') THEN TRY_CONVERT(DATE, first_event.new_value, 23) END, line.promised_date)
AS first_promised_date, line.promised_date AS current_promised_date, coalesce(moved.given, 0) - CASE WHEN
(first_event.id IS NOT NULL AND first_event.previous_value IS NULL) THEN 1 ELSE 0 END AS moves, DATEDIFF(DAY,
coalesce(CASE WHEN (first_event.field_name = N'promised_date') THEN TRY_CONVERT(DATE, first_event.previous_value, 23)
END, CASE WHEN (first_event.field_name = N'promised_date') THEN TRY_CONVERT(DATE, first_event.new_value, 23) END,
line.promised_date), line.promised_date) AS days_moved
FROM po.po_line AS line LEFT OUTER JOIN (SELECT event.po_line_id AS po_line_id, min(event.id) AS first_id,
count(event.new_value) AS given
FROM po.erp_change_event AS event LEFT OUTER JOIN (SELECT again.po_line_id AS po_line_id, max(again.id) AS last_id
FROM po.erp_change_event AS again
WHERE again.kind = N'changed' AND again.field_name = N'promised_date' AND again.cause = N'config' GROUP BY
again.po_line_id) AS reread ON reread.po_line_id = event.po_line_id
WHERE event.kind = N'changed' AND event.field_name = N'promised_date' AND (reread.last_id IS NULL OR event.id >
reread.last_id) GROUP BY event.po_line_id) AS moved ON moved.po_line_id = line.id LEFT OUTER JOIN po.erp_change_event
AS first_event ON first_event.id = moved.first_id
GO

CREATE VIEW po.v_run_health AS SELECT run.id AS run_id, run.run_identifier, run.erp, run.mode, run.status,
run.started_at, run.finished_at, run.duration_seconds, CAST(DATEDIFF_BIG(SECOND, (SELECT max(earlier.started_at) AS
latest
FROM po.ingestion_run AS earlier
WHERE earlier.erp = run.erp AND earlier.status IN (N'completed', N'partial') AND earlier.id < run.id), run.started_at)
/ 3600.0 AS NUMERIC(18, 2)) AS hours_since_previous, CASE WHEN (run.status IN (N'completed', N'partial')) THEN
CAST(JSON_VALUE(run.report, '$.po_lines_processed') AS BIGINT) END AS lines, CASE WHEN (run.status IN (N'completed',
N'partial')) THEN CAST(JSON_VALUE(run.report, '$.new_lines_created') AS BIGINT) END AS new_lines, CASE WHEN
(run.status IN (N'completed', N'partial')) THEN CAST(JSON_VALUE(run.report, '$.lines_changed') AS BIGINT) END AS
changed_lines, CASE WHEN (run.status IN (N'completed', N'partial')) THEN CAST(JSON_VALUE(run.report,
'$.change_events_detected') AS BIGINT) END AS changes, CASE WHEN (run.status IN (N'completed', N'partial')) THEN
CAST(JSON_VALUE(run.report, '$.absent_po_lines') AS BIGINT) END AS absent_lines, CASE WHEN (run.status IN
(N'completed', N'partial')) THEN CAST(JSON_VALUE(run.report, '$.closed_po_lines') AS BIGINT) END AS closed_lines, CASE
WHEN (run.status IN (N'completed', N'partial')) THEN CAST(JSON_VALUE(run.report, '$.reappeared_po_lines') AS BIGINT)
END AS reappeared_lines, CASE WHEN (run.status IN (N'completed', N'partial')) THEN CAST(JSON_VALUE(run.report,
'$.batches_reconstructed') AS BIGINT) END AS deliveries, CASE WHEN (run.status IN (N'completed', N'partial')) THEN
CAST(JSON_VALUE(run.report, '$.xref_gaps_found') AS BIGINT) END AS unmapped_codes, CASE WHEN (run.status IN
(N'completed', N'partial')) THEN CAST(JSON_VALUE(run.report, '$.rows_rejected') AS BIGINT) END AS rejected_rows, CASE
WHEN (run.status IN (N'completed', N'partial')) THEN CAST(JSON_VALUE(run.report, '$.values_truncated') AS BIGINT) END
AS truncated_values, CAST(JSON_VALUE(run.report, '$.retries') AS BIGINT) AS retries, CAST(JSON_VALUE(run.report,
'$.exit_code') AS BIGINT) AS exit_code, (SELECT max(audit.reason) AS reason
FROM po.audit_event AS audit
WHERE audit.run_id = run.id AND audit.event_type = N'ingestion_failed') AS failure, run.host, run.version
FROM po.ingestion_run AS run
GO

INSERT INTO po.alembic_version (version_num) VALUES (?)
GO

SELECT po.alembic_version.version_num
FROM po.alembic_version
GO

SELECT needed.permission + N' on ' + needed.name FROM (VALUES (N'alembic_version', N'SELECT'), (N'ingestion_run',
N'SELECT'), (N'ingestion_run', N'INSERT'), (N'ingestion_run', N'UPDATE'), (N'po_line', N'SELECT'), (N'po_line',
N'INSERT'), (N'po_line', N'UPDATE'), (N'erp_snapshot', N'SELECT'), (N'erp_snapshot', N'INSERT'), (N'erp_snapshot',
N'UPDATE'), (N'erp_change_event', N'SELECT'), (N'erp_change_event', N'INSERT'), (N'batch', N'SELECT'), (N'batch',
N'INSERT'), (N'item_xref', N'SELECT'), (N'audit_event', N'SELECT'), (N'audit_event', N'INSERT'), (N'rejected_row',
N'SELECT'), (N'rejected_row', N'INSERT')) AS needed (name, permission) WHERE COALESCE(HAS_PERMS_BY_NAME(N'[po].' +
QUOTENAME(needed.name), N'OBJECT', needed.permission), 0) = 0
GO

DECLARE @result int; EXEC @result = sys.sp_getapplock @Resource = N'po-ingest run po 0123456789abcdef', @LockMode =
'Exclusive', @LockOwner = 'Session', @LockTimeout = 500; SELECT @result
GO

SELECT APPLOCK_TEST(N'public', N'po-ingest run po 0123456789abcdef', N'Exclusive', N'Session')
GO

SELECT TOP 1 po.ingestion_run.id, po.ingestion_run.run_identifier, po.ingestion_run.erp, po.ingestion_run.mode,
po.ingestion_run.status, po.ingestion_run.started_at, po.ingestion_run.finished_at, po.ingestion_run.duration_seconds,
po.ingestion_run.report, po.ingestion_run.host, po.ingestion_run.version, po.ingestion_run.process,
po.ingestion_run.field_configuration
FROM po.ingestion_run
WHERE po.ingestion_run.erp = ? AND po.ingestion_run.status IN (?...) ORDER BY po.ingestion_run.id DESC
GO

SELECT APPLOCK_MODE(N'public', N'po-ingest run po 0123456789abcdef', N'Session')
GO

SELECT max(po.ingestion_run.id) AS max_1
FROM po.ingestion_run
GO

INSERT INTO po.ingestion_run (id, run_identifier, erp, mode, status, started_at, host, version, process) VALUES (?, ?,
?, ?, ?, ?, ?, ?, ?)
GO

SELECT po.ingestion_run.erp
FROM po.ingestion_run
WHERE po.ingestion_run.id = ?
GO

SELECT max(po.po_line.id) AS max_1
FROM po.po_line
GO

SELECT max(po.erp_snapshot.id) AS max_1
FROM po.erp_snapshot
GO

WITH given AS (SELECT [id], [erp], [po_number], [line_number], [presence], CONVERT(VARBINARY(64), [row_fingerprint],
2) AS [row_fingerprint], CONVERT(VARBINARY(64), [receipts_fingerprint], 2) AS [receipts_fingerprint],
CONVERT(VARBINARY(64), [xref_fingerprint], 2) AS [xref_fingerprint], [item_code], [sku], [item], [supplier_code],
[ordered_quantity], [delivered_quantity], [remaining_quantity], [in_date], [promised_date], [current_status],
[po_insert_date], [final_customer], [last_update_timestamp], [custom_date_1], [custom_date_2], [custom_date_3],
[custom_date_4], [custom_date_5], [custom_text_1], [custom_text_2], [custom_text_3], [custom_text_4], [custom_text_5],
[custom_decimal_1], [custom_decimal_2], [custom_decimal_3], [custom_decimal_4], [custom_decimal_5], [is_unmapped],
[is_stale], [source_quality], [custom_column_sources], [erp_values], [snapshot_id], [first_seen_run_id],
[last_changed_run_id] FROM OPENJSON(?) WITH ([id] BIGINT '$[0]', [erp] NVARCHAR(4000) '$[1]', [po_number]
NVARCHAR(4000) '$[2]', [line_number] INTEGER '$[3]', [presence] INTEGER '$[4]', [row_fingerprint] VARCHAR(128) '$[5]',
[receipts_fingerprint] VARCHAR(128) '$[6]', [xref_fingerprint] VARCHAR(128) '$[7]', [item_code] NVARCHAR(4000) '$[8]',
[sku] NVARCHAR(4000) '$[9]', [item] NVARCHAR(4000) '$[10]', [supplier_code] NVARCHAR(4000) '$[11]', [ordered_quantity]
DECIMAL(18, 3) '$[12]', [delivered_quantity] DECIMAL(18, 3) '$[13]', [remaining_quantity] DECIMAL(18, 3) '$[14]',
[in_date] DATE '$[15]', [promised_date] DATE '$[16]', [current_status] NVARCHAR(4000) '$[17]', [po_insert_date] DATE
'$[18]', [final_customer] NVARCHAR(4000) '$[19]', [last_update_timestamp] DATETIME2(6) '$[20]', [custom_date_1] DATE
'$[21]', [custom_date_2] DATE '$[22]', [custom_date_3] DATE '$[23]', [custom_date_4] DATE '$[24]', [custom_date_5]
DATE '$[25]', [custom_text_1] NVARCHAR(4000) '$[26]', [custom_text_2] NVARCHAR(4000) '$[27]', [custom_text_3]
NVARCHAR(4000) '$[28]', [custom_text_4] NVARCHAR(4000) '$[29]', [custom_text_5] NVARCHAR(4000) '$[30]',
[custom_decimal_1] DECIMAL(18, 3) '$[31]', [custom_decimal_2] DECIMAL(18, 3) '$[32]', [custom_decimal_3] DECIMAL(18,
3) '$[33]', [custom_decimal_4] DECIMAL(18, 3) '$[34]', [custom_decimal_5] DECIMAL(18, 3) '$[35]', [is_unmapped] BIT
'$[36]', [is_stale] BIT '$[37]', [source_quality] NVARCHAR(4000) '$[38]', [custom_column_sources] NVARCHAR(max)
'$[39]', [erp_values] NVARCHAR(max) '$[40]', [snapshot_id] BIGINT '$[41]', [first_seen_run_id] BIGINT '$[42]',
[last_changed_run_id] BIGINT '$[43]')) INSERT INTO po.po_line (id, erp, po_number, line_number, presence,
row_fingerprint, receipts_fingerprint, xref_fingerprint, item_code, sku, item, supplier_code, ordered_quantity,
delivered_quantity, remaining_quantity, in_date, promised_date, current_status, po_insert_date, final_customer,
last_update_timestamp, custom_date_1, custom_date_2, custom_date_3, custom_date_4, custom_date_5, custom_text_1,
custom_text_2, custom_text_3, custom_text_4, custom_text_5, custom_decimal_1, custom_decimal_2, custom_decimal_3,
custom_decimal_4, custom_decimal_5, is_unmapped, is_stale, source_quality, custom_column_sources, erp_values,
snapshot_id, first_seen_run_id, last_changed_run_id) SELECT given.id, given.erp, given.po_number, given.line_number,
given.presence, given.row_fingerprint, given.receipts_fingerprint, given.xref_fingerprint, given.item_code, given.sku,
given.item, given.supplier_code, given.ordered_quantity, given.delivered_quantity, given.remaining_quantity,
given.in_date, given.promised_date, given.current_status, given.po_insert_date, given.final_customer,
given.last_update_timestamp, given.custom_date_1, given.custom_date_2, given.custom_date_3, given.custom_date_4,
given.custom_date_5, given.custom_text_1, given.custom_text_2, given.custom_text_3, given.custom_text_4,
given.custom_text_5, given.custom_decimal_1, given.custom_decimal_2, given.custom_decimal_3, given.custom_decimal_4,
given.custom_decimal_5, given.is_unmapped, given.is_stale, given.source_quality, given.custom_column_sources,
given.erp_values, given.snapshot_id, given.first_seen_run_id, given.last_changed_run_id
FROM given
GO

INSERT INTO po.erp_snapshot (id, po_line_id, valid_from_run_id, sku, item, item_code, supplier_code, ordered_quantity,
delivered_quantity, remaining_quantity, in_date, promised_date, current_status, po_insert_date, final_customer,
last_update_timestamp, custom_date_1, custom_date_2, custom_date_3, custom_date_4, custom_date_5, custom_text_1,
custom_text_2, custom_text_3, custom_text_4, custom_text_5, custom_decimal_1, custom_decimal_2, custom_decimal_3,
custom_decimal_4, custom_decimal_5) SELECT po.po_line.snapshot_id, po.po_line.id, ? AS anon_1, po.po_line.sku,
po.po_line.item, po.po_line.item_code, po.po_line.supplier_code, po.po_line.ordered_quantity,
po.po_line.delivered_quantity, po.po_line.remaining_quantity, po.po_line.in_date, po.po_line.promised_date,
po.po_line.current_status, po.po_line.po_insert_date, po.po_line.final_customer, po.po_line.last_update_timestamp,
po.po_line.custom_date_1, po.po_line.custom_date_2, po.po_line.custom_date_3, po.po_line.custom_date_4,
po.po_line.custom_date_5, po.po_line.custom_text_1, po.po_line.custom_text_2, po.po_line.custom_text_3,
po.po_line.custom_text_4, po.po_line.custom_text_5, po.po_line.custom_decimal_1, po.po_line.custom_decimal_2,
po.po_line.custom_decimal_3, po.po_line.custom_decimal_4, po.po_line.custom_decimal_5
FROM po.po_line
WHERE po.po_line.id BETWEEN ? AND ?
GO

SELECT max(po.erp_change_event.id) AS max_1
FROM po.erp_change_event
GO

WITH given AS (SELECT [id], [run_id], [po_line_id], [kind], [field_name], [previous_value], [new_value], [cause],
[detected_at] FROM OPENJSON(?) WITH ([id] BIGINT '$[0]', [run_id] BIGINT '$[1]', [po_line_id] BIGINT '$[2]', [kind]
NVARCHAR(4000) '$[3]', [field_name] NVARCHAR(4000) '$[4]', [previous_value] NVARCHAR(4000) '$[5]', [new_value]
NVARCHAR(4000) '$[6]', [cause] NVARCHAR(4000) '$[7]', [detected_at] DATETIME2(6) '$[8]')) INSERT INTO
po.erp_change_event (id, run_id, po_line_id, kind, field_name, previous_value, new_value, cause, detected_at) SELECT
given.id, given.run_id, given.po_line_id, given.kind, given.field_name, given.previous_value, given.new_value,
given.cause, given.detected_at
FROM given
GO

SELECT max(po.batch.id) AS max_1
FROM po.batch
GO

WITH given AS (SELECT [id], [po_line_id], [sequence], [delivered_quantity], [delivery_date], [kind], [reference],
[event], [source], [run_id] FROM OPENJSON(?) WITH ([id] BIGINT '$[0]', [po_line_id] BIGINT '$[1]', [sequence] INTEGER
'$[2]', [delivered_quantity] DECIMAL(18, 3) '$[3]', [delivery_date] DATE '$[4]', [kind] NVARCHAR(4000) '$[5]',
[reference] NVARCHAR(4000) '$[6]', [event] NVARCHAR(4000) '$[7]', [source] NVARCHAR(4000) '$[8]', [run_id] BIGINT
'$[9]')) INSERT INTO po.batch (id, po_line_id, sequence, delivered_quantity, delivery_date, kind, reference, event,
source, run_id) SELECT given.id, given.po_line_id, given.sequence, given.delivered_quantity, given.delivery_date,
given.kind, given.reference, given.event, given.source, given.run_id
FROM given
GO

UPDATE po.ingestion_run SET status=?, finished_at=?, duration_seconds=?, report=?, field_configuration=? WHERE
po.ingestion_run.id = ?
GO

UPDATE po.ingestion_run SET status=?, finished_at=?, duration_seconds=?, report=? WHERE po.ingestion_run.id = ?
GO

WITH given AS (SELECT [presence], CONVERT(VARBINARY(64), [row_fingerprint], 2) AS [row_fingerprint],
CONVERT(VARBINARY(64), [receipts_fingerprint], 2) AS [receipts_fingerprint], CONVERT(VARBINARY(64),
[xref_fingerprint], 2) AS [xref_fingerprint], [item_code], [sku], [item], [supplier_code], [ordered_quantity],
[delivered_quantity], [remaining_quantity], [in_date], [promised_date], [current_status], [po_insert_date],
[final_customer], [last_update_timestamp], [custom_date_1], [custom_date_2], [custom_date_3], [custom_date_4],
[custom_date_5], [custom_text_1], [custom_text_2], [custom_text_3], [custom_text_4], [custom_text_5],
[custom_decimal_1], [custom_decimal_2], [custom_decimal_3], [custom_decimal_4], [custom_decimal_5], [is_unmapped],
[is_stale], [keeps_absence], [absent_since], [source_quality], [custom_column_sources], [erp_values], [snapshot_id],
[first_seen_run_id], [last_changed_run_id], [line_id] FROM OPENJSON(?) WITH ([presence] INTEGER '$[0]',
[row_fingerprint] VARCHAR(128) '$[1]', [receipts_fingerprint] VARCHAR(128) '$[2]', [xref_fingerprint] VARCHAR(128)
'$[3]', [item_code] NVARCHAR(4000) '$[4]', [sku] NVARCHAR(4000) '$[5]', [item] NVARCHAR(4000) '$[6]', [supplier_code]
NVARCHAR(4000) '$[7]', [ordered_quantity] DECIMAL(18, 3) '$[8]', [delivered_quantity] DECIMAL(18, 3) '$[9]',
[remaining_quantity] DECIMAL(18, 3) '$[10]', [in_date] DATE '$[11]', [promised_date] DATE '$[12]', [current_status]
NVARCHAR(4000) '$[13]', [po_insert_date] DATE '$[14]', [final_customer] NVARCHAR(4000) '$[15]',
[last_update_timestamp] DATETIME2(6) '$[16]', [custom_date_1] DATE '$[17]', [custom_date_2] DATE '$[18]',
[custom_date_3] DATE '$[19]', [custom_date_4] DATE '$[20]', [custom_date_5] DATE '$[21]', [custom_text_1]
NVARCHAR(4000) '$[22]', [custom_text_2] NVARCHAR(4000) '$[23]', [custom_text_3] NVARCHAR(4000) '$[24]',
[custom_text_4] NVARCHAR(4000) '$[25]', [custom_text_5] NVARCHAR(4000) '$[26]', [custom_decimal_1] DECIMAL(18, 3)
'$[27]', [custom_decimal_2] DECIMAL(18, 3) '$[28]', [custom_decimal_3] DECIMAL(18, 3) '$[29]', [custom_decimal_4]
DECIMAL(18, 3) '$[30]', [custom_decimal_5] DECIMAL(18, 3) '$[31]', [is_unmapped] BIT '$[32]', [is_stale] BIT '$[33]',
[keeps_absence] BIGINT '$[34]', [absent_since] DATETIME2(6) '$[35]', [source_quality] NVARCHAR(4000) '$[36]',
[custom_column_sources] NVARCHAR(max) '$[37]', [erp_values] NVARCHAR(max) '$[38]', [snapshot_id] BIGINT '$[39]',
[first_seen_run_id] BIGINT '$[40]', [last_changed_run_id] BIGINT '$[41]', [line_id] BIGINT '$[42]')) UPDATE po.po_line
SET presence=given.presence, row_fingerprint=given.row_fingerprint, receipts_fingerprint=given.receipts_fingerprint,
xref_fingerprint=given.xref_fingerprint, item_code=given.item_code, sku=given.sku, item=given.item,
supplier_code=given.supplier_code, ordered_quantity=given.ordered_quantity,
delivered_quantity=given.delivered_quantity, remaining_quantity=given.remaining_quantity, in_date=given.in_date,
promised_date=given.promised_date, current_status=given.current_status, po_insert_date=given.po_insert_date,
final_customer=given.final_customer, last_update_timestamp=given.last_update_timestamp,
custom_date_1=given.custom_date_1, custom_date_2=given.custom_date_2, custom_date_3=given.custom_date_3,
custom_date_4=given.custom_date_4, custom_date_5=given.custom_date_5, custom_text_1=given.custom_text_1,
custom_text_2=given.custom_text_2, custom_text_3=given.custom_text_3, custom_text_4=given.custom_text_4,
custom_text_5=given.custom_text_5, custom_decimal_1=given.custom_decimal_1, custom_decimal_2=given.custom_decimal_2,
custom_decimal_3=given.custom_decimal_3, custom_decimal_4=given.custom_decimal_4,
custom_decimal_5=given.custom_decimal_5, is_unmapped=given.is_unmapped, is_stale=given.is_stale, absent_since=CASE
WHEN (given.keeps_absence = 1) THEN po.po_line.absent_since ELSE given.absent_since END,
source_quality=given.source_quality, custom_column_sources=given.custom_column_sources, erp_values=given.erp_values,
snapshot_id=coalesce(given.snapshot_id, po.po_line.snapshot_id), first_seen_run_id=coalesce(given.first_seen_run_id,
po.po_line.first_seen_run_id), last_changed_run_id=coalesce(given.last_changed_run_id, po.po_line.last_changed_run_id)
FROM po.po_line, given WHERE po.po_line.id = given.line_id
GO

WITH given AS (SELECT [presence], [is_stale], [absent_since], [last_changed_run_id], [line_id] FROM OPENJSON(?) WITH
([presence] INTEGER '$[0]', [is_stale] BIT '$[1]', [absent_since] DATETIME2(6) '$[2]', [last_changed_run_id] BIGINT
'$[3]', [line_id] BIGINT '$[4]')) UPDATE po.po_line SET presence=given.presence, is_stale=given.is_stale,
absent_since=given.absent_since, last_changed_run_id=coalesce(given.last_changed_run_id,
po.po_line.last_changed_run_id) FROM po.po_line, given WHERE po.po_line.id = given.line_id
GO

WITH given AS (SELECT [until], [line_id] FROM OPENJSON(?) WITH ([until] BIGINT '$[0]', [line_id] BIGINT '$[1]'))
UPDATE po.erp_snapshot SET valid_to_run_id=given.until FROM po.erp_snapshot, given WHERE po.erp_snapshot.po_line_id =
given.line_id AND po.erp_snapshot.valid_to_run_id IS NULL
GO

WITH given AS (SELECT [id], [po_line_id], [valid_from_run_id], [sku], [item], [item_code], [supplier_code],
[ordered_quantity], [delivered_quantity], [remaining_quantity], [in_date], [promised_date], [current_status],
[po_insert_date], [final_customer], [last_update_timestamp], [custom_date_1], [custom_date_2], [custom_date_3],
[custom_date_4], [custom_date_5], [custom_text_1], [custom_text_2], [custom_text_3], [custom_text_4], [custom_text_5],
[custom_decimal_1], [custom_decimal_2], [custom_decimal_3], [custom_decimal_4], [custom_decimal_5] FROM OPENJSON(?)
WITH ([id] BIGINT '$[0]', [po_line_id] BIGINT '$[1]', [valid_from_run_id] BIGINT '$[2]', [sku] NVARCHAR(4000) '$[3]',
[item] NVARCHAR(4000) '$[4]', [item_code] NVARCHAR(4000) '$[5]', [supplier_code] NVARCHAR(4000) '$[6]',
[ordered_quantity] DECIMAL(18, 3) '$[7]', [delivered_quantity] DECIMAL(18, 3) '$[8]', [remaining_quantity] DECIMAL(18,
3) '$[9]', [in_date] DATE '$[10]', [promised_date] DATE '$[11]', [current_status] NVARCHAR(4000) '$[12]',
[po_insert_date] DATE '$[13]', [final_customer] NVARCHAR(4000) '$[14]', [last_update_timestamp] DATETIME2(6) '$[15]',
[custom_date_1] DATE '$[16]', [custom_date_2] DATE '$[17]', [custom_date_3] DATE '$[18]', [custom_date_4] DATE
'$[19]', [custom_date_5] DATE '$[20]', [custom_text_1] NVARCHAR(4000) '$[21]', [custom_text_2] NVARCHAR(4000) '$[22]',
[custom_text_3] NVARCHAR(4000) '$[23]', [custom_text_4] NVARCHAR(4000) '$[24]', [custom_text_5] NVARCHAR(4000)
'$[25]', [custom_decimal_1] DECIMAL(18, 3) '$[26]', [custom_decimal_2] DECIMAL(18, 3) '$[27]', [custom_decimal_3]
DECIMAL(18, 3) '$[28]', [custom_decimal_4] DECIMAL(18, 3) '$[29]', [custom_decimal_5] DECIMAL(18, 3) '$[30]')) INSERT
INTO po.erp_snapshot (id, po_line_id, valid_from_run_id, sku, item, item_code, supplier_code, ordered_quantity,
delivered_quantity, remaining_quantity, in_date, promised_date, current_status, po_insert_date, final_customer,
last_update_timestamp, custom_date_1, custom_date_2, custom_date_3, custom_date_4, custom_date_5, custom_text_1,
custom_text_2, custom_text_3, custom_text_4, custom_text_5, custom_decimal_1, custom_decimal_2, custom_decimal_3,
custom_decimal_4, custom_decimal_5) SELECT given.id, given.po_line_id, given.valid_from_run_id, given.sku, given.item,
given.item_code, given.supplier_code, given.ordered_quantity, given.delivered_quantity, given.remaining_quantity,
given.in_date, given.promised_date, given.current_status, given.po_insert_date, given.final_customer,
given.last_update_timestamp, given.custom_date_1, given.custom_date_2, given.custom_date_3, given.custom_date_4,
given.custom_date_5, given.custom_text_1, given.custom_text_2, given.custom_text_3, given.custom_text_4,
given.custom_text_5, given.custom_decimal_1, given.custom_decimal_2, given.custom_decimal_3, given.custom_decimal_4,
given.custom_decimal_5
FROM given
GO

SELECT po.batch.po_line_id, max(po.batch.sequence) AS max_1
FROM po.batch
WHERE po.batch.po_line_id IN (?...) GROUP BY po.batch.po_line_id
GO

SELECT max(po.rejected_row.id) AS max_1
FROM po.rejected_row
GO

WITH given AS (SELECT [id], [run_id], [query], [po_number], [line_number], [field], [reason], [row] FROM OPENJSON(?)
WITH ([id] BIGINT '$[0]', [run_id] BIGINT '$[1]', [query] NVARCHAR(4000) '$[2]', [po_number] NVARCHAR(max) '$[3]',
[line_number] INTEGER '$[4]', [field] NVARCHAR(4000) '$[5]', [reason] NVARCHAR(max) '$[6]', [row] NVARCHAR(max)
'$[7]')) INSERT INTO po.rejected_row (id, run_id, query, po_number, line_number, field, reason, row) SELECT given.id,
given.run_id, given.query, given.po_number, given.line_number, given.field, given.reason, given.row
FROM given
GO

SELECT po.audit_event.event_id
FROM po.audit_event
WHERE po.audit_event.event_id IN (?...)
GO

SELECT TOP 1 po.audit_event.hash
FROM po.audit_event ORDER BY po.audit_event.id DESC
GO

SELECT max(po.audit_event.id) AS max_1
FROM po.audit_event
GO

WITH given AS (SELECT [id], [event_id], [event_type], [severity], [source], [run_id], [po_line_id], [timestamp],
[previous_values], [new_values], [reason], [previous_hash], [hash], [in_file] FROM OPENJSON(?) WITH ([id] BIGINT
'$[0]', [event_id] NVARCHAR(4000) '$[1]', [event_type] NVARCHAR(4000) '$[2]', [severity] NVARCHAR(4000) '$[3]',
[source] NVARCHAR(4000) '$[4]', [run_id] BIGINT '$[5]', [po_line_id] BIGINT '$[6]', [timestamp] DATETIME2(6) '$[7]',
[previous_values] NVARCHAR(max) '$[8]', [new_values] NVARCHAR(max) '$[9]', [reason] NVARCHAR(max) '$[10]',
[previous_hash] NVARCHAR(4000) '$[11]', [hash] NVARCHAR(4000) '$[12]', [in_file] BIT '$[13]')) INSERT INTO
po.audit_event (id, event_id, event_type, severity, source, run_id, po_line_id, timestamp, previous_values,
new_values, reason, previous_hash, hash, in_file) SELECT given.id, given.event_id, given.event_type, given.severity,
given.source, given.run_id, given.po_line_id, given.timestamp, given.previous_values, given.new_values, given.reason,
given.previous_hash, given.hash, given.in_file
FROM given
GO

DELETE FROM po.item_xref WHERE po.item_xref.erp_item_code IN (?...)
GO

WITH given AS (SELECT [erp_item_code], [supplier_code], [mapped_sku], [mapped_item], [is_active], [updated_at] FROM
OPENJSON(?) WITH ([erp_item_code] NVARCHAR(4000) '$[0]', [supplier_code] NVARCHAR(4000) '$[1]', [mapped_sku]
NVARCHAR(4000) '$[2]', [mapped_item] NVARCHAR(4000) '$[3]', [is_active] BIT '$[4]', [updated_at] DATETIME2(6) '$[5]'))
INSERT INTO po.item_xref (erp_item_code, supplier_code, mapped_sku, mapped_item, is_active, updated_at) SELECT
given.erp_item_code, given.supplier_code, given.mapped_sku, given.mapped_item, given.is_active, given.updated_at
FROM given
GO

EXEC sys.sp_releaseapplock @Resource = N'po-ingest run po 0123456789abcdef', @LockOwner = 'Session'
GO

SELECT po.po_line.id, po.po_line.po_number, po.po_line.line_number, po.po_line.row_fingerprint,
po.po_line.receipts_fingerprint, po.po_line.item_code, po.po_line.xref_fingerprint, po.po_line.presence
FROM po.po_line
WHERE po.po_line.erp = ?
GO

SELECT po.po_line.id, po.po_line.presence, po.po_line.custom_column_sources, po.po_line.erp_values, po.po_line.sku,
po.po_line.item, po.po_line.item_code, po.po_line.supplier_code, po.po_line.ordered_quantity,
po.po_line.delivered_quantity, po.po_line.remaining_quantity, po.po_line.in_date, po.po_line.promised_date,
po.po_line.current_status, po.po_line.po_insert_date, po.po_line.final_customer, po.po_line.last_update_timestamp,
po.po_line.custom_date_1, po.po_line.custom_date_2, po.po_line.custom_date_3, po.po_line.custom_date_4,
po.po_line.custom_date_5, po.po_line.custom_text_1, po.po_line.custom_text_2, po.po_line.custom_text_3,
po.po_line.custom_text_4, po.po_line.custom_text_5, po.po_line.custom_decimal_1, po.po_line.custom_decimal_2,
po.po_line.custom_decimal_3, po.po_line.custom_decimal_4, po.po_line.custom_decimal_5, po.erp_snapshot.custom_date_1
AS given_custom_date_1, po.erp_snapshot.custom_date_2 AS given_custom_date_2, po.erp_snapshot.custom_date_3 AS
given_custom_date_3, po.erp_snapshot.custom_date_4 AS given_custom_date_4, po.erp_snapshot.custom_date_5 AS
given_custom_date_5, po.erp_snapshot.custom_text_1 AS given_custom_text_1, po.erp_snapshot.custom_text_2 AS
given_custom_text_2, po.erp_snapshot.custom_text_3 AS given_custom_text_3, po.erp_snapshot.custom_text_4 AS
given_custom_text_4, po.erp_snapshot.custom_text_5 AS given_custom_text_5, po.erp_snapshot.custom_decimal_1 AS
given_custom_decimal_1, po.erp_snapshot.custom_decimal_2 AS given_custom_decimal_2, po.erp_snapshot.custom_decimal_3
AS given_custom_decimal_3, po.erp_snapshot.custom_decimal_4 AS given_custom_decimal_4,
po.erp_snapshot.custom_decimal_5 AS given_custom_decimal_5
FROM po.po_line LEFT OUTER JOIN po.erp_snapshot ON po.erp_snapshot.id = po.po_line.snapshot_id
WHERE po.po_line.id IN (?...)
GO

SELECT po.batch.po_line_id, po.batch.kind, po.batch.delivered_quantity, po.batch.delivery_date, po.batch.reference,
po.batch.event
FROM po.batch
WHERE po.batch.po_line_id IN (?...) ORDER BY po.batch.po_line_id, po.batch.sequence
GO

SELECT count(po.erp_snapshot.sku) AS count_1, count(po.erp_snapshot.item) AS count_2, count(po.erp_snapshot.item_code)
AS count_3, count(po.erp_snapshot.supplier_code) AS count_4, count(po.erp_snapshot.ordered_quantity) AS count_5,
count(po.erp_snapshot.delivered_quantity) AS count_6, count(po.erp_snapshot.remaining_quantity) AS count_7,
count(po.erp_snapshot.in_date) AS count_8, count(po.erp_snapshot.promised_date) AS count_9,
count(po.erp_snapshot.current_status) AS count_10, count(po.erp_snapshot.po_insert_date) AS count_11,
count(po.erp_snapshot.final_customer) AS count_12, count(po.erp_snapshot.last_update_timestamp) AS count_13,
count(po.erp_snapshot.custom_date_1) AS count_14, count(po.erp_snapshot.custom_date_2) AS count_15,
count(po.erp_snapshot.custom_date_3) AS count_16, count(po.erp_snapshot.custom_date_4) AS count_17,
count(po.erp_snapshot.custom_date_5) AS count_18, count(po.erp_snapshot.custom_text_1) AS count_19,
count(po.erp_snapshot.custom_text_2) AS count_20, count(po.erp_snapshot.custom_text_3) AS count_21,
count(po.erp_snapshot.custom_text_4) AS count_22, count(po.erp_snapshot.custom_text_5) AS count_23,
count(po.erp_snapshot.custom_decimal_1) AS count_24, count(po.erp_snapshot.custom_decimal_2) AS count_25,
count(po.erp_snapshot.custom_decimal_3) AS count_26, count(po.erp_snapshot.custom_decimal_4) AS count_27,
count(po.erp_snapshot.custom_decimal_5) AS count_28
FROM po.erp_snapshot JOIN po.po_line ON po.erp_snapshot.po_line_id = po.po_line.id
WHERE po.po_line.erp = ? AND po.erp_snapshot.valid_from_run_id <= ? AND (po.erp_snapshot.valid_to_run_id IS NULL OR
po.erp_snapshot.valid_to_run_id >= ?)
GO

SELECT po.item_xref.erp_item_code, po.item_xref.supplier_code, po.item_xref.mapped_sku, po.item_xref.mapped_item,
po.item_xref.is_active
FROM po.item_xref ORDER BY po.item_xref.erp_item_code
GO

SELECT po.ingestion_run.id, po.ingestion_run.run_identifier, po.ingestion_run.erp, po.ingestion_run.mode,
po.ingestion_run.status, po.ingestion_run.started_at, po.ingestion_run.finished_at, po.ingestion_run.duration_seconds,
po.ingestion_run.report, po.ingestion_run.host, po.ingestion_run.version, po.ingestion_run.process,
po.ingestion_run.field_configuration
FROM po.ingestion_run
WHERE po.ingestion_run.erp = ? ORDER BY po.ingestion_run.id DESC
GO

SELECT po.ingestion_run.id, po.ingestion_run.run_identifier, po.ingestion_run.erp, po.ingestion_run.mode,
po.ingestion_run.status, po.ingestion_run.started_at, po.ingestion_run.finished_at, po.ingestion_run.duration_seconds,
po.ingestion_run.report, po.ingestion_run.host, po.ingestion_run.version, po.ingestion_run.process,
po.ingestion_run.field_configuration
FROM po.ingestion_run
WHERE po.ingestion_run.erp = ? AND po.ingestion_run.started_at >= ? ORDER BY po.ingestion_run.id DESC
GO

SELECT po.ingestion_run.id, po.ingestion_run.run_identifier, po.ingestion_run.erp, po.ingestion_run.mode,
po.ingestion_run.status, po.ingestion_run.started_at, po.ingestion_run.finished_at, po.ingestion_run.duration_seconds,
po.ingestion_run.report, po.ingestion_run.host, po.ingestion_run.version, po.ingestion_run.process,
po.ingestion_run.field_configuration
FROM po.ingestion_run
WHERE po.ingestion_run.erp = ? AND po.ingestion_run.status IN (NULL) AND (1 != 1) ORDER BY po.ingestion_run.id DESC
GO

SELECT po.ingestion_run.id, po.ingestion_run.run_identifier, po.ingestion_run.erp, po.ingestion_run.mode,
po.ingestion_run.status, po.ingestion_run.started_at, po.ingestion_run.finished_at, po.ingestion_run.duration_seconds,
po.ingestion_run.report, po.ingestion_run.host, po.ingestion_run.version, po.ingestion_run.process,
po.ingestion_run.field_configuration
FROM po.ingestion_run
WHERE po.ingestion_run.erp = ? AND po.ingestion_run.status IN (NULL) AND (1 != 1) AND po.ingestion_run.started_at >= ?
ORDER BY po.ingestion_run.id DESC
GO

SELECT po.ingestion_run.id, po.ingestion_run.run_identifier, po.ingestion_run.erp, po.ingestion_run.mode,
po.ingestion_run.status, po.ingestion_run.started_at, po.ingestion_run.finished_at, po.ingestion_run.duration_seconds,
po.ingestion_run.report, po.ingestion_run.host, po.ingestion_run.version, po.ingestion_run.process,
po.ingestion_run.field_configuration
FROM po.ingestion_run
WHERE po.ingestion_run.erp = ? AND po.ingestion_run.status IN (?...) ORDER BY po.ingestion_run.id DESC
GO

SELECT po.ingestion_run.id, po.ingestion_run.run_identifier, po.ingestion_run.erp, po.ingestion_run.mode,
po.ingestion_run.status, po.ingestion_run.started_at, po.ingestion_run.finished_at, po.ingestion_run.duration_seconds,
po.ingestion_run.report, po.ingestion_run.host, po.ingestion_run.version, po.ingestion_run.process,
po.ingestion_run.field_configuration
FROM po.ingestion_run
WHERE po.ingestion_run.erp = ? AND po.ingestion_run.status IN (?...) AND po.ingestion_run.started_at >= ? ORDER BY
po.ingestion_run.id DESC
GO

SELECT TOP 1 po.ingestion_run.id, po.ingestion_run.run_identifier, po.ingestion_run.erp, po.ingestion_run.mode,
po.ingestion_run.status, po.ingestion_run.started_at, po.ingestion_run.finished_at, po.ingestion_run.duration_seconds,
po.ingestion_run.report, po.ingestion_run.host, po.ingestion_run.version, po.ingestion_run.process,
po.ingestion_run.field_configuration
FROM po.ingestion_run
WHERE po.ingestion_run.erp = ? ORDER BY po.ingestion_run.id DESC
GO

SELECT TOP 1 po.ingestion_run.id, po.ingestion_run.run_identifier, po.ingestion_run.erp, po.ingestion_run.mode,
po.ingestion_run.status, po.ingestion_run.started_at, po.ingestion_run.finished_at, po.ingestion_run.duration_seconds,
po.ingestion_run.report, po.ingestion_run.host, po.ingestion_run.version, po.ingestion_run.process,
po.ingestion_run.field_configuration
FROM po.ingestion_run
WHERE po.ingestion_run.erp = ? AND po.ingestion_run.started_at >= ? ORDER BY po.ingestion_run.id DESC
GO

SELECT TOP 1 po.ingestion_run.id, po.ingestion_run.run_identifier, po.ingestion_run.erp, po.ingestion_run.mode,
po.ingestion_run.status, po.ingestion_run.started_at, po.ingestion_run.finished_at, po.ingestion_run.duration_seconds,
po.ingestion_run.report, po.ingestion_run.host, po.ingestion_run.version, po.ingestion_run.process,
po.ingestion_run.field_configuration
FROM po.ingestion_run
WHERE po.ingestion_run.erp = ? AND po.ingestion_run.status IN (NULL) AND (1 != 1) ORDER BY po.ingestion_run.id DESC
GO

SELECT TOP 1 po.ingestion_run.id, po.ingestion_run.run_identifier, po.ingestion_run.erp, po.ingestion_run.mode,
po.ingestion_run.status, po.ingestion_run.started_at, po.ingestion_run.finished_at, po.ingestion_run.duration_seconds,
po.ingestion_run.report, po.ingestion_run.host, po.ingestion_run.version, po.ingestion_run.process,
po.ingestion_run.field_configuration
FROM po.ingestion_run
WHERE po.ingestion_run.erp = ? AND po.ingestion_run.status IN (NULL) AND (1 != 1) AND po.ingestion_run.started_at >= ?
ORDER BY po.ingestion_run.id DESC
GO

SELECT TOP 1 po.ingestion_run.id, po.ingestion_run.run_identifier, po.ingestion_run.erp, po.ingestion_run.mode,
po.ingestion_run.status, po.ingestion_run.started_at, po.ingestion_run.finished_at, po.ingestion_run.duration_seconds,
po.ingestion_run.report, po.ingestion_run.host, po.ingestion_run.version, po.ingestion_run.process,
po.ingestion_run.field_configuration
FROM po.ingestion_run
WHERE po.ingestion_run.erp = ? AND po.ingestion_run.status IN (?...) AND po.ingestion_run.started_at >= ? ORDER BY
po.ingestion_run.id DESC
GO

SELECT TOP 1 po.ingestion_run.id, po.ingestion_run.run_identifier, po.ingestion_run.erp, po.ingestion_run.mode,
po.ingestion_run.status, po.ingestion_run.started_at, po.ingestion_run.finished_at, po.ingestion_run.duration_seconds,
po.ingestion_run.report, po.ingestion_run.host, po.ingestion_run.version, po.ingestion_run.process,
po.ingestion_run.field_configuration
FROM po.ingestion_run
WHERE po.ingestion_run.erp = ? AND po.ingestion_run.status IN (?...) AND po.ingestion_run.id < ? ORDER BY
po.ingestion_run.id DESC
GO

SELECT po.ingestion_run.id, po.ingestion_run.run_identifier, po.ingestion_run.erp, po.ingestion_run.mode,
po.ingestion_run.status, po.ingestion_run.started_at, po.ingestion_run.finished_at, po.ingestion_run.duration_seconds,
po.ingestion_run.report, po.ingestion_run.host, po.ingestion_run.version, po.ingestion_run.process,
po.ingestion_run.field_configuration
FROM po.ingestion_run
WHERE po.ingestion_run.erp = ? AND (po.ingestion_run.run_identifier = ? OR po.ingestion_run.id = ?)
GO

SELECT po.ingestion_run.id, po.ingestion_run.run_identifier, po.ingestion_run.erp, po.ingestion_run.mode,
po.ingestion_run.status, po.ingestion_run.started_at, po.ingestion_run.finished_at, po.ingestion_run.duration_seconds,
po.ingestion_run.report, po.ingestion_run.host, po.ingestion_run.version, po.ingestion_run.process,
po.ingestion_run.field_configuration
FROM po.ingestion_run
WHERE po.ingestion_run.erp = ? AND po.ingestion_run.run_identifier = ?
GO

SELECT po.po_line.id, po.po_line.erp, po.po_line.po_number, po.po_line.line_number, po.po_line.sku, po.po_line.item,
po.po_line.item_code, po.po_line.supplier_code, po.po_line.ordered_quantity, po.po_line.delivered_quantity,
po.po_line.remaining_quantity, po.po_line.in_date, po.po_line.promised_date, po.po_line.current_status,
po.po_line.po_insert_date, po.po_line.final_customer, po.po_line.last_update_timestamp, po.po_line.custom_date_1,
po.po_line.custom_date_2, po.po_line.custom_date_3, po.po_line.custom_date_4, po.po_line.custom_date_5,
po.po_line.custom_text_1, po.po_line.custom_text_2, po.po_line.custom_text_3, po.po_line.custom_text_4,
po.po_line.custom_text_5, po.po_line.custom_decimal_1, po.po_line.custom_decimal_2, po.po_line.custom_decimal_3,
po.po_line.custom_decimal_4, po.po_line.custom_decimal_5, po.po_line.is_unmapped, po.po_line.is_stale,
po.po_line.absent_since, po.po_line.source_quality, po.po_line.custom_column_sources, po.po_line.first_seen_run_id,
po.po_line.last_changed_run_id
FROM po.po_line
WHERE po.po_line.erp = ? AND po.po_line.po_number = ? ORDER BY po.po_line.line_number
GO

SELECT po.po_line.id, po.po_line.erp, po.po_line.po_number, po.po_line.line_number, po.po_line.sku, po.po_line.item,
po.po_line.item_code, po.po_line.supplier_code, po.po_line.ordered_quantity, po.po_line.delivered_quantity,
po.po_line.remaining_quantity, po.po_line.in_date, po.po_line.promised_date, po.po_line.current_status,
po.po_line.po_insert_date, po.po_line.final_customer, po.po_line.last_update_timestamp, po.po_line.custom_date_1,
po.po_line.custom_date_2, po.po_line.custom_date_3, po.po_line.custom_date_4, po.po_line.custom_date_5,
po.po_line.custom_text_1, po.po_line.custom_text_2, po.po_line.custom_text_3, po.po_line.custom_text_4,
po.po_line.custom_text_5, po.po_line.custom_decimal_1, po.po_line.custom_decimal_2, po.po_line.custom_decimal_3,
po.po_line.custom_decimal_4, po.po_line.custom_decimal_5, po.po_line.is_unmapped, po.po_line.is_stale,
po.po_line.absent_since, po.po_line.source_quality, po.po_line.custom_column_sources, po.po_line.first_seen_run_id,
po.po_line.last_changed_run_id
FROM po.po_line
WHERE po.po_line.erp = ? AND po.po_line.po_number = ? AND po.po_line.line_number = ? ORDER BY po.po_line.line_number
GO

SELECT DISTINCT po.po_line.po_number
FROM po.po_line
WHERE po.po_line.erp = ?
GO

SELECT po.erp_change_event.id, po.erp_change_event.run_id, po.ingestion_run.run_identifier,
po.erp_change_event.po_line_id, po.po_line.erp, po.po_line.po_number, po.po_line.line_number,
po.erp_change_event.kind, po.erp_change_event.field_name, po.erp_change_event.previous_value,
po.erp_change_event.new_value, po.erp_change_event.cause, po.erp_change_event.detected_at
FROM po.erp_change_event JOIN po.po_line ON po.erp_change_event.po_line_id = po.po_line.id JOIN po.ingestion_run ON
po.erp_change_event.run_id = po.ingestion_run.id
WHERE po.erp_change_event.po_line_id IN (?...) ORDER BY po.erp_change_event.id
GO

SELECT po.batch.id, po.batch.po_line_id, po.po_line.erp, po.po_line.po_number, po.po_line.line_number,
po.batch.sequence, po.batch.delivered_quantity, po.batch.delivery_date, po.batch.kind, po.batch.reference,
po.batch.source, po.batch.run_id, po.ingestion_run.run_identifier
FROM po.batch JOIN po.po_line ON po.batch.po_line_id = po.po_line.id JOIN po.ingestion_run ON po.batch.run_id =
po.ingestion_run.id
WHERE po.batch.po_line_id IN (?...)
GO

SELECT po.erp_change_event.id, po.erp_change_event.run_id, po.ingestion_run.run_identifier,
po.erp_change_event.po_line_id, po.po_line.erp, po.po_line.po_number, po.po_line.line_number,
po.erp_change_event.kind, po.erp_change_event.field_name, po.erp_change_event.previous_value,
po.erp_change_event.new_value, po.erp_change_event.cause, po.erp_change_event.detected_at
FROM po.erp_change_event JOIN po.po_line ON po.erp_change_event.po_line_id = po.po_line.id JOIN po.ingestion_run ON
po.erp_change_event.run_id = po.ingestion_run.id
WHERE po.po_line.erp = ? ORDER BY po.erp_change_event.id
GO

SELECT po.erp_change_event.id, po.erp_change_event.run_id, po.ingestion_run.run_identifier,
po.erp_change_event.po_line_id, po.po_line.erp, po.po_line.po_number, po.po_line.line_number,
po.erp_change_event.kind, po.erp_change_event.field_name, po.erp_change_event.previous_value,
po.erp_change_event.new_value, po.erp_change_event.cause, po.erp_change_event.detected_at
FROM po.erp_change_event JOIN po.po_line ON po.erp_change_event.po_line_id = po.po_line.id JOIN po.ingestion_run ON
po.erp_change_event.run_id = po.ingestion_run.id
WHERE po.po_line.erp = ? AND po.po_line.supplier_code = ? ORDER BY po.erp_change_event.id
GO

SELECT po.erp_change_event.id, po.erp_change_event.run_id, po.ingestion_run.run_identifier,
po.erp_change_event.po_line_id, po.po_line.erp, po.po_line.po_number, po.po_line.line_number,
po.erp_change_event.kind, po.erp_change_event.field_name, po.erp_change_event.previous_value,
po.erp_change_event.new_value, po.erp_change_event.cause, po.erp_change_event.detected_at
FROM po.erp_change_event JOIN po.po_line ON po.erp_change_event.po_line_id = po.po_line.id JOIN po.ingestion_run ON
po.erp_change_event.run_id = po.ingestion_run.id
WHERE po.po_line.erp = ? AND po.erp_change_event.field_name = ? ORDER BY po.erp_change_event.id
GO

SELECT po.erp_change_event.id, po.erp_change_event.run_id, po.ingestion_run.run_identifier,
po.erp_change_event.po_line_id, po.po_line.erp, po.po_line.po_number, po.po_line.line_number,
po.erp_change_event.kind, po.erp_change_event.field_name, po.erp_change_event.previous_value,
po.erp_change_event.new_value, po.erp_change_event.cause, po.erp_change_event.detected_at
FROM po.erp_change_event JOIN po.po_line ON po.erp_change_event.po_line_id = po.po_line.id JOIN po.ingestion_run ON
po.erp_change_event.run_id = po.ingestion_run.id
WHERE po.po_line.erp = ? AND po.erp_change_event.field_name = ? AND po.po_line.supplier_code = ? ORDER BY
po.erp_change_event.id
GO

SELECT po.erp_change_event.id, po.erp_change_event.run_id, po.ingestion_run.run_identifier,
po.erp_change_event.po_line_id, po.po_line.erp, po.po_line.po_number, po.po_line.line_number,
po.erp_change_event.kind, po.erp_change_event.field_name, po.erp_change_event.previous_value,
po.erp_change_event.new_value, po.erp_change_event.cause, po.erp_change_event.detected_at
FROM po.erp_change_event JOIN po.po_line ON po.erp_change_event.po_line_id = po.po_line.id JOIN po.ingestion_run ON
po.erp_change_event.run_id = po.ingestion_run.id
WHERE po.po_line.erp = ? AND po.ingestion_run.started_at >= ? ORDER BY po.erp_change_event.id
GO

SELECT po.erp_change_event.id, po.erp_change_event.run_id, po.ingestion_run.run_identifier,
po.erp_change_event.po_line_id, po.po_line.erp, po.po_line.po_number, po.po_line.line_number,
po.erp_change_event.kind, po.erp_change_event.field_name, po.erp_change_event.previous_value,
po.erp_change_event.new_value, po.erp_change_event.cause, po.erp_change_event.detected_at
FROM po.erp_change_event JOIN po.po_line ON po.erp_change_event.po_line_id = po.po_line.id JOIN po.ingestion_run ON
po.erp_change_event.run_id = po.ingestion_run.id
WHERE po.po_line.erp = ? AND po.ingestion_run.started_at >= ? AND po.po_line.supplier_code = ? ORDER BY
po.erp_change_event.id
GO

SELECT po.erp_change_event.id, po.erp_change_event.run_id, po.ingestion_run.run_identifier,
po.erp_change_event.po_line_id, po.po_line.erp, po.po_line.po_number, po.po_line.line_number,
po.erp_change_event.kind, po.erp_change_event.field_name, po.erp_change_event.previous_value,
po.erp_change_event.new_value, po.erp_change_event.cause, po.erp_change_event.detected_at
FROM po.erp_change_event JOIN po.po_line ON po.erp_change_event.po_line_id = po.po_line.id JOIN po.ingestion_run ON
po.erp_change_event.run_id = po.ingestion_run.id
WHERE po.po_line.erp = ? AND po.ingestion_run.started_at >= ? AND po.erp_change_event.field_name = ? ORDER BY
po.erp_change_event.id
GO

SELECT po.erp_change_event.id, po.erp_change_event.run_id, po.ingestion_run.run_identifier,
po.erp_change_event.po_line_id, po.po_line.erp, po.po_line.po_number, po.po_line.line_number,
po.erp_change_event.kind, po.erp_change_event.field_name, po.erp_change_event.previous_value,
po.erp_change_event.new_value, po.erp_change_event.cause, po.erp_change_event.detected_at
FROM po.erp_change_event JOIN po.po_line ON po.erp_change_event.po_line_id = po.po_line.id JOIN po.ingestion_run ON
po.erp_change_event.run_id = po.ingestion_run.id
WHERE po.po_line.erp = ? AND po.ingestion_run.started_at >= ? AND po.erp_change_event.field_name = ? AND
po.po_line.supplier_code = ? ORDER BY po.erp_change_event.id
GO

SELECT po.erp_change_event.id, po.erp_change_event.run_id, po.ingestion_run.run_identifier,
po.erp_change_event.po_line_id, po.po_line.erp, po.po_line.po_number, po.po_line.line_number,
po.erp_change_event.kind, po.erp_change_event.field_name, po.erp_change_event.previous_value,
po.erp_change_event.new_value, po.erp_change_event.cause, po.erp_change_event.detected_at
FROM po.erp_change_event JOIN po.po_line ON po.erp_change_event.po_line_id = po.po_line.id JOIN po.ingestion_run ON
po.erp_change_event.run_id = po.ingestion_run.id
WHERE po.po_line.erp = ? AND po.erp_change_event.run_id = ? ORDER BY po.erp_change_event.id
GO

SELECT po.erp_change_event.id, po.erp_change_event.run_id, po.ingestion_run.run_identifier,
po.erp_change_event.po_line_id, po.po_line.erp, po.po_line.po_number, po.po_line.line_number,
po.erp_change_event.kind, po.erp_change_event.field_name, po.erp_change_event.previous_value,
po.erp_change_event.new_value, po.erp_change_event.cause, po.erp_change_event.detected_at
FROM po.erp_change_event JOIN po.po_line ON po.erp_change_event.po_line_id = po.po_line.id JOIN po.ingestion_run ON
po.erp_change_event.run_id = po.ingestion_run.id
WHERE po.po_line.erp = ? AND po.erp_change_event.run_id = ? AND po.po_line.supplier_code = ? ORDER BY
po.erp_change_event.id
GO

SELECT po.erp_change_event.id, po.erp_change_event.run_id, po.ingestion_run.run_identifier,
po.erp_change_event.po_line_id, po.po_line.erp, po.po_line.po_number, po.po_line.line_number,
po.erp_change_event.kind, po.erp_change_event.field_name, po.erp_change_event.previous_value,
po.erp_change_event.new_value, po.erp_change_event.cause, po.erp_change_event.detected_at
FROM po.erp_change_event JOIN po.po_line ON po.erp_change_event.po_line_id = po.po_line.id JOIN po.ingestion_run ON
po.erp_change_event.run_id = po.ingestion_run.id
WHERE po.po_line.erp = ? AND po.erp_change_event.run_id = ? AND po.erp_change_event.field_name = ? ORDER BY
po.erp_change_event.id
GO

SELECT po.erp_change_event.id, po.erp_change_event.run_id, po.ingestion_run.run_identifier,
po.erp_change_event.po_line_id, po.po_line.erp, po.po_line.po_number, po.po_line.line_number,
po.erp_change_event.kind, po.erp_change_event.field_name, po.erp_change_event.previous_value,
po.erp_change_event.new_value, po.erp_change_event.cause, po.erp_change_event.detected_at
FROM po.erp_change_event JOIN po.po_line ON po.erp_change_event.po_line_id = po.po_line.id JOIN po.ingestion_run ON
po.erp_change_event.run_id = po.ingestion_run.id
WHERE po.po_line.erp = ? AND po.erp_change_event.run_id = ? AND po.erp_change_event.field_name = ? AND
po.po_line.supplier_code = ? ORDER BY po.erp_change_event.id
GO

SELECT po.erp_change_event.id, po.erp_change_event.run_id, po.ingestion_run.run_identifier,
po.erp_change_event.po_line_id, po.po_line.erp, po.po_line.po_number, po.po_line.line_number,
po.erp_change_event.kind, po.erp_change_event.field_name, po.erp_change_event.previous_value,
po.erp_change_event.new_value, po.erp_change_event.cause, po.erp_change_event.detected_at
FROM po.erp_change_event JOIN po.po_line ON po.erp_change_event.po_line_id = po.po_line.id JOIN po.ingestion_run ON
po.erp_change_event.run_id = po.ingestion_run.id
WHERE po.po_line.erp = ? AND po.erp_change_event.run_id = ? AND po.ingestion_run.started_at >= ? ORDER BY
po.erp_change_event.id
GO

SELECT po.erp_change_event.id, po.erp_change_event.run_id, po.ingestion_run.run_identifier,
po.erp_change_event.po_line_id, po.po_line.erp, po.po_line.po_number, po.po_line.line_number,
po.erp_change_event.kind, po.erp_change_event.field_name, po.erp_change_event.previous_value,
po.erp_change_event.new_value, po.erp_change_event.cause, po.erp_change_event.detected_at
FROM po.erp_change_event JOIN po.po_line ON po.erp_change_event.po_line_id = po.po_line.id JOIN po.ingestion_run ON
po.erp_change_event.run_id = po.ingestion_run.id
WHERE po.po_line.erp = ? AND po.erp_change_event.run_id = ? AND po.ingestion_run.started_at >= ? AND
po.po_line.supplier_code = ? ORDER BY po.erp_change_event.id
GO

SELECT po.erp_change_event.id, po.erp_change_event.run_id, po.ingestion_run.run_identifier,
po.erp_change_event.po_line_id, po.po_line.erp, po.po_line.po_number, po.po_line.line_number,
po.erp_change_event.kind, po.erp_change_event.field_name, po.erp_change_event.previous_value,
po.erp_change_event.new_value, po.erp_change_event.cause, po.erp_change_event.detected_at
FROM po.erp_change_event JOIN po.po_line ON po.erp_change_event.po_line_id = po.po_line.id JOIN po.ingestion_run ON
po.erp_change_event.run_id = po.ingestion_run.id
WHERE po.po_line.erp = ? AND po.erp_change_event.run_id = ? AND po.ingestion_run.started_at >= ? AND
po.erp_change_event.field_name = ? ORDER BY po.erp_change_event.id
GO

SELECT po.erp_change_event.id, po.erp_change_event.run_id, po.ingestion_run.run_identifier,
po.erp_change_event.po_line_id, po.po_line.erp, po.po_line.po_number, po.po_line.line_number,
po.erp_change_event.kind, po.erp_change_event.field_name, po.erp_change_event.previous_value,
po.erp_change_event.new_value, po.erp_change_event.cause, po.erp_change_event.detected_at
FROM po.erp_change_event JOIN po.po_line ON po.erp_change_event.po_line_id = po.po_line.id JOIN po.ingestion_run ON
po.erp_change_event.run_id = po.ingestion_run.id
WHERE po.po_line.erp = ? AND po.erp_change_event.run_id = ? AND po.ingestion_run.started_at >= ? AND
po.erp_change_event.field_name = ? AND po.po_line.supplier_code = ? ORDER BY po.erp_change_event.id
GO

SELECT po.po_line.po_number, po.po_line.line_number
FROM po.erp_snapshot JOIN po.po_line ON po.erp_snapshot.po_line_id = po.po_line.id
WHERE po.po_line.erp = ? AND po.erp_snapshot.valid_from_run_id <= ? AND (po.erp_snapshot.valid_to_run_id IS NULL OR
po.erp_snapshot.valid_to_run_id >= ?) ORDER BY po.po_line.po_number, po.po_line.line_number
GO

SELECT po.po_line.po_number, po.po_line.line_number, po.erp_snapshot.sku, po.erp_snapshot.item,
po.erp_snapshot.item_code, po.erp_snapshot.supplier_code, po.erp_snapshot.ordered_quantity,
po.erp_snapshot.delivered_quantity, po.erp_snapshot.remaining_quantity, po.erp_snapshot.in_date,
po.erp_snapshot.promised_date, po.erp_snapshot.current_status, po.erp_snapshot.po_insert_date,
po.erp_snapshot.final_customer, po.erp_snapshot.last_update_timestamp, po.erp_snapshot.custom_date_1,
po.erp_snapshot.custom_date_2, po.erp_snapshot.custom_date_3, po.erp_snapshot.custom_date_4,
po.erp_snapshot.custom_date_5, po.erp_snapshot.custom_text_1, po.erp_snapshot.custom_text_2,
po.erp_snapshot.custom_text_3, po.erp_snapshot.custom_text_4, po.erp_snapshot.custom_text_5,
po.erp_snapshot.custom_decimal_1, po.erp_snapshot.custom_decimal_2, po.erp_snapshot.custom_decimal_3,
po.erp_snapshot.custom_decimal_4, po.erp_snapshot.custom_decimal_5
FROM po.erp_snapshot JOIN po.po_line ON po.erp_snapshot.po_line_id = po.po_line.id
WHERE po.po_line.erp = ? AND po.erp_snapshot.valid_from_run_id <= ? AND (po.erp_snapshot.valid_to_run_id IS NULL OR
po.erp_snapshot.valid_to_run_id >= ?) ORDER BY po.po_line.po_number, po.po_line.line_number
GO

SELECT po.po_line.item_code, po.po_line.po_number, po.po_line.line_number
FROM po.po_line
WHERE po.po_line.erp = ? AND po.po_line.presence = ? AND po.po_line.is_unmapped = 1 AND po.po_line.item_code IS NOT
NULL
GO

SELECT TOP 1 po.po_line.id, po.po_line.po_number, po.po_line.line_number, po.po_line.is_stale,
po.po_line.first_seen_run_id
FROM po.po_line
WHERE po.po_line.erp = ? AND po.po_line.id > ? ORDER BY po.po_line.id
GO

SELECT po.erp_snapshot.po_line_id, po.erp_snapshot.valid_from_run_id, po.erp_snapshot.valid_to_run_id,
po.erp_snapshot.sku, po.erp_snapshot.item, po.erp_snapshot.item_code, po.erp_snapshot.supplier_code,
po.erp_snapshot.ordered_quantity, po.erp_snapshot.delivered_quantity, po.erp_snapshot.remaining_quantity,
po.erp_snapshot.in_date, po.erp_snapshot.promised_date, po.erp_snapshot.current_status,
po.erp_snapshot.po_insert_date, po.erp_snapshot.final_customer, po.erp_snapshot.last_update_timestamp,
po.erp_snapshot.custom_date_1, po.erp_snapshot.custom_date_2, po.erp_snapshot.custom_date_3,
po.erp_snapshot.custom_date_4, po.erp_snapshot.custom_date_5, po.erp_snapshot.custom_text_1,
po.erp_snapshot.custom_text_2, po.erp_snapshot.custom_text_3, po.erp_snapshot.custom_text_4,
po.erp_snapshot.custom_text_5, po.erp_snapshot.custom_decimal_1, po.erp_snapshot.custom_decimal_2,
po.erp_snapshot.custom_decimal_3, po.erp_snapshot.custom_decimal_4, po.erp_snapshot.custom_decimal_5
FROM po.erp_snapshot
WHERE po.erp_snapshot.po_line_id IN (?...) ORDER BY po.erp_snapshot.po_line_id, po.erp_snapshot.valid_from_run_id
GO

SELECT po.erp_change_event.po_line_id, po.erp_change_event.run_id, po.erp_change_event.kind,
po.erp_change_event.field_name, po.erp_change_event.previous_value, po.erp_change_event.new_value
FROM po.erp_change_event
WHERE po.erp_change_event.po_line_id IN (?...) ORDER BY po.erp_change_event.po_line_id, po.erp_change_event.id
GO

SELECT po.batch.po_line_id, po.batch.run_id, po.batch.sequence, po.batch.delivered_quantity
FROM po.batch
WHERE po.batch.po_line_id IN (?...) ORDER BY po.batch.po_line_id, po.batch.sequence
GO

SELECT po.audit_event.id, po.audit_event.previous_hash, po.audit_event.hash, po.audit_event.in_file,
po.audit_event.event_id, po.audit_event.event_type, po.audit_event.severity, po.audit_event.timestamp,
po.audit_event.run_id, po.audit_event.po_line_id, po.audit_event.previous_values, po.audit_event.new_values,
po.audit_event.reason, po.audit_event.source
FROM po.audit_event
WHERE po.audit_event.id > ? ORDER BY po.audit_event.id
GO

SELECT line.po_number, line.line_number, line.supplier_code, first_event.previous_value, line.promised_date AS
promised_date, moved.moves
FROM (SELECT event.po_line_id AS po_line_id, min(event.id) AS first_id, count(*) AS moves
FROM po.erp_change_event AS event
WHERE event.run_id >= ? AND event.kind = ? AND event.field_name = ? AND event.cause = ? AND event.previous_value IS
NOT NULL GROUP BY event.po_line_id) AS moved JOIN po.po_line AS line ON line.id = moved.po_line_id JOIN
po.erp_change_event AS first_event ON first_event.id = moved.first_id
WHERE line.erp = ? AND line.promised_date IS NOT NULL
GO

SELECT TOP 1 po.erp_change_event.id
FROM po.erp_change_event
WHERE po.erp_change_event.run_id >= ? AND (EXISTS (SELECT po.ingestion_run.id
FROM po.ingestion_run
WHERE po.ingestion_run.id = po.erp_change_event.run_id AND po.ingestion_run.erp = ?)) ORDER BY
po.erp_change_event.run_id DESC, po.erp_change_event.id DESC
GO

SELECT po.erp_change_event.id, po.erp_change_event.run_id, po.ingestion_run.run_identifier,
po.erp_change_event.po_line_id, po.po_line.erp, po.po_line.po_number, po.po_line.line_number,
po.erp_change_event.kind, po.erp_change_event.field_name, po.erp_change_event.previous_value,
po.erp_change_event.new_value, po.erp_change_event.cause, po.erp_change_event.detected_at
FROM po.erp_change_event JOIN po.po_line ON po.erp_change_event.po_line_id = po.po_line.id JOIN po.ingestion_run ON
po.erp_change_event.run_id = po.ingestion_run.id
WHERE po.erp_change_event.id IN (?...) ORDER BY po.erp_change_event.id
GO

SELECT TOP 1 po.rejected_row.id, po.rejected_row.run_id, po.rejected_row.query, po.rejected_row.po_number,
po.rejected_row.line_number, po.rejected_row.field, po.rejected_row.reason
FROM po.rejected_row
WHERE po.rejected_row.run_id = ? ORDER BY po.rejected_row.id
GO

IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION
GO

DECLARE @result int = 0; SET TRANSACTION ISOLATION LEVEL READ COMMITTED; BEGIN TRANSACTION; EXEC @result =
sys.sp_getapplock @Resource = N'po-ingest write po 0123456789abcdef', @LockMode = 'Exclusive', @LockOwner =
'Transaction', @LockTimeout = 30000; SELECT @result
GO

SELECT COUNT(*) FROM [po].[audit_event] WHERE hash = ?
GO

DROP VIEW IF EXISTS po.v_po_line
GO

DROP VIEW IF EXISTS po.v_change
GO

DROP VIEW IF EXISTS po.v_promised_date
GO

DROP VIEW IF EXISTS po.v_run_health
GO

UPDATE po.alembic_version SET version_num='0002' WHERE po.alembic_version.version_num = '0001'
GO

SELECT DISTINCT po.ingestion_run.erp
FROM po.ingestion_run
GO

SELECT DISTINCT po.po_line.erp
FROM po.po_line
GO

SELECT TOP 1 po.audit_event.id
FROM po.audit_event
GO

SELECT TOP 1 po.ingestion_run.id
FROM po.ingestion_run
GO

SELECT TOP 1 po.item_xref.erp_item_code
FROM po.item_xref
GO

SELECT TOP 1 po.po_line.id
FROM po.po_line
GO

SELECT TOP 1 po.rejected_row.id
FROM po.rejected_row
GO

SELECT TOP 1 po.batch.id
FROM po.batch
GO

SELECT TOP 1 po.erp_change_event.id
FROM po.erp_change_event
GO

SELECT TOP 1 po.erp_snapshot.id
FROM po.erp_snapshot
GO

SELECT TOP 1 po.audit_event.id, po.audit_event.event_id, po.audit_event.event_type, po.audit_event.severity,
po.audit_event.source, po.audit_event.run_id, po.audit_event.po_line_id, po.audit_event.timestamp,
po.audit_event.previous_values AS previous_values, po.audit_event.new_values AS new_values, po.audit_event.reason,
po.audit_event.previous_hash, po.audit_event.hash, po.audit_event.in_file
FROM po.audit_event ORDER BY po.audit_event.id
GO

SELECT TOP 1 po.audit_event.id, po.audit_event.event_id, po.audit_event.event_type, po.audit_event.severity,
po.audit_event.source, po.audit_event.run_id, po.audit_event.po_line_id, po.audit_event.timestamp,
po.audit_event.previous_values AS previous_values, po.audit_event.new_values AS new_values, po.audit_event.reason,
po.audit_event.previous_hash, po.audit_event.hash, po.audit_event.in_file
FROM po.audit_event
WHERE po.audit_event.id > ? ORDER BY po.audit_event.id
GO

SELECT TOP 1 po.ingestion_run.id, po.ingestion_run.run_identifier, po.ingestion_run.erp, po.ingestion_run.mode,
po.ingestion_run.status, po.ingestion_run.started_at, po.ingestion_run.finished_at, po.ingestion_run.duration_seconds,
po.ingestion_run.report AS report, po.ingestion_run.host, po.ingestion_run.version, po.ingestion_run.process,
po.ingestion_run.field_configuration AS field_configuration
FROM po.ingestion_run ORDER BY po.ingestion_run.id
GO

WITH given AS (SELECT [id], [run_identifier], [erp], [mode], [status], [started_at], [finished_at],
[duration_seconds], [report], [host], [version], [process], [field_configuration] FROM OPENJSON(?) WITH ([id] BIGINT
'$[0]', [run_identifier] NVARCHAR(4000) '$[1]', [erp] NVARCHAR(4000) '$[2]', [mode] NVARCHAR(4000) '$[3]', [status]
NVARCHAR(4000) '$[4]', [started_at] DATETIME2(6) '$[5]', [finished_at] DATETIME2(6) '$[6]', [duration_seconds] FLOAT
'$[7]', [report] NVARCHAR(max) '$[8]', [host] NVARCHAR(4000) '$[9]', [version] NVARCHAR(4000) '$[10]', [process]
INTEGER '$[11]', [field_configuration] NVARCHAR(max) '$[12]')) INSERT INTO po.ingestion_run (id, run_identifier, erp,
mode, status, started_at, finished_at, duration_seconds, report, host, version, process, field_configuration) SELECT
given.id, given.run_identifier, given.erp, given.mode, given.status, given.started_at, given.finished_at,
given.duration_seconds, given.report, given.host, given.version, given.process, given.field_configuration
FROM given
GO

SELECT TOP 1 po.ingestion_run.id, po.ingestion_run.run_identifier, po.ingestion_run.erp, po.ingestion_run.mode,
po.ingestion_run.status, po.ingestion_run.started_at, po.ingestion_run.finished_at, po.ingestion_run.duration_seconds,
po.ingestion_run.report AS report, po.ingestion_run.host, po.ingestion_run.version, po.ingestion_run.process,
po.ingestion_run.field_configuration AS field_configuration
FROM po.ingestion_run
WHERE po.ingestion_run.id > ? ORDER BY po.ingestion_run.id
GO

SELECT TOP 1 po.item_xref.erp_item_code, po.item_xref.supplier_code, po.item_xref.mapped_sku,
po.item_xref.mapped_item, po.item_xref.is_active, po.item_xref.updated_at
FROM po.item_xref ORDER BY po.item_xref.erp_item_code
GO

SELECT TOP 1 po.item_xref.erp_item_code, po.item_xref.supplier_code, po.item_xref.mapped_sku,
po.item_xref.mapped_item, po.item_xref.is_active, po.item_xref.updated_at
FROM po.item_xref
WHERE po.item_xref.erp_item_code > ? ORDER BY po.item_xref.erp_item_code
GO

SELECT TOP 1 po.po_line.id, po.po_line.erp, po.po_line.po_number, po.po_line.line_number, po.po_line.presence,
po.po_line.row_fingerprint, po.po_line.receipts_fingerprint, po.po_line.xref_fingerprint, po.po_line.item_code,
po.po_line.sku, po.po_line.item, po.po_line.supplier_code, po.po_line.ordered_quantity, po.po_line.delivered_quantity,
po.po_line.remaining_quantity, po.po_line.in_date, po.po_line.promised_date, po.po_line.current_status,
po.po_line.po_insert_date, po.po_line.final_customer, po.po_line.last_update_timestamp, po.po_line.custom_date_1,
po.po_line.custom_date_2, po.po_line.custom_date_3, po.po_line.custom_date_4, po.po_line.custom_date_5,
po.po_line.custom_text_1, po.po_line.custom_text_2, po.po_line.custom_text_3, po.po_line.custom_text_4,
po.po_line.custom_text_5, po.po_line.custom_decimal_1, po.po_line.custom_decimal_2, po.po_line.custom_decimal_3,
po.po_line.custom_decimal_4, po.po_line.custom_decimal_5, po.po_line.is_unmapped, po.po_line.is_stale,
po.po_line.absent_since, po.po_line.source_quality, po.po_line.custom_column_sources AS custom_column_sources,
po.po_line.erp_values AS erp_values, po.po_line.snapshot_id, po.po_line.first_seen_run_id,
po.po_line.last_changed_run_id
FROM po.po_line ORDER BY po.po_line.id
GO

WITH given AS (SELECT [id], [erp], [po_number], [line_number], [presence], CONVERT(VARBINARY(64), [row_fingerprint],
2) AS [row_fingerprint], CONVERT(VARBINARY(64), [receipts_fingerprint], 2) AS [receipts_fingerprint],
CONVERT(VARBINARY(64), [xref_fingerprint], 2) AS [xref_fingerprint], [item_code], [sku], [item], [supplier_code],
[ordered_quantity], [delivered_quantity], [remaining_quantity], [in_date], [promised_date], [current_status],
[po_insert_date], [final_customer], [last_update_timestamp], [custom_date_1], [custom_date_2], [custom_date_3],
[custom_date_4], [custom_date_5], [custom_text_1], [custom_text_2], [custom_text_3], [custom_text_4], [custom_text_5],
[custom_decimal_1], [custom_decimal_2], [custom_decimal_3], [custom_decimal_4], [custom_decimal_5], [is_unmapped],
[is_stale], [absent_since], [source_quality], [custom_column_sources], [erp_values], [snapshot_id],
[first_seen_run_id], [last_changed_run_id] FROM OPENJSON(?) WITH ([id] BIGINT '$[0]', [erp] NVARCHAR(4000) '$[1]',
[po_number] NVARCHAR(4000) '$[2]', [line_number] INTEGER '$[3]', [presence] INTEGER '$[4]', [row_fingerprint]
VARCHAR(128) '$[5]', [receipts_fingerprint] VARCHAR(128) '$[6]', [xref_fingerprint] VARCHAR(128) '$[7]', [item_code]
NVARCHAR(4000) '$[8]', [sku] NVARCHAR(4000) '$[9]', [item] NVARCHAR(4000) '$[10]', [supplier_code] NVARCHAR(4000)
'$[11]', [ordered_quantity] DECIMAL(18, 3) '$[12]', [delivered_quantity] DECIMAL(18, 3) '$[13]', [remaining_quantity]
DECIMAL(18, 3) '$[14]', [in_date] DATE '$[15]', [promised_date] DATE '$[16]', [current_status] NVARCHAR(4000) '$[17]',
[po_insert_date] DATE '$[18]', [final_customer] NVARCHAR(4000) '$[19]', [last_update_timestamp] DATETIME2(6) '$[20]',
[custom_date_1] DATE '$[21]', [custom_date_2] DATE '$[22]', [custom_date_3] DATE '$[23]', [custom_date_4] DATE
'$[24]', [custom_date_5] DATE '$[25]', [custom_text_1] NVARCHAR(4000) '$[26]', [custom_text_2] NVARCHAR(4000) '$[27]',
[custom_text_3] NVARCHAR(4000) '$[28]', [custom_text_4] NVARCHAR(4000) '$[29]', [custom_text_5] NVARCHAR(4000)
'$[30]', [custom_decimal_1] DECIMAL(18, 3) '$[31]', [custom_decimal_2] DECIMAL(18, 3) '$[32]', [custom_decimal_3]
DECIMAL(18, 3) '$[33]', [custom_decimal_4] DECIMAL(18, 3) '$[34]', [custom_decimal_5] DECIMAL(18, 3) '$[35]',
[is_unmapped] BIT '$[36]', [is_stale] BIT '$[37]', [absent_since] DATETIME2(6) '$[38]', [source_quality]
NVARCHAR(4000) '$[39]', [custom_column_sources] NVARCHAR(max) '$[40]', [erp_values] NVARCHAR(max) '$[41]',
[snapshot_id] BIGINT '$[42]', [first_seen_run_id] BIGINT '$[43]', [last_changed_run_id] BIGINT '$[44]')) INSERT INTO
po.po_line (id, erp, po_number, line_number, presence, row_fingerprint, receipts_fingerprint, xref_fingerprint,
item_code, sku, item, supplier_code, ordered_quantity, delivered_quantity, remaining_quantity, in_date, promised_date,
current_status, po_insert_date, final_customer, last_update_timestamp, custom_date_1, custom_date_2, custom_date_3,
custom_date_4, custom_date_5, custom_text_1, custom_text_2, custom_text_3, custom_text_4, custom_text_5,
custom_decimal_1, custom_decimal_2, custom_decimal_3, custom_decimal_4, custom_decimal_5, is_unmapped, is_stale,
absent_since, source_quality, custom_column_sources, erp_values, snapshot_id, first_seen_run_id, last_changed_run_id)
SELECT given.id, given.erp, given.po_number, given.line_number, given.presence, given.row_fingerprint,
given.receipts_fingerprint, given.xref_fingerprint, given.item_code, given.sku, given.item, given.supplier_code,
given.ordered_quantity, given.delivered_quantity, given.remaining_quantity, given.in_date, given.promised_date,
given.current_status, given.po_insert_date, given.final_customer, given.last_update_timestamp, given.custom_date_1,
given.custom_date_2, given.custom_date_3, given.custom_date_4, given.custom_date_5, given.custom_text_1,
given.custom_text_2, given.custom_text_3, given.custom_text_4, given.custom_text_5, given.custom_decimal_1,
given.custom_decimal_2, given.custom_decimal_3, given.custom_decimal_4, given.custom_decimal_5, given.is_unmapped,
given.is_stale, given.absent_since, given.source_quality, given.custom_column_sources, given.erp_values,
given.snapshot_id, given.first_seen_run_id, given.last_changed_run_id
FROM given
GO

SELECT TOP 1 po.po_line.id, po.po_line.erp, po.po_line.po_number, po.po_line.line_number, po.po_line.presence,
po.po_line.row_fingerprint, po.po_line.receipts_fingerprint, po.po_line.xref_fingerprint, po.po_line.item_code,
po.po_line.sku, po.po_line.item, po.po_line.supplier_code, po.po_line.ordered_quantity, po.po_line.delivered_quantity,
po.po_line.remaining_quantity, po.po_line.in_date, po.po_line.promised_date, po.po_line.current_status,
po.po_line.po_insert_date, po.po_line.final_customer, po.po_line.last_update_timestamp, po.po_line.custom_date_1,
po.po_line.custom_date_2, po.po_line.custom_date_3, po.po_line.custom_date_4, po.po_line.custom_date_5,
po.po_line.custom_text_1, po.po_line.custom_text_2, po.po_line.custom_text_3, po.po_line.custom_text_4,
po.po_line.custom_text_5, po.po_line.custom_decimal_1, po.po_line.custom_decimal_2, po.po_line.custom_decimal_3,
po.po_line.custom_decimal_4, po.po_line.custom_decimal_5, po.po_line.is_unmapped, po.po_line.is_stale,
po.po_line.absent_since, po.po_line.source_quality, po.po_line.custom_column_sources AS custom_column_sources,
po.po_line.erp_values AS erp_values, po.po_line.snapshot_id, po.po_line.first_seen_run_id,
po.po_line.last_changed_run_id
FROM po.po_line
WHERE po.po_line.id > ? ORDER BY po.po_line.id
GO

SELECT TOP 1 po.rejected_row.id, po.rejected_row.run_id, po.rejected_row.query, po.rejected_row.po_number,
po.rejected_row.line_number, po.rejected_row.field, po.rejected_row.reason, po.rejected_row.row AS row
FROM po.rejected_row ORDER BY po.rejected_row.id
GO

SELECT TOP 1 po.rejected_row.id, po.rejected_row.run_id, po.rejected_row.query, po.rejected_row.po_number,
po.rejected_row.line_number, po.rejected_row.field, po.rejected_row.reason, po.rejected_row.row AS row
FROM po.rejected_row
WHERE po.rejected_row.id > ? ORDER BY po.rejected_row.id
GO

SELECT TOP 1 po.batch.id, po.batch.po_line_id, po.batch.sequence, po.batch.delivered_quantity, po.batch.delivery_date,
po.batch.kind, po.batch.reference, po.batch.event, po.batch.source, po.batch.run_id
FROM po.batch ORDER BY po.batch.id
GO

SELECT TOP 1 po.batch.id, po.batch.po_line_id, po.batch.sequence, po.batch.delivered_quantity, po.batch.delivery_date,
po.batch.kind, po.batch.reference, po.batch.event, po.batch.source, po.batch.run_id
FROM po.batch
WHERE po.batch.id > ? ORDER BY po.batch.id
GO

SELECT TOP 1 po.erp_change_event.id, po.erp_change_event.run_id, po.erp_change_event.po_line_id,
po.erp_change_event.kind, po.erp_change_event.field_name, po.erp_change_event.previous_value,
po.erp_change_event.new_value, po.erp_change_event.cause, po.erp_change_event.detected_at
FROM po.erp_change_event ORDER BY po.erp_change_event.id
GO

SELECT TOP 1 po.erp_change_event.id, po.erp_change_event.run_id, po.erp_change_event.po_line_id,
po.erp_change_event.kind, po.erp_change_event.field_name, po.erp_change_event.previous_value,
po.erp_change_event.new_value, po.erp_change_event.cause, po.erp_change_event.detected_at
FROM po.erp_change_event
WHERE po.erp_change_event.id > ? ORDER BY po.erp_change_event.id
GO

SELECT TOP 1 po.erp_snapshot.id, po.erp_snapshot.po_line_id, po.erp_snapshot.valid_from_run_id,
po.erp_snapshot.valid_to_run_id, po.erp_snapshot.sku, po.erp_snapshot.item, po.erp_snapshot.item_code,
po.erp_snapshot.supplier_code, po.erp_snapshot.ordered_quantity, po.erp_snapshot.delivered_quantity,
po.erp_snapshot.remaining_quantity, po.erp_snapshot.in_date, po.erp_snapshot.promised_date,
po.erp_snapshot.current_status, po.erp_snapshot.po_insert_date, po.erp_snapshot.final_customer,
po.erp_snapshot.last_update_timestamp, po.erp_snapshot.custom_date_1, po.erp_snapshot.custom_date_2,
po.erp_snapshot.custom_date_3, po.erp_snapshot.custom_date_4, po.erp_snapshot.custom_date_5,
po.erp_snapshot.custom_text_1, po.erp_snapshot.custom_text_2, po.erp_snapshot.custom_text_3,
po.erp_snapshot.custom_text_4, po.erp_snapshot.custom_text_5, po.erp_snapshot.custom_decimal_1,
po.erp_snapshot.custom_decimal_2, po.erp_snapshot.custom_decimal_3, po.erp_snapshot.custom_decimal_4,
po.erp_snapshot.custom_decimal_5
FROM po.erp_snapshot ORDER BY po.erp_snapshot.id
GO

WITH given AS (SELECT [id], [po_line_id], [valid_from_run_id], [valid_to_run_id], [sku], [item], [item_code],
[supplier_code], [ordered_quantity], [delivered_quantity], [remaining_quantity], [in_date], [promised_date],
[current_status], [po_insert_date], [final_customer], [last_update_timestamp], [custom_date_1], [custom_date_2],
[custom_date_3], [custom_date_4], [custom_date_5], [custom_text_1], [custom_text_2], [custom_text_3], [custom_text_4],
[custom_text_5], [custom_decimal_1], [custom_decimal_2], [custom_decimal_3], [custom_decimal_4], [custom_decimal_5]
FROM OPENJSON(?) WITH ([id] BIGINT '$[0]', [po_line_id] BIGINT '$[1]', [valid_from_run_id] BIGINT '$[2]',
[valid_to_run_id] BIGINT '$[3]', [sku] NVARCHAR(4000) '$[4]', [item] NVARCHAR(4000) '$[5]', [item_code] NVARCHAR(4000)
'$[6]', [supplier_code] NVARCHAR(4000) '$[7]', [ordered_quantity] DECIMAL(18, 3) '$[8]', [delivered_quantity]
DECIMAL(18, 3) '$[9]', [remaining_quantity] DECIMAL(18, 3) '$[10]', [in_date] DATE '$[11]', [promised_date] DATE
'$[12]', [current_status] NVARCHAR(4000) '$[13]', [po_insert_date] DATE '$[14]', [final_customer] NVARCHAR(4000)
'$[15]', [last_update_timestamp] DATETIME2(6) '$[16]', [custom_date_1] DATE '$[17]', [custom_date_2] DATE '$[18]',
[custom_date_3] DATE '$[19]', [custom_date_4] DATE '$[20]', [custom_date_5] DATE '$[21]', [custom_text_1]
NVARCHAR(4000) '$[22]', [custom_text_2] NVARCHAR(4000) '$[23]', [custom_text_3] NVARCHAR(4000) '$[24]',
[custom_text_4] NVARCHAR(4000) '$[25]', [custom_text_5] NVARCHAR(4000) '$[26]', [custom_decimal_1] DECIMAL(18, 3)
'$[27]', [custom_decimal_2] DECIMAL(18, 3) '$[28]', [custom_decimal_3] DECIMAL(18, 3) '$[29]', [custom_decimal_4]
DECIMAL(18, 3) '$[30]', [custom_decimal_5] DECIMAL(18, 3) '$[31]')) INSERT INTO po.erp_snapshot (id, po_line_id,
valid_from_run_id, valid_to_run_id, sku, item, item_code, supplier_code, ordered_quantity, delivered_quantity,
remaining_quantity, in_date, promised_date, current_status, po_insert_date, final_customer, last_update_timestamp,
custom_date_1, custom_date_2, custom_date_3, custom_date_4, custom_date_5, custom_text_1, custom_text_2,
custom_text_3, custom_text_4, custom_text_5, custom_decimal_1, custom_decimal_2, custom_decimal_3, custom_decimal_4,
custom_decimal_5) SELECT given.id, given.po_line_id, given.valid_from_run_id, given.valid_to_run_id, given.sku,
given.item, given.item_code, given.supplier_code, given.ordered_quantity, given.delivered_quantity,
given.remaining_quantity, given.in_date, given.promised_date, given.current_status, given.po_insert_date,
given.final_customer, given.last_update_timestamp, given.custom_date_1, given.custom_date_2, given.custom_date_3,
given.custom_date_4, given.custom_date_5, given.custom_text_1, given.custom_text_2, given.custom_text_3,
given.custom_text_4, given.custom_text_5, given.custom_decimal_1, given.custom_decimal_2, given.custom_decimal_3,
given.custom_decimal_4, given.custom_decimal_5
FROM given
GO

SELECT TOP 1 po.erp_snapshot.id, po.erp_snapshot.po_line_id, po.erp_snapshot.valid_from_run_id,
po.erp_snapshot.valid_to_run_id, po.erp_snapshot.sku, po.erp_snapshot.item, po.erp_snapshot.item_code,
po.erp_snapshot.supplier_code, po.erp_snapshot.ordered_quantity, po.erp_snapshot.delivered_quantity,
po.erp_snapshot.remaining_quantity, po.erp_snapshot.in_date, po.erp_snapshot.promised_date,
po.erp_snapshot.current_status, po.erp_snapshot.po_insert_date, po.erp_snapshot.final_customer,
po.erp_snapshot.last_update_timestamp, po.erp_snapshot.custom_date_1, po.erp_snapshot.custom_date_2,
po.erp_snapshot.custom_date_3, po.erp_snapshot.custom_date_4, po.erp_snapshot.custom_date_5,
po.erp_snapshot.custom_text_1, po.erp_snapshot.custom_text_2, po.erp_snapshot.custom_text_3,
po.erp_snapshot.custom_text_4, po.erp_snapshot.custom_text_5, po.erp_snapshot.custom_decimal_1,
po.erp_snapshot.custom_decimal_2, po.erp_snapshot.custom_decimal_3, po.erp_snapshot.custom_decimal_4,
po.erp_snapshot.custom_decimal_5
FROM po.erp_snapshot
WHERE po.erp_snapshot.id > ? ORDER BY po.erp_snapshot.id
GO
