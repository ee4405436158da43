package reference

// The reasons of dead letters, as they stand in them.
const (
	notJSON          = "not_json"
	invalidUTF8      = "invalid_utf8"
	tooDeep          = "too_deep"
	duplicateName    = "duplicate_name"
	noUserID         = "no_user_id"
	userIDNotInteger = "user_id_not_integer"

	containerMalformed = "container_bad_protobuf"
	containerEmpty     = "container_empty"
	containerNested    = "container_nested"
	containerOverflow  = "container_overflow"
	noPartitionKey     = "no_partition_key"
	badHashKey         = "bad_hash_key"
	outsideShard       = "outside_shard"
)
