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

COMMIT;

GO
