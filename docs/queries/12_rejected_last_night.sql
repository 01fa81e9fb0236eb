-- Rows that the last run could not take
-- Their lines, if known, keep the state that they had.
-- :erp = 'erp'
SELECT query, po_number, line_number, field, reason
FROM rejected_row
WHERE run_id = (SELECT MAX(run_id) FROM v_run_health WHERE erp = :erp AND status IN ('completed', 'partial'))
ORDER BY id
