-- Deliveries by month and supplier
-- Corrections are among them, in the month of the delivery that they correct.
-- :erp = 'erp'
SELECT SUBSTR(batch.delivery_date, 1, 7) AS delivery_month, line.supplier_code,
    SUM(CAST(batch.delivered_quantity AS REAL)) AS delivered
FROM batch
JOIN v_po_line AS line ON line.po_line_id = batch.po_line_id
WHERE line.erp = :erp
GROUP BY SUBSTR(batch.delivery_date, 1, 7), line.supplier_code
ORDER BY delivery_month, line.supplier_code
