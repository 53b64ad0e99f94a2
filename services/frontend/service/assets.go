package service

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
)

//go:embed assets
var assetFiles embed.FS

// assets serves style sheet, fonts and icon below a path that names their
// content, so that browsers can keep them for good.
type assets struct {
	files   fs.FS
	version string
}

func newAssets() (assets, error) {
	files, err := fs.Sub(assetFiles, "assets")
	if err != nil {
		return assets{}, fmt.Errorf("open the assets: %w", err)
	}
	hash := sha256.New()
	err = fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(files, path)
		fmt.Fprintf(hash, "%s %d\n", path, len(data))
		hash.Write(data)
		return err
	})
	if err != nil {
		return assets{}, fmt.Errorf("hash the assets: %w", err)
	}
	return assets{files: files, version: hex.EncodeToString(hash.Sum(nil))[:12]}, nil
}

// path returns where the named asset is served.
func (a assets) path(name string) string { return "/assets/" + a.version + "/" + name }

// has reports whether path is that of an asset, of whatever release.
func (a assets) has(path string) bool {
	rest, isAsset := strings.CutPrefix(path, "/assets/")
	_, name, _ := strings.Cut(rest, "/")
	info, err := fs.Stat(a.files, name)
	return isAsset && err == nil && !info.IsDir()
}

// serve answers with an asset. While two releases run side by side a page of
// one may ask the other: that gets the file it has, but may not keep it.
func (a assets) serve(w http.ResponseWriter, r *http.Request) {
	cache := "no-cache"
	if r.PathValue("version") == a.version {
		cache = "public, max-age=31536000, immutable"
	}
	name := r.PathValue("file")
	info, err := fs.Stat(a.files, name)
	if err != nil || info.IsDir() {
		w.Header().Set("Cache-Control", "no-store")
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", cache)
	http.ServeFileFS(w, r, a.files, name)
}
