-- The open lines as they were on a day
-- As the last run that was applied before `:end` (the day after, in UTC) saw them.
-- :erp = 'erp', :end = '2026-03-03'
SELECT line.po_number, line.line_number, state.supplier_code, state.promised_date, state.current_status
FROM erp_snapshot AS state
JOIN po_line AS line ON line.id = state.po_line_id
JOIN (
    SELECT MAX(id) AS id FROM ingestion_run
    WHERE erp = :erp AND status IN ('completed', 'partial') AND started_at < :end
) AS run ON run.id >= state.valid_from_run_id AND (state.valid_to_run_id IS NULL OR run.id <= state.valid_to_run_id)
WHERE line.erp = :erp
ORDER BY line.po_number, line.line_number
