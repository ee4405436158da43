-- Made by package schema from the columns of the warehouse; do not edit.
-- <objects> is s3a://bucket/prefix. MSCK REPAIR TABLE finds the partitions: again each day.
CREATE TABLE records_ndjson (
    `event` STRING,
    `user` STRUCT<`user_id`: BIGINT, `state`: STRING, `device_segment`: STRING>,
    `platform` STRING,
    `geo_location` STRING,
    `device` STRING,
    `session` STRING,
    `referral` STRING,
    `dt` DATE
)
USING json
PARTITIONED BY (dt)
LOCATION '<objects>/';

MSCK REPAIR TABLE records_ndjson;

CREATE TABLE records_parquet (
    `event` STRUCT<`property`: STRUCT<`call_id`: STRING, `call_duration`: INT, `call_status`: STRING>, `super_property`: STRUCT<`source`: STRING, `type`: STRING, `producer`: STRING, `name`: STRING, `timestamp`: TIMESTAMP>>,
    `user` STRUCT<`user_id`: BIGINT, `state`: STRUCT<`coins`: BIGINT, `is_logged_in`: BOOLEAN, `language`: STRING, `language_mode`: STRING, `country_code`: STRING, `tz`: STRING>, `device_segment`: INT>,
    `platform` STRUCT<`version`: STRUCT<`integer`: INT, `string`: STRING>, `code`: STRING, `type`: STRING>,
    `geo_location` STRING,
    `device` STRUCT<`a_id`: STRING, `state`: STRUCT<`is_background`: BOOLEAN, `is_online`: BOOLEAN, `is_playing_music`: BOOLEAN>, `hardware`: STRUCT<`model_name`: STRING, `brand_name`: STRING, `type`: STRING>, `software`: STRUCT<`mobile`: STRUCT<`version`: STRING, `name`: STRING>, `web`: STRING>, `ip`: STRUCT<`ipv4`: STRING, `ipv6`: STRING>, `system_language`: STRING, `system_id`: STRING>,
    `session` STRUCT<`number`: INT, `id`: STRING>,
    `referral` STRUCT<`user_id`: BIGINT, `user_code`: STRING>,
    `unknown_fields` STRING,
    `dt` DATE
)
USING parquet
PARTITIONED BY (dt)
LOCATION '<objects>/';

MSCK REPAIR TABLE records_parquet;
