-- Overdue lines
-- Open, promised for a day before today, and something is still to come.
-- :erp = 'erp', :today = '2026-04-01'
SELECT po_number, line_number, supplier_code, promised_date, remaining_quantity
FROM v_po_line
WHERE erp = :erp AND line_state = 'active' AND promised_date < :today AND remaining_quantity > 0
ORDER BY promised_date, po_number, line_number
