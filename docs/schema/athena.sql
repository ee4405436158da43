-- Made by package schema from the columns of the warehouse; do not edit.
-- <objects> is s3://bucket/prefix. MSCK REPAIR TABLE finds the partitions: again each day.
CREATE EXTERNAL TABLE records_ndjson (
    `event` string,
    `user` struct<`user_id`:bigint, `state`:string, `device_segment`:string>,
    `platform` string,
    `geo_location` string,
    `device` string,
    `session` string,
    `referral` string
)
PARTITIONED BY (`dt` string)
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
LOCATION '<objects>/';

MSCK REPAIR TABLE records_ndjson;

CREATE EXTERNAL TABLE records_parquet (
    `event` struct<`property`:struct<`call_id`:string, `call_duration`:int, `call_status`:string>, `super_property`:struct<`source`:string, `type`:string, `producer`:string, `name`:string, `timestamp`:timestamp>>,
    `user` struct<`user_id`:bigint, `state`:struct<`coins`:bigint, `is_logged_in`:boolean, `language`:string, `language_mode`:string, `country_code`:string, `tz`:string>, `device_segment`:int>,
    `platform` struct<`version`:struct<`integer`:int, `string`:string>, `code`:string, `type`:string>,
    `geo_location` string,
    `device` struct<`a_id`:string, `state`:struct<`is_background`:boolean, `is_online`:boolean, `is_playing_music`:boolean>, `hardware`:struct<`model_name`:string, `brand_name`:string, `type`:string>, `software`:struct<`mobile`:struct<`version`:string, `name`:string>, `web`:string>, `ip`:struct<`ipv4`:string, `ipv6`:string>, `system_language`:string, `system_id`:string>,
    `session` struct<`number`:int, `id`:string>,
    `referral` struct<`user_id`:bigint, `user_code`:string>,
    `unknown_fields` string
)
PARTITIONED BY (`dt` string)
STORED AS PARQUET
LOCATION '<objects>/';

MSCK REPAIR TABLE records_parquet;
