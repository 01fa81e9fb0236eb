-- Item codes that the cross-reference does not know, by open quantity
-- Of the lines that are still open.
-- :erp = 'erp'
SELECT item_code, COUNT(*) AS open_lines, SUM(remaining_quantity) AS open_quantity
FROM v_po_line
WHERE erp = :erp AND line_state = 'active' AND is_unmapped = 1
GROUP BY item_code
ORDER BY open_quantity DESC, item_code
