-- Promised dates that slipped by more than so many days
-- Of the lines that are still open; first and current promise, and how often another date was given.
-- :erp = 'erp', :days = 7
SELECT po_number, line_number, supplier_code, first_promised_date, current_promised_date, moves, days_moved
FROM v_promised_date
WHERE erp = :erp AND line_state = 'active' AND days_moved > :days
ORDER BY days_moved DESC, po_number, line_number
