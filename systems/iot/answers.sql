-- What a building's engineer asks.

-- How is it, and how sure are we?
SELECT kind, unit, count(*) AS readings, count(DISTINCT sensor) AS sensors, round(avg(value), 1) AS mean,
       round(quantile_cont(value, 0.05), 1) AS p5, round(quantile_cont(value, 0.95), 1) AS p95
FROM readings GROUP BY kind, unit ORDER BY kind;

-- Which sensors drift? The mean of a sensor's last third against its first.
WITH thirds AS (
  SELECT sensor, kind, value, ntile(3) OVER (PARTITION BY sensor ORDER BY seq) AS third FROM readings
)
SELECT sensor, kind, round(avg(value) FILTER (third = 3) - avg(value) FILTER (third = 1), 2) AS drift
FROM thirds GROUP BY sensor, kind HAVING count(*) >= 9
ORDER BY abs(drift) / CASE kind WHEN 'pressure' THEN 10 ELSE 1 END DESC, sensor LIMIT 5;
