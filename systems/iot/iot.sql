-- What 10,000 sensors say: each reading once, in one unit, or set aside with the reason.

CREATE TABLE readings_in (
  sensor   VARCHAR,      -- 's-00042'
  seq      BIGINT,       -- counts a sensor's readings; sent again with the same number
  at_ms    BIGINT,       -- milliseconds since 1970, by the sensor's own clock
  kind     VARCHAR,      -- temperature, pressure, humidity
  unit     VARCHAR,      -- as this make of sensor has it: C F K, hPa kPa psi, %
  value    DOUBLE,
  battery  DOUBLE,       -- 0 to 1
  received TIMESTAMPTZ METADATA FROM 'timestamp'  -- when the gateway sent it
) WITH ('connector' = 'topic', 'topic' = 'readings', 'format' = 'json');

-- One unit a kind: °C, hPa, %. A unit that nobody knows leaves NULL.
CREATE VIEW normalised AS
SELECT sensor, seq, epoch_ms(at_ms) AT TIME ZONE 'UTC' AS taken, received, kind, battery,
       CASE unit WHEN 'C' THEN value WHEN 'F' THEN (value - 32) / 1.8 WHEN 'K' THEN value - 273.15
                 WHEN 'hPa' THEN value WHEN 'kPa' THEN value * 10 WHEN 'psi' THEN value * 68.9476
                 WHEN '%' THEN value END AS value,
       CASE kind WHEN 'temperature' THEN 'C' WHEN 'pressure' THEN 'hPa' WHEN 'humidity' THEN '%' END AS unit
FROM readings_in;

CREATE MATERIALIZED TABLE readings (
  -- A reading that was sent twice is one reading.
  PRIMARY KEY (sensor, seq) NOT ENFORCED,
  CONSTRAINT known_kind EXPECT (unit IS NOT NULL)                      ON VIOLATION QUARANTINE,
  CONSTRAINT known_unit EXPECT (value IS NOT NULL)                     ON VIOLATION QUARANTINE,
  CONSTRAINT plausible  EXPECT (CASE unit WHEN 'C'   THEN value BETWEEN -60 AND 90
                                          WHEN 'hPa' THEN value BETWEEN 800 AND 1100
                                          WHEN '%'   THEN value BETWEEN 0 AND 100
                                          ELSE TRUE END)               ON VIOLATION QUARANTINE,
  -- Readings may come late, after a gap in the radio. They can't come before they were taken.
  CONSTRAINT clock      EXPECT (taken <= received + INTERVAL '10' MINUTE) ON VIOLATION QUARANTINE,
  CONSTRAINT on_time    EXPECT (taken >= received - INTERVAL '1' MINUTE)  ON VIOLATION WARN,
  CONSTRAINT battery    EXPECT (battery >= 0.1)                        ON VIOLATION WARN
) AS SELECT sensor, seq, taken, received, kind, value, unit, battery FROM normalised;
