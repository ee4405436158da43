package warehouse

import "github.com/parquet-go/parquet-go"

// Schema returns the columns of Parquet objects.
func Schema() *parquet.Schema { return parquet.SchemaOf(row{}) }
