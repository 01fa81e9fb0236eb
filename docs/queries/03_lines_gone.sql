-- Lines that are gone, and why
-- `closed`: the ERP gave the line with an inactive status; `missing`: it gave no such row any more.
-- :erp = 'erp', :since = '2026-03-01'
SELECT change.po_number, change.line_number, change.detected_at, change.new_value AS reason, line.line_state AS state_now
FROM v_change AS change
JOIN v_po_line AS line ON line.po_line_id = change.po_line_id
WHERE change.erp = :erp AND change.kind = 'absent' AND change.detected_at >= :since
ORDER BY change.change_id
