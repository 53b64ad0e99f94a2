package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"golang.org/x/mod/modfile"
	"golang.org/x/sync/errgroup"
)

// Relock writes the lock of the checkout at root anew: with the versions that the
// nested modules require, and with the digests that the servers answer now. The
// lock is written whole or not at all. log gets each digest, a line at a time.
func (c Client) Relock(ctx context.Context, root string, log func(line string)) error {
	path := filepath.Join(root, LockPath)
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	lock, err := Parse(text)
	if err != nil {
		return err
	}
	versions, err := lock.Required(root)
	if err != nil {
		return err
	}
	if lock, err = lock.Advance(versions); err != nil {
		return err
	}
	if lock, err = c.Resolve(ctx, lock, log); err != nil {
		return err
	}
	if text, err = lock.Format(); err != nil {
		return err
	}
	// The rename is what makes it whole: an interrupted write leaves the old lock.
	if err := os.WriteFile(path+".new", text, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// Required maps the name of each component to the version that the nested module below root requires.
func (l Lock) Required(root string) (map[string]string, error) {
	versions := map[string]string{}
	for _, component := range l.Components {
		path := filepath.Join(root, component.Module, "go.mod")
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("reading the version of %s: %w", component.Name, err)
		}
		module, err := modfile.ParseLax(path, text, nil)
		if err != nil {
			return nil, fmt.Errorf("reading the version of %s: %w", component.Name, err)
		}
		i := slices.IndexFunc(module.Require, func(r *modfile.Require) bool { return r.Mod.Path == component.Path })
		if i < 0 {
			return nil, fmt.Errorf("%s does not require %s, which %s takes for component %s", path, component.Path, LockPath, component.Name)
		}
		versions[component.Name] = module.Require[i].Mod.Version
	}
	return versions, nil
}

// Advance answers the lock at other versions, by component. What was locked of
// another version is dropped. It fails for a release that does not follow from its version.
func (l Lock) Advance(versions map[string]string) (Lock, error) {
	l = l.clone()
	var unknown []error
	for i := range l.Components {
		component := &l.Components[i]
		version := versions[component.Name]
		if version == component.Version {
			continue
		}
		if component.Release != "" {
			unknown = append(unknown, fmt.Errorf("%s is now at %s, and the lock knows the release of %s only: "+
				"look up which release that is, write both to %s without digests and try again", component.Name, version, component.Version, LockPath))
			continue
		}
		component.Version = version
		for j := range component.Entries {
			component.Entries[j].SHA256 = map[string]string{}
		}
	}
	return l, errors.Join(unknown...)
}

func (l Lock) clone() Lock {
	l.Components = slices.Clone(l.Components)
	for i := range l.Components {
		entries := slices.Clone(l.Components[i].Entries)
		for j := range entries {
			digests := map[string]string{}
			maps.Copy(digests, entries[j].SHA256)
			entries[j].SHA256 = digests
		}
		l.Components[i].Entries = entries
	}
	return l
}

// parallel is how many artifacts are asked for at the same time.
const parallel = 4

// Resolve answers the lock with the digest that the servers answer for every
// entry. It fails if one answers another digest than is locked. An image that is
// not published for a processor stays without a digest for it.
func (c Client) Resolve(ctx context.Context, l Lock, log func(line string)) (Lock, error) {
	l = l.clone()
	type result struct {
		artifact Artifact
		entry    *Entry
		digest   string
		err      error
	}
	var results []*result
	for _, component := range l.Components {
		for j := range component.Entries {
			for _, arch := range Architectures {
				results = append(results, &result{artifact: component.artifact(component.Entries[j], arch), entry: &component.Entries[j]})
			}
		}
	}
	var asking errgroup.Group
	asking.SetLimit(parallel)
	for _, r := range results {
		asking.Go(func() error {
			r.digest, r.err = c.resolve(ctx, r.artifact)
			return nil // so that one run names everything that is wrong
		})
	}
	_ = asking.Wait() // the failures are in results
	var failures []error
	for _, r := range results {
		switch {
		case errors.Is(r.err, errNotReleased):
			log(fmt.Sprintf("%s: %s; it stays without a digest", r.artifact, r.err))
		case r.err != nil:
			failures = append(failures, r.err)
		default:
			log(r.digest + "  " + r.artifact.String())
			r.entry.SHA256[r.artifact.Arch] = r.digest
		}
	}
	return l, errors.Join(failures...)
}

// resolve answers the digest of one artifact.
func (c Client) resolve(ctx context.Context, a Artifact) (digest string, err error) {
	if a.Kind == Image {
		digest, err = c.imageDigest(ctx, a)
	} else {
		digest, err = c.fileDigest(ctx, a)
	}
	if err != nil {
		return "", fmt.Errorf("locking %s: %w", a, err)
	}
	if a.SHA256 != "" && digest != a.SHA256 {
		return "", fmt.Errorf("locking %s: it is locked as %s, and is now %s: releases do not change, so find out why, "+
			"and remove the old digest from %s only if the new one is right", a, a.SHA256, digest, LockPath)
	}
	return digest, nil
}

func (c Client) imageDigest(ctx context.Context, a Artifact) (string, error) {
	tag, err := name.NewTag(a.From)
	if err != nil {
		return "", err
	}
	image, err := c.find(ctx, tag, a.Arch)
	if err != nil {
		return "", err
	}
	digest, err := image.Digest()
	return digest.Hex, err
}

// fileDigest downloads the file, and looks for the program in a .tar.gz.
func (c Client) fileDigest(ctx context.Context, a Artifact) (digest string, err error) {
	if a.Member == "" {
		return c.download(ctx, a.From, io.Discard)
	}
	file, err := os.CreateTemp("", strings.ReplaceAll(a.Name, "/", "-")+"-")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, file.Close(), os.Remove(file.Name())) }()
	if digest, err = c.download(ctx, a.From, file); err != nil {
		return "", err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	_, err = member(file, a.Member)
	return digest, err
}
