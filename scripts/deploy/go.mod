module example.com/callevents/scripts/deploy

go 1.26.0

require (
	github.com/awslabs/goformation/v7 v7.14.9
	github.com/santhosh-tekuri/jsonschema/v6 v6.0.2
	go.yaml.in/yaml/v3 v3.0.5
)

require golang.org/x/text v0.41.0 // indirect
