-- Two questions that a traveller would ask; the rows are shown at the end of a run.

-- I have to be in Chicago on time: with whom?
SELECT airline, count(*) AS flights,
       round(100 * avg(CAST(arr_delay <= 15 AS INT)), 1) AS on_time_percent,
       round(quantile_cont(arr_delay, 0.9)) AS one_in_ten_is_later_than_min
FROM flights WHERE dest = 'ORD'
GROUP BY airline HAVING count(*) >= 100 ORDER BY on_time_percent DESC, airline;

-- Which hours of the day are kind, and from which airport?
SELECT hour(window_start AT TIME ZONE 'America/New_York') AS leaves_at, origin,
       CAST(sum(flights) AS BIGINT) AS flights,
       round(sum(mean_delay * flights) / sum(flights), 1) AS mean_delay_min
FROM delays_hourly
GROUP BY ALL HAVING sum(flights) >= 1000
ORDER BY mean_delay_min LIMIT 5;
