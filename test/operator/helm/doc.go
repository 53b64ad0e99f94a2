// Package helm tells the story of a platform that is installed by the chart in
// charts/blogplatform: it becomes Ready, is tested, changes, goes back, and
// survives an uninstall, as does its data.
package helm
