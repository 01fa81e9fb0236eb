BEGIN TRANSACTION;

SET ANSI_NULLS ON; SET ANSI_NULL_DFLT_ON ON; SET ANSI_PADDING ON; SET ANSI_WARNINGS ON; SET ARITHABORT ON; SET CONCAT_NULL_YIELDS_NULL ON; SET NOCOUNT ON; SET QUOTED_IDENTIFIER ON; SET XACT_ABORT ON;

GO

IF SCHEMA_ID(N'po') IS NULL EXEC (N'CREATE SCHEMA [po]');

GO

CREATE TABLE po.alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);

GO

-- Running upgrade  -> 0001

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
);

GO

CREATE INDEX ix_ingestion_run_erp ON po.ingestion_run (erp, status);

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
);

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
);

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
);

GO

CREATE INDEX ix_erp_change_event_run ON po.erp_change_event (run_id);

GO

CREATE INDEX ix_erp_change_event_line ON po.erp_change_event (po_line_id);

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
);

GO

CREATE TABLE po.item_xref (
    erp_item_code NVARCHAR(256) COLLATE Latin1_General_100_BIN2 NOT NULL,
    supplier_code NVARCHAR(128) COLLATE Latin1_General_100_BIN2 NULL,
    mapped_sku NVARCHAR(256) COLLATE Latin1_General_100_BIN2 NULL,
    mapped_item NVARCHAR(510) COLLATE Latin1_General_100_BIN2 NULL,
    is_active BIT NOT NULL,
    updated_at DATETIME2(6) NOT NULL,
    CONSTRAINT pk_item_xref PRIMARY KEY (erp_item_code)
);

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
);

GO

CREATE INDEX ix_audit_event_run ON po.audit_event (run_id);

GO

CREATE TRIGGER [po].[audit_event_no_change] ON [po].[audit_event] INSTEAD OF UPDATE, DELETE AS BEGIN SET NOCOUNT ON; THROW 51000, N'audit_event is append-only', 1; END;

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
);

GO

CREATE INDEX ix_rejected_row_run ON po.rejected_row (run_id);

GO

INSERT INTO po.alembic_version (version_num) OUTPUT inserted.version_num VALUES ('0001');

GO

-- Running upgrade 0001 -> 0002

DROP VIEW IF EXISTS po.v_po_line;

GO

DROP VIEW IF EXISTS po.v_change;

GO

DROP VIEW IF EXISTS po.v_promised_date;

GO

DROP VIEW IF EXISTS po.v_run_health;

GO

CREATE VIEW po.v_po_line AS SELECT line.id AS po_line_id, line.erp, line.po_number, line.line_number, line.sku, line.item, line.item_code, line.supplier_code, line.ordered_quantity AS ordered_quantity, line.delivered_quantity AS delivered_quantity, line.remaining_quantity AS remaining_quantity, line.in_date, line.promised_date, line.current_status, line.po_insert_date, line.final_customer, line.last_update_timestamp, line.custom_date_1, line.custom_date_2, line.custom_date_3, line.custom_date_4, line.custom_date_5, line.custom_text_1, line.custom_text_2, line.custom_text_3, line.custom_text_4, line.custom_text_5, line.custom_decimal_1 AS custom_decimal_1, line.custom_decimal_2 AS custom_decimal_2, line.custom_decimal_3 AS custom_decimal_3, line.custom_decimal_4 AS custom_decimal_4, line.custom_decimal_5 AS custom_decimal_5, CASE WHEN (line.presence = 1) THEN N'active' WHEN (line.presence = 2) THEN N'closed' WHEN (line.presence = 3) THEN N'missing' WHEN (line.presence = 0) THEN N'entered' END AS line_state, line.absent_since, CASE WHEN (line.is_unmapped = 1) THEN 1 ELSE 0 END AS is_unmapped, line.source_quality, line.first_seen_run_id, first_run.started_at AS first_seen_at, line.last_changed_run_id, last_run.started_at AS last_changed_at
FROM po.po_line AS line LEFT OUTER JOIN po.ingestion_run AS first_run ON first_run.id = line.first_seen_run_id LEFT OUTER JOIN po.ingestion_run AS last_run ON last_run.id = line.last_changed_run_id;

GO

CREATE VIEW po.v_change AS SELECT event.id AS change_id, event.run_id, run.run_identifier, event.po_line_id, line.erp, line.po_number, line.line_number, line.sku, line.item, line.supplier_code, event.kind, event.field_name, event.previous_value, event.new_value, event.cause, event.detected_at
FROM po.erp_change_event AS event JOIN po.po_line AS line ON event.po_line_id = line.id JOIN po.ingestion_run AS run ON event.run_id = run.id;

GO

CREATE VIEW po.v_promised_date AS SELECT line.id AS po_line_id, line.erp, line.po_number, line.line_number, line.sku, line.item, line.supplier_code, CASE WHEN (line.presence = 1) THEN N'active' WHEN (line.presence = 2) THEN N'closed' WHEN (line.presence = 3) THEN N'missing' WHEN (line.presence = 0) THEN N'entered' END AS line_state, coalesce(CASE WHEN (first_event.field_name = N'promised_date') THEN TRY_CONVERT(DATE, first_event.previous_value, 23) END, CASE WHEN (first_event.field_name = N'promised_date') THEN TRY_CONVERT(DATE, first_event.new_value, 23) END, line.promised_date) AS first_promised_date, line.promised_date AS current_promised_date, coalesce(moved.given, 0) - CASE WHEN (first_event.id IS NOT NULL AND first_event.previous_value IS NULL) THEN 1 ELSE 0 END AS moves, DATEDIFF(DAY, coalesce(CASE WHEN (first_event.field_name = N'promised_date') THEN TRY_CONVERT(DATE, first_event.previous_value, 23) END, CASE WHEN (first_event.field_name = N'promised_date') THEN TRY_CONVERT(DATE, first_event.new_value, 23) END, line.promised_date), line.promised_date) AS days_moved
FROM po.po_line AS line LEFT OUTER JOIN (SELECT event.po_line_id AS po_line_id, min(event.id) AS first_id, count(event.new_value) AS given
FROM po.erp_change_event AS event LEFT OUTER JOIN (SELECT again.po_line_id AS po_line_id, max(again.id) AS last_id
FROM po.erp_change_event AS again
WHERE again.kind = N'changed' AND again.field_name = N'promised_date' AND again.cause = N'config' GROUP BY again.po_line_id) AS reread ON reread.po_line_id = event.po_line_id
WHERE event.kind = N'changed' AND event.field_name = N'promised_date' AND (reread.last_id IS NULL OR event.id > reread.last_id) GROUP BY event.po_line_id) AS moved ON moved.po_line_id = line.id LEFT OUTER JOIN po.erp_change_event AS first_event ON first_event.id = moved.first_id;

GO

CREATE VIEW po.v_run_health AS SELECT run.id AS run_id, run.run_identifier, run.erp, run.mode, run.status, run.started_at, run.finished_at, run.duration_seconds, CAST(DATEDIFF_BIG(SECOND, (SELECT max(earlier.started_at) AS latest
FROM po.ingestion_run AS earlier
WHERE earlier.erp = run.erp AND earlier.status IN (N'completed', N'partial') AND earlier.id < run.id), run.started_at) / 3600.0 AS NUMERIC(18, 2)) AS hours_since_previous, CASE WHEN (run.status IN (N'completed', N'partial')) THEN CAST(JSON_VALUE(run.report, '$.po_lines_processed') AS BIGINT) END AS lines, CASE WHEN (run.status IN (N'completed', N'partial')) THEN CAST(JSON_VALUE(run.report, '$.new_lines_created') AS BIGINT) END AS new_lines, CASE WHEN (run.status IN (N'completed', N'partial')) THEN CAST(JSON_VALUE(run.report, '$.lines_changed') AS BIGINT) END AS changed_lines, CASE WHEN (run.status IN (N'completed', N'partial')) THEN CAST(JSON_VALUE(run.report, '$.change_events_detected') AS BIGINT) END AS changes, CASE WHEN (run.status IN (N'completed', N'partial')) THEN CAST(JSON_VALUE(run.report, '$.absent_po_lines') AS BIGINT) END AS absent_lines, CASE WHEN (run.status IN (N'completed', N'partial')) THEN CAST(JSON_VALUE(run.report, '$.closed_po_lines') AS BIGINT) END AS closed_lines, CASE WHEN (run.status IN (N'completed', N'partial')) THEN CAST(JSON_VALUE(run.report, '$.reappeared_po_lines') AS BIGINT) END AS reappeared_lines, CASE WHEN (run.status IN (N'completed', N'partial')) THEN CAST(JSON_VALUE(run.report, '$.batches_reconstructed') AS BIGINT) END AS deliveries, CASE WHEN (run.status IN (N'completed', N'partial')) THEN CAST(JSON_VALUE(run.report, '$.xref_gaps_found') AS BIGINT) END AS unmapped_codes, CASE WHEN (run.status IN (N'completed', N'partial')) THEN CAST(JSON_VALUE(run.report, '$.rows_rejected') AS BIGINT) END AS rejected_rows, CASE WHEN (run.status IN (N'completed', N'partial')) THEN CAST(JSON_VALUE(run.report, '$.values_truncated') AS BIGINT) END AS truncated_values, CAST(JSON_VALUE(run.report, '$.retries') AS BIGINT) AS retries, CAST(JSON_VALUE(run.report, '$.exit_code') AS BIGINT) AS exit_code, (SELECT max(audit.reason) AS reason
FROM po.audit_event AS audit
WHERE audit.run_id = run.id AND audit.event_type = N'ingestion_failed') AS failure, run.host, run.version
FROM po.ingestion_run AS run;

GO

UPDATE po.alembic_version SET version_num='0002' WHERE po.alembic_version.version_num = '0001';

GO

COMMIT;

GO
