package lease_test

import (
	"errors"
	"maps"
	"slices"

	"example.com/callevents/consumer/lease"
)

// errInvalid is what DynamoDB says to what it never takes: the same key, or the same name of a set, twice.
var errInvalid = errors.New("ValidationException: the input contains duplicates")

func twice(names []string) bool {
	return len(slices.Compact(slices.Sorted(slices.Values(names)))) < len(names)
}

func invalid(w lease.Write) bool {
	for _, value := range slices.Concat(slices.Collect(maps.Values(w.Add)), slices.Collect(maps.Values(w.Drop))) {
		if names, ok := value.([]string); ok && (len(names) == 0 || twice(names)) {
			return true
		}
	}
	return false
}

func holds(item lease.Item, conditions []lease.Condition) bool {
	return !slices.ContainsFunc(conditions, func(c lease.Condition) bool {
		names, _ := item[c.Name].([]string)
		switch c.Kind {
		case lease.Present:
			return len(item) == 0
		case lease.Absent:
			return len(item) != 0
		case lease.Contains:
			return !slices.Contains(names, c.Value.(string))
		case lease.Lacks:
			return slices.Contains(names, c.Value.(string))
		}
		return item[c.Name] != c.Value && (item[c.Name] != nil || c.Value != "" && c.Value != int64(0))
	})
}

func apply(before lease.Item, w lease.Write) lease.Item {
	item := maps.Clone(before)
	if item == nil {
		item = lease.Item{"ShardID": w.Key}
	}
	for name, value := range w.Set {
		if value == "" {
			delete(item, name)
		} else {
			item[name] = value
		}
	}
	for name, value := range w.Add {
		if n, ok := value.(int64); ok {
			has, _ := item[name].(int64)
			item[name] = has + n
		} else {
			has, _ := item[name].([]string)
			item[name] = slices.Compact(slices.Sorted(slices.Values(slices.Concat(has, value.([]string)))))
		}
	}
	for name, value := range w.Drop {
		has, _ := item[name].([]string)
		left := slices.DeleteFunc(slices.Clone(has), func(s string) bool { return slices.Contains(value.([]string), s) })
		if item[name] = left; len(left) == 0 {
			delete(item, name)
		}
	}
	return item
}
