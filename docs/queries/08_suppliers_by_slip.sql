-- Suppliers by how far their promises slip
-- All lines that ever had a promise, closed ones too; a negative average means earlier than first promised.
-- :erp = 'erp'
SELECT supplier_code, COUNT(*) AS promised_lines, SUM(CASE WHEN moves > 0 THEN 1 ELSE 0 END) AS moved_lines,
    AVG(days_moved * 1.0) AS average_days
FROM v_promised_date
WHERE erp = :erp AND first_promised_date IS NOT NULL
GROUP BY supplier_code
ORDER BY average_days DESC, supplier_code
