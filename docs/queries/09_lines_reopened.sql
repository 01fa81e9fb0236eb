-- Lines that came back after they were gone
-- With the reason of their last absence before.
-- :erp = 'erp', :since = '2026-03-01'
SELECT back.po_number, back.line_number, back.detected_at AS reappeared_at, gone.detected_at AS absent_since,
    gone.new_value AS reason
FROM v_change AS back
JOIN v_change AS gone ON gone.change_id = (
    SELECT MAX(change_id) FROM v_change AS before
    WHERE before.po_line_id = back.po_line_id AND before.kind = 'absent' AND before.change_id < back.change_id
)
WHERE back.erp = :erp AND back.kind = 'reappeared' AND back.detected_at >= :since
ORDER BY back.change_id
