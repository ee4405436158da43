module example.com/callevents/scripts/deploy

go 1.26.0
