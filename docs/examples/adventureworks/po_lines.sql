-- Every PO line, the closed ones included: po-ingest skips those that it never knew as active, and sees the last
-- receipt of those that it did. Runs on SQLite and, with the tables' schema names, on SQL Server.
SELECT
    d.PurchaseOrderID,
    d.PurchaseOrderDetailID,
    p.ProductNumber,
    p.Name AS ProductName,
    v.AccountNumber AS VendorAccount,
    v.Name AS VendorName,
    d.OrderQty,
    d.ReceivedQty,
    d.RejectedQty,
    CASE -- nothing is still to come on a rejected or complete order, though less than ordered may have come
        WHEN h.Status IN (3, 4) THEN 0
        WHEN CAST(d.ReceivedQty AS REAL) >= d.OrderQty THEN 0
        ELSE d.OrderQty - CAST(d.ReceivedQty AS REAL)
    END AS RemainingQty,
    CASE WHEN CAST(d.ReceivedQty AS REAL) > 0 THEN d.ModifiedDate END AS ReceiptDate,
    d.DueDate,
    CASE h.Status
        WHEN 1 THEN 'pending'
        WHEN 2 THEN 'approved'
        WHEN 3 THEN 'rejected'
        WHEN 4 THEN 'complete'
    END AS StatusName,
    h.OrderDate,
    h.ShipDate,
    d.UnitPrice,
    d.ModifiedDate
FROM PurchaseOrderDetail AS d
JOIN PurchaseOrderHeader AS h ON h.PurchaseOrderID = d.PurchaseOrderID
LEFT JOIN Product AS p ON p.ProductID = d.ProductID -- a line without a product or vendor is still a line
LEFT JOIN Vendor AS v ON v.VendorID = h.VendorID
