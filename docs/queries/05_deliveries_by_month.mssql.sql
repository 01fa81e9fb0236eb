-- Deliveries by month and supplier
-- Corrections are among them, in the month of the delivery that they correct.
-- :erp = 'erp'
SELECT CONVERT(CHAR(7), batch.delivery_date, 126) AS delivery_month, line.supplier_code,
    SUM(batch.delivered_quantity) AS delivered
FROM batch
JOIN v_po_line AS line ON line.po_line_id = batch.po_line_id
WHERE line.erp = :erp
GROUP BY CONVERT(CHAR(7), batch.delivery_date, 126), line.supplier_code
ORDER BY delivery_month, line.supplier_code
