package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Both kinds of trees, and the folders they are in.
const (
	volumes   = kind("volumes")
	snapshots = kind("snapshots")
)

const (
	// unfinished is the folder of trees that are being made or removed. What is there is nobody's.
	unfinished = "unfinished"
	// contents is a tree's folder of what its user stored.
	contents = "data"
	// metadata is a tree's file that says what it is.
	metadata = "tree.json"
)

var (
	// errMissing says that there is no tree of that name.
	errMissing = errors.New("does not exist")
	// errDamaged says that a tree is there and nobody can say what it is. Its data is left alone.
	errDamaged = errors.New("is damaged")
	// errFull says that the file system has no space left.
	errFull = errors.New("no space left")
)

// kind is what a tree is.
type kind string

// name says which tree is meant. Names reach the driver from everybody who may create a PersistentVolume.
type name struct {
	Kind kind   `json:"kind,omitempty"`
	ID   string `json:"id,omitempty"`
}

// tree is what is known of a volume or a snapshot. It never changes.
type tree struct {
	Name    name      `json:"name"`
	Source  name      `json:"source,omitzero"` // what its data is a copy of, if of anything
	Size    int64     `json:"size"`            // in bytes, as it was asked for: nothing limits a directory
	Created time.Time `json:"created"`
}

// store is the trees on disk:
//
//	<root>/<kind>/<id>/tree.json
//	<root>/<kind>/<id>/data/...
//	<root>/unfinished/<anything>/...
//
// A tree comes and goes by one rename from and to the unfinished ones. So what stands under its name is
// whole, and a tree without readable metadata was not interrupted but damaged.
type store struct{ root string }

var idPattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}$`)

// validID says whether a tree can be called so. What it refuses never becomes a part of a path.
func validID(id string) bool {
	return idPattern.MatchString(id) && id != "." && id != ".."
}

// String is the name as a person is told it.
func (n name) String() string {
	return fmt.Sprintf("%s %q", strings.TrimSuffix(string(n.Kind), "s"), n.ID)
}

// openStore makes the folders of a store that are not there yet.
func openStore(root string) (*store, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	for _, folder := range []string{string(volumes), string(snapshots), unfinished} {
		if err := os.MkdirAll(filepath.Join(root, folder), 0o755); err != nil {
			return nil, err
		}
	}
	return &store{root: root}, nil
}

// sweep removes what was being made or removed when the last process ended.
func (s *store) sweep() error {
	left, err := os.ReadDir(filepath.Join(s.root, unfinished))
	for _, entry := range left {
		err = errors.Join(err, os.RemoveAll(filepath.Join(s.root, unfinished, entry.Name())))
	}
	return err
}

// folder is where a tree of a valid name is.
func (s *store) folder(n name) string { return filepath.Join(s.root, string(n.Kind), n.ID) }

// data is where the contents of a tree of a valid name are.
func (s *store) data(n name) string { return filepath.Join(s.folder(n), contents) }

// find tells what is known of a tree. The error is errMissing, errDamaged or one of the file system.
func (s *store) find(n name) (tree, error) {
	if !validID(n.ID) {
		return tree{}, fmt.Errorf("%v %w", n, errMissing)
	}
	if _, err := os.Lstat(s.folder(n)); errors.Is(err, fs.ErrNotExist) {
		return tree{}, fmt.Errorf("%v %w", n, errMissing)
	} else if err != nil {
		return tree{}, err
	}
	found, err := s.read(n)
	if err != nil {
		return tree{}, fmt.Errorf("%v %w, its data is kept in %s: %w", n, errDamaged, s.folder(n), err)
	}
	return found, nil
}

// read reads the metadata of a tree and compares it with what is there.
func (s *store) read(n name) (tree, error) {
	var found tree
	text, err := os.ReadFile(filepath.Join(s.folder(n), metadata))
	if err != nil {
		return tree{}, err
	}
	if err := json.Unmarshal(text, &found); err != nil {
		return tree{}, fmt.Errorf("%s: %w", metadata, err)
	}
	if found.Name != n {
		return tree{}, fmt.Errorf("%s is that of %v", metadata, found.Name)
	}
	if info, err := os.Lstat(s.data(n)); err != nil {
		return tree{}, err
	} else if !info.IsDir() {
		return tree{}, fmt.Errorf("%s is no directory", contents)
	}
	return found, nil
}

// list tells what is known of all trees of a kind, in the order of their ids.
func (s *store) list(of kind) ([]tree, error) {
	entries, err := os.ReadDir(filepath.Join(s.root, string(of)))
	if err != nil {
		return nil, err
	}
	var found []tree
	for _, entry := range entries {
		one, err := s.find(name{of, entry.Name()})
		if errors.Is(err, errMissing) {
			continue // removed meanwhile
		}
		if err != nil {
			return nil, err
		}
		found = append(found, one)
	}
	return found, nil
}

// create makes a tree whose name is valid and not taken, with the data of its source, if it has one.
func (s *store) create(made tree) (err error) {
	folder, err := os.MkdirTemp(filepath.Join(s.root, unfinished), "new-")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(folder))
		}
	}()
	data := filepath.Join(folder, contents)
	if err := os.Mkdir(data, 0o777); err != nil {
		return err
	}
	if err := os.Chmod(data, 0o777); err != nil { // whoever a pod's user is, and whatever the umask
		return err
	}
	if made.Source != (name{}) {
		if err := copyContents(s.data(made.Source), data); err != nil {
			return err
		}
	}
	text, err := json.Marshal(made)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, metadata), text, 0o600); err != nil {
		return err
	}
	return os.Rename(folder, s.folder(made.Name)) // fails if something is there
}

// remove removes a tree, damaged or not. The error is errMissing or one of the file system.
func (s *store) remove(n name) error {
	if !validID(n.ID) {
		return fmt.Errorf("%v %w", n, errMissing)
	}
	folder, err := os.MkdirTemp(filepath.Join(s.root, unfinished), "old-")
	if err != nil {
		return err
	}
	err = os.Rename(s.folder(n), filepath.Join(folder, "tree"))
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%v %w", n, errMissing)
	}
	return errors.Join(err, os.RemoveAll(folder))
}

// copyContents copies what is in a directory into another one, with owners, modes, times, links and
// extended attributes, the directory's own as well. A file that goes or comes while it copies may be an
// error or be left out.
func copyContents(from, to string) error {
	command := exec.Command("cp", "-a", "--reflink=auto", "--sparse=auto", "--", from+"/.", to)
	command.Env = append(os.Environ(), "LC_ALL=C")
	said, err := command.CombinedOutput()
	if err == nil {
		return nil
	}
	if strings.Contains(string(said), "No space left on device") {
		return fmt.Errorf("%w: cp: %s", errFull, said)
	}
	return fmt.Errorf("cp: %w: %s", err, said)
}
