-- Made by package schema from the columns of the warehouse; do not edit.
CREATE OR REPLACE VIEW records_ndjson AS SELECT * FROM read_json('<objects>/dt=*/*.ndjson.gz',
  format = 'newline_delimited', hive_partitioning = true, columns = {
    "event": 'JSON',
    "user": 'STRUCT(user_id BIGINT, state JSON, device_segment JSON)',
    "platform": 'JSON',
    "geo_location": 'JSON',
    "device": 'JSON',
    "session": 'JSON',
    "referral": 'JSON'
  });

CREATE OR REPLACE VIEW records_parquet AS SELECT * FROM
  read_parquet('<objects>/dt=*/*.parquet', hive_partitioning = true, union_by_name = true);
