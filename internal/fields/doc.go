// Package fields reads single fields of objects whose type is not known here. A
// field that is missing, or has a different type, is empty.
package fields
