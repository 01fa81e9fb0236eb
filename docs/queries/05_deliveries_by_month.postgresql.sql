-- Deliveries by month and supplier
-- Corrections are among them, in the month of the delivery that they correct.
-- :erp = 'erp'
SELECT TO_CHAR(batch.delivery_date, 'YYYY-MM') AS delivery_month, line.supplier_code,
    SUM(batch.delivered_quantity) AS delivered
FROM batch
JOIN v_po_line AS line ON line.po_line_id = batch.po_line_id
WHERE line.erp = :erp
GROUP BY TO_CHAR(batch.delivery_date, 'YYYY-MM'), line.supplier_code
ORDER BY delivery_month, line.supplier_code
