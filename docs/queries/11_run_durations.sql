-- How the runs went
-- Hours since the last applied run tell a night that is missing, `failure` why a run failed.
-- :erp = 'erp', :since = '2026-03-01'
SELECT run_id, status, started_at, duration_seconds, hours_since_previous, lines, changes, rejected_rows, exit_code,
    failure
FROM v_run_health
WHERE erp = :erp AND started_at >= :since
ORDER BY run_id DESC
