-- Lines with custom columns that a user has taken over
-- Which ones they are stands in `custom_column_sources`; no run touches those marked `user`.
-- :erp = 'erp'
SELECT po_number, line_number, custom_text_1, custom_column_sources
FROM po_line
WHERE erp = :erp AND source_quality = 'mixed'
ORDER BY po_number, line_number
