package statuspage

import (
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"

	"example.com/callevents/shared/units"
)

func functions() template.FuncMap {
	return template.FuncMap{"ago": units.Ago, "units": func(s float64) string { return units.Ago(time.Duration(s * float64(time.Second))) }, "clock": clock, "moment": moment, "count": Count, "rate": Rate, "percent": percent, "colour": Colour}
}

// clock is a time of today, moment one of any day.
func clock(t time.Time) string  { return t.UTC().Format(time.TimeOnly) }
func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

// percent is a share of the key space as an SVG length.
func percent(f float64) string { return strconv.FormatFloat(f*100, 'f', 3, 64) + "%" }

// Count writes a whole number with separators: 8,214,377.
func Count(n any) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// Rate writes records a second: one decimal below 10.
func Rate(r float64) string {
	if r > 0 && r < 9.95 {
		return strconv.FormatFloat(r, 'f', 1, 64)
	}
	return Count(int64(math.Round(r)))
}

// Curve is a line and the area under it, as SVG paths over a width of the points less one, and a height of 100.
type Curve struct{ Line, Area string }

// Width is that of a curve with so many points, for its view box.
func Width(points []float64) int { return max(1, len(points)-1) }

// Draw draws points up to the highest. NaN is a gap.
func Draw(points []float64, highest float64) Curve {
	var line, area strings.Builder
	highest = math.Max(highest, 1)
	for i := 0; i < len(points); {
		if math.IsNaN(points[i]) {
			i++
			continue
		}
		begin := i
		for verb := 'M'; i < len(points) && !math.IsNaN(points[i]); i++ {
			fmt.Fprintf(&line, "%c%d %.0f", verb, i, 98-96*math.Min(points[i]/highest, 1))
			verb = 'L'
		}
		if i-begin == 1 {
			fmt.Fprintf(&line, "h.5")
		}
		run := line.String()[strings.LastIndexByte(line.String(), 'M'):]
		fmt.Fprintf(&area, "%sV100H%dz", run, begin)
	}
	return Curve{line.String(), area.String()}
}

// Highest is the highest of several curves.
func Highest(curves ...[]float64) (highest float64) {
	for _, points := range curves {
		for _, p := range points {
			if p > highest { // NaN is not
				highest = p
			}
		}
	}
	return highest
}

// Colour is the class of a colour, or of none below 0.
func Colour(slot int) string {
	if slot < 0 {
		return "none"
	}
	return fmt.Sprintf("w%d", slot)
}
