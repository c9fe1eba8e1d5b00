-- A year of departures from New York's three airports: real files in, trusted tables out.

CREATE TABLE flights_raw (
  year INT, month INT, day INT, dep_time INT, sched_dep_time INT, dep_delay DOUBLE, arr_time INT,
  sched_arr_time INT, arr_delay DOUBLE, carrier VARCHAR, flight INT, tailnum VARCHAR,
  origin VARCHAR, dest VARCHAR, air_time DOUBLE, distance DOUBLE, hour INT, minute INT,
  time_hour TIMESTAMPTZ,
  WATERMARK FOR time_hour AS time_hour - INTERVAL '24' HOUR
) WITH ('connector' = 'filesystem', 'path' = 'data/flights-*.csv', 'csv.null-literal' = 'NA');

CREATE TABLE weather (
  origin VARCHAR, temp DOUBLE, wind_speed DOUBLE, precip DOUBLE, visib DOUBLE,
  time_hour TIMESTAMPTZ
) WITH ('connector' = 'filesystem', 'path' = 'data/weather.csv', 'csv.null-literal' = 'NA');

CREATE TABLE planes (tailnum VARCHAR, year INT, manufacturer VARCHAR, model VARCHAR, seats INT)
WITH ('connector' = 'filesystem', 'path' = 'data/planes.csv', 'csv.null-literal' = 'NA');

-- Names and types of these two are found by looking at the files.
CREATE TABLE airports WITH ('connector' = 'filesystem', 'path' = 'data/airports.csv');
CREATE TABLE airlines WITH ('connector' = 'filesystem', 'path' = 'data/airlines.csv');

CREATE MATERIALIZED TABLE flights (
  CONSTRAINT known_origin EXPECT (origin IN ('EWR', 'LGA', 'JFK')) ON VIOLATION FAIL,
  CONSTRAINT flew         EXPECT (arr_delay IS NOT NULL)           ON VIOLATION QUARANTINE,
  -- NULL counts as broken; those rows are flew's business.
  CONSTRAINT plausible    EXPECT (arr_delay IS NULL OR arr_delay BETWEEN -120 AND 400)
                                                                   ON VIOLATION DROP ROW,
  CONSTRAINT known_plane  EXPECT (manufacturer IS NOT NULL)        ON VIOLATION WARN
) PARTITIONED BY (month)
AS SELECT
  f.month, f.day, f.time_hour, f.hour, f.carrier, airlines.name AS airline, f.flight, f.tailnum,
  planes.manufacturer, planes.model, planes.seats, f.origin, f.dest,
  airports.name AS destination, f.distance, f.dep_delay, f.arr_delay,
  weather.temp, weather.wind_speed, weather.precip, weather.visib
FROM flights_raw f
LEFT JOIN airlines ON f.carrier = airlines.carrier
LEFT JOIN planes   ON f.tailnum = planes.tailnum
LEFT JOIN airports ON f.dest = airports.faa
LEFT JOIN weather  ON f.origin = weather.origin AND f.time_hour = weather.time_hour;

CREATE MATERIALIZED TABLE delays_hourly AS
SELECT window_start, origin, count(*) AS flights, avg(arr_delay) AS mean_delay,
       avg(visib) AS visibility
FROM TABLE(TUMBLE(TABLE flights, DESCRIPTOR(time_hour), INTERVAL '1' HOUR))
GROUP BY window_start, window_end, origin;
