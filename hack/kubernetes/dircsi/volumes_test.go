package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
)

func TestAnIDIsTheNameOfAFolderAndNothingElse(t *testing.T) {
	for id, valid := range map[string]bool{
		"pvc-0b3c4e2e-8d4f-4a65-9d8e-1f2a3b4c5d6e": true,
		"A_b.c-9":                true,
		"..data":                 true,
		strings.Repeat("x", 128): true,
		strings.Repeat("x", 129): false,
		"":                       false,
		".":                      false,
		"..":                     false,
		"a/b":                    false,
		"../volumes":             false,
		"/etc":                   false,
		"a b":                    false,
		"a\n":                    false,
		"a\x00":                  false,
		"é":                      false,
	} {
		if validID(id) != valid {
			t.Errorf("%q is valid: %v", id, !valid)
		}
	}
}

// damages are what can happen to a tree while nobody looks. They leave the data.
var damages = map[string]func(folder string) error{
	"no metadata":        func(at string) error { return os.Remove(filepath.Join(at, metadata)) },
	"empty metadata":     func(at string) error { return os.Truncate(filepath.Join(at, metadata), 0) },
	"truncated metadata": func(at string) error { return os.Truncate(filepath.Join(at, metadata), 20) },
	"metadata of another one": func(at string) error {
		other := []byte(`{"name": {"kind": "volumes", "id": "other"}, "size": 100}`)
		return os.WriteFile(filepath.Join(at, metadata), other, 0o600)
	},
}

func TestDamageIsToldAndNeverCostsData(t *testing.T) {
	for how, damage := range damages {
		t.Run(how, func(t *testing.T) {
			d := newDriver(t)
			volume := hold(t, d, "v", "precious")
			snapshot := snap(t, d, "s", "v")
			must(t, damage(d.store.folder(volume)))
			must(t, damage(d.store.folder(snapshot)))

			_, listed := d.ListSnapshots(context.Background(), &csi.ListSnapshotsRequest{})
			for call, err := range map[string]error{
				"create":         create(d, volumeNamed("v")),
				"clone":          create(d, fromVolume("c", "v")),
				"restore":        create(d, fromSnapshot("c", "s")),
				"snapshot again": cut(d, "s", "v"),
				"snapshot anew":  cut(d, "n", "v"),
				"list":           listed,
			} {
				code(t, err, codes.Internal)
				if err == nil || !strings.Contains(err.Error(), d.store.root) {
					t.Errorf("%s does not say where the data is: %v", call, err)
				}
			}
			must(t, d.store.sweep())
			holds(t, d, volume, "precious")
			holds(t, d, snapshot, "precious")

			must(t, remove(d, "v")) // who says so deletes it, and the name is free
			must(t, create(d, volumeNamed("v")))
			must(t, removeSnapshot(d, "s"))
			must(t, cut(d, "s", "v"))
		})
	}
}

func TestAFolderWithoutDataIsDamagedToo(t *testing.T) {
	d := newDriver(t)
	must(t, os.RemoveAll(d.store.data(hold(t, d, "v", "gone"))))
	code(t, create(d, volumeNamed("v")), codes.Internal)
}

func TestWhatWasInterruptedIsBegunAgain(t *testing.T) {
	d := newDriver(t)
	source := hold(t, d, "v", "whole")
	half := filepath.Join(d.store.root, unfinished, "new-1", contents)
	must(t, os.MkdirAll(half, 0o755))
	must(t, os.WriteFile(filepath.Join(half, "file"), []byte("who"), 0o644))

	again, err := openStore(d.store.root)
	must(t, err)
	must(t, again.sweep())
	d.store = again
	nothingUnfinished(t, d)
	must(t, create(d, fromVolume("c", "v")))
	holds(t, d, name{volumes, "c"}, "whole")
	holds(t, d, source, "whole")
}

func TestWhatFailsLeavesNothing(t *testing.T) {
	d := newDriver(t)
	hold(t, d, "v", "whole")
	must(t, os.RemoveAll(d.store.data(name{volumes, "v"})))
	if err := d.store.create(tree{Name: name{volumes, "c"}, Source: name{volumes, "v"}}); err == nil {
		t.Error("nothing was copied")
	}
	if _, err := d.store.find(name{volumes, "c"}); !errors.Is(err, errMissing) {
		t.Errorf("the copy: %v", err)
	}
	nothingUnfinished(t, d)
}

func TestWhatIsThereIsNotOverwritten(t *testing.T) {
	d := newDriver(t)
	volume := hold(t, d, "v", "first")
	if err := d.store.create(tree{Name: volume}); err == nil {
		t.Error("it was made a second time")
	}
	holds(t, d, volume, "first")
	nothingUnfinished(t, d)
}

func TestAFullDiskIsSaidToBeFull(t *testing.T) {
	d := newDriver(t)
	must(t, unix.Mount("tmpfs", d.store.root, "tmpfs", 0, "size=256k"))
	t.Cleanup(func() { must(t, unix.Unmount(d.store.root, 0)) })
	store, err := openStore(d.store.root)
	must(t, err)
	d.store = store
	volume := hold(t, d, "v", strings.Repeat("x", 128<<10))
	code(t, cut(d, "s", "v"), codes.ResourceExhausted)
	nothingUnfinished(t, d)

	write(t, d, volume, "x")
	must(t, cut(d, "s", "v")) // with space, the same call succeeds
}

func TestACopyIsTheSame(t *testing.T) {
	d := newDriver(t)
	from := d.store.data(hold(t, d, "v", "text"))
	must(t, os.Mkdir(filepath.Join(from, ".hidden"), 0o700))
	must(t, os.Symlink("/etc", filepath.Join(from, "link")))
	must(t, os.Link(filepath.Join(from, "file"), filepath.Join(from, "same")))
	must(t, unix.Mkfifo(filepath.Join(from, "pipe"), 0o600))
	must(t, os.Chmod(filepath.Join(from, "file"), 0o640|os.ModeSetgid))
	must(t, os.Truncate(filepath.Join(from, "file"), 1<<30))
	must(t, os.Chmod(from, 0o770|os.ModeSetgid)) // as the kubelet leaves it for an fsGroup

	snapshot := snap(t, d, "s", "v")
	must(t, create(d, fromSnapshot("c", "s")))
	for _, copied := range []name{snapshot, {volumes, "c"}} {
		at := d.store.data(copied)
		for _, file := range []string{".", ".hidden", "link", "file", "same", "pipe"} {
			was, is := stat(t, filepath.Join(from, file)), stat(t, filepath.Join(at, file))
			if was != is {
				t.Errorf("%v: %s was %s and is %s", copied, file, was, is)
			}
		}
		if blocks(t, filepath.Join(at, "file")) > 1<<11 {
			t.Errorf("%v: holes were filled", copied)
		}
	}
}

// stat is what a copy has to have in common with its original.
func stat(t *testing.T, path string) string {
	t.Helper()
	info, err := os.Lstat(path)
	must(t, err)
	link, _ := os.Readlink(path) // fails for all but links
	found := info.Sys().(*syscall.Stat_t)
	size := info.Size()
	if info.IsDir() {
		size = 0
	}
	return fmt.Sprint(info.Mode(), size, found.Uid, found.Gid, found.Nlink, info.ModTime(), link)
}

// blocks is how much of a file is on disk, in units of 512 bytes.
func blocks(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Lstat(path)
	must(t, err)
	return info.Sys().(*syscall.Stat_t).Blocks
}

// nothingUnfinished fails the test if something is left of what was made or removed.
func nothingUnfinished(t *testing.T, d *driver) {
	t.Helper()
	left, err := os.ReadDir(filepath.Join(d.store.root, unfinished))
	must(t, err)
	if len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
