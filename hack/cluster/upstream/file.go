package upstream

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"

	"blogplatform.io/operator/hack/build"
)

// Fetch answers the path of a released program. It is downloaded if the cache
// does not hold it, and refused unless it has the digest of the lock.
func (c Client) Fetch(ctx context.Context, cache *build.Cache, a Artifact) (string, error) {
	if a.SHA256 == "" {
		return "", fmt.Errorf("%s is not in the lock", a)
	}
	dir, err := cache.Path(ctx, a.ArtifactName(), a.key(), func(ctx context.Context, dir string) error {
		cache.Log("downloading " + a.From)
		return c.fetch(ctx, a, filepath.Join(dir, a.Name))
	})
	return filepath.Join(dir, a.Name), err
}

// fetch downloads the program to a path. What has another digest is not looked into.
func (c Client) fetch(ctx context.Context, a Artifact, target string) (err error) {
	download, err := os.CreateTemp(filepath.Dir(target), ".download-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, download.Close(), os.Remove(download.Name())) }()
	got, err := c.download(ctx, a.From, download)
	if err != nil {
		return err
	}
	if got != a.SHA256 {
		return fmt.Errorf("%s has SHA-256 %s, but %s is locked, so it was not kept: if its project did not announce a new file, do not use it", a.From, got, a.SHA256)
	}
	if _, err := download.Seek(0, io.SeekStart); err != nil {
		return err
	}
	content := io.Reader(download)
	if a.Member != "" {
		if content, err = member(download, a.Member); err != nil {
			return fmt.Errorf("unpacking %s: %w", a.From, err)
		}
	}
	return writeProgram(target, content)
}

// download writes what an address answers, and returns its SHA-256 in hex.
func (c Client) download(ctx context.Context, address string, to io.Writer) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", err
	}
	response, err := (&http.Client{Transport: c.transport()}).Do(request)
	if err != nil {
		return "", fmt.Errorf("downloading %s: %w", address, cause(err))
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("downloading %s: the server answers %s", address, response.Status)
	}
	sum := sha256.New()
	if _, err := io.Copy(io.MultiWriter(to, sum), response.Body); err != nil {
		return "", fmt.Errorf("downloading %s: %w", address, err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// member finds a file in a .tar.gz.
func member(archive io.Reader, wanted string) (io.Reader, error) {
	unzipped, err := gzip.NewReader(archive)
	if err != nil {
		return nil, err
	}
	for files := tar.NewReader(unzipped); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("it holds no file %s", wanted)
		}
		if err != nil {
			return nil, err
		}
		if path.Clean(header.Name) == wanted && header.Typeflag == tar.TypeReg {
			return files, nil
		}
	}
}

func writeProgram(target string, content io.Reader) error {
	file, err := os.OpenFile(target, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	return errors.Join(err, file.Close())
}
