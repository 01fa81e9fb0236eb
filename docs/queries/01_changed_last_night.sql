-- What changed last night for a supplier
-- The supplier is the one that the line has now. A line event (created, absent, reappeared) has no field.
-- :erp = 'erp', :supplier = 'V1'
SELECT po_number, line_number, kind, field_name, previous_value, new_value, cause
FROM v_change
WHERE supplier_code = :supplier
  AND run_id = (SELECT MAX(run_id) FROM v_run_health WHERE erp = :erp AND status IN ('completed', 'partial'))
ORDER BY po_number, line_number, change_id
