package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
)

// block is a capability that no directory has.
var block = &csi.VolumeCapability{
	AccessType: &csi.VolumeCapability_Block{Block: &csi.VolumeCapability_BlockVolume{}},
	AccessMode: readWriteOnce.AccessMode,
}

// options is one that asks for mount options.
var options = &csi.VolumeCapability{
	AccessType: &csi.VolumeCapability_Mount{
		Mount: &csi.VolumeCapability_MountVolume{MountFlags: []string{"noatime"}},
	},
	AccessMode: readWriteOnce.AccessMode,
}

// refusals are capabilities that volumes do not have.
var refusals = map[string]*csi.VolumeCapability{
	"block mode":             block,
	"mount options":          options,
	"neither block nor file": {AccessMode: readWriteOnce.AccessMode},
	"no access mode":         mode(csi.VolumeCapability_AccessMode_UNKNOWN),
	"read on many nodes":     mode(csi.VolumeCapability_AccessMode_MULTI_NODE_READER_ONLY),
	"write on one of many":   mode(csi.VolumeCapability_AccessMode_MULTI_NODE_SINGLE_WRITER),
	"write on many nodes":    mode(csi.VolumeCapability_AccessMode_MULTI_NODE_MULTI_WRITER),
}

// There are a volume "v" of 100 bytes, its snapshot "s" and its clone "c".
func TestCreateVolume(t *testing.T) {
	const ok = codes.OK
	type request = csi.CreateVolumeRequest
	sized := func(asked *request, required, limit int64) *request {
		asked.CapacityRange = &csi.CapacityRange{RequiredBytes: required, LimitBytes: limit}
		return asked
	}
	parameter := func(key string) *request {
		asked := volumeNamed("n")
		asked.Parameters = map[string]string{key: "x"}
		return asked
	}
	can := func(capabilities ...*csi.VolumeCapability) *request {
		asked := volumeNamed("n")
		asked.VolumeCapabilities = capabilities
		return asked
	}
	ofNoKind := volumeNamed("n")
	ofNoKind.VolumeContentSource = &csi.VolumeContentSource{}
	for rule, c := range map[string]struct {
		asked *request
		code  codes.Code
		size  int64
	}{
		"an empty one":                  {volumeNamed("n"), ok, 100},
		"what is there is found":        {volumeNamed("v"), ok, 100},
		"it is found with its size":     {sized(volumeNamed("v"), 50, 0), ok, 100},
		"it is found within a range":    {sized(volumeNamed("v"), 1, 100), ok, 100},
		"it is too small":               {sized(volumeNamed("v"), 101, 0), codes.AlreadyExists, 0},
		"it is too big":                 {sized(volumeNamed("v"), 0, 99), codes.AlreadyExists, 0},
		"it was empty":                  {fromSnapshot("v", "s"), codes.AlreadyExists, 0},
		"it is a clone":                 {volumeNamed("c"), codes.AlreadyExists, 0},
		"it is a clone, of a volume":    {fromSnapshot("c", "v"), codes.AlreadyExists, 0},
		"a clone is found":              {fromVolume("c", "v"), ok, 100},
		"from a snapshot":               {fromSnapshot("n", "s"), ok, 100},
		"from a volume":                 {fromVolume("n", "v"), ok, 100},
		"a copy may be bigger":          {sized(fromVolume("n", "v"), 200, 0), ok, 200},
		"a copy cannot be smaller":      {sized(fromVolume("n", "v"), 99, 0), codes.OutOfRange, 0},
		"nor limited to less":           {sized(fromSnapshot("n", "s"), 0, 99), codes.OutOfRange, 0},
		"the default is a gigabyte":     {sized(volumeNamed("n"), 0, 0), ok, 1 << 30},
		"the limit is below it":         {sized(volumeNamed("n"), 0, 70), ok, 70},
		"no snapshot":                   {fromSnapshot("n", "v"), codes.NotFound, 0},
		"no volume":                     {fromVolume("n", "s"), codes.NotFound, 0},
		"a source that is not below":    {fromVolume("n", "../volumes/v"), codes.NotFound, 0},
		"a source that is all":          {fromSnapshot("n", "."), codes.NotFound, 0},
		"a source without an id":        {fromSnapshot("n", ""), codes.InvalidArgument, 0},
		"a negative size":               {sized(volumeNamed("n"), -1, 0), codes.InvalidArgument, 0},
		"a negative limit":              {sized(volumeNamed("n"), 0, -1), codes.InvalidArgument, 0},
		"more than the limit":           {sized(volumeNamed("n"), 2, 1), codes.OutOfRange, 0},
		"no name":                       {volumeNamed(""), codes.InvalidArgument, 0},
		"the name of the parent":        {volumeNamed(".."), codes.InvalidArgument, 0},
		"the name of a path":            {volumeNamed("a/b"), codes.InvalidArgument, 0},
		"a parameter that nobody knows": {parameter("type"), codes.InvalidArgument, 0},
		"what the provisioner adds":     {parameter("csi.storage.k8s.io/pvc/name"), ok, 100},
		"a source of no kind":           {ofNoKind, codes.InvalidArgument, 0},
		"no capability":                 {can(), codes.InvalidArgument, 0},
		"one capability of two":         {can(readWriteOnce, block), codes.InvalidArgument, 0},
	} {
		t.Run(rule, func(t *testing.T) {
			d := newDriver(t)
			hold(t, d, "v", "text")
			snap(t, d, "s", "v")
			must(t, create(d, fromVolume("c", "v")))
			write(t, d, name{volumes, "v"}, "later")

			made, err := d.CreateVolume(context.Background(), c.asked)
			code(t, err, c.code)
			holds(t, d, name{volumes, "v"}, "later")
			nothingUnfinished(t, d)
			if err != nil {
				if _, err := d.store.find(name{volumes, "n"}); err == nil {
					t.Error("it was made")
				}
				return
			}
			if made.Volume.VolumeId != c.asked.Name || made.Volume.CapacityBytes != c.size {
				t.Errorf("made %v", made.Volume)
			}
			if !proto.Equal(made.Volume.ContentSource, c.asked.VolumeContentSource) {
				t.Errorf("made from %v", made.Volume.ContentSource)
			}
			if c.asked.VolumeContentSource.GetSnapshot() != nil {
				holds(t, d, name{volumes, c.asked.Name}, "text")
			}
			again, err := d.CreateVolume(context.Background(), c.asked)
			must(t, err)
			if !proto.Equal(made, again) {
				t.Errorf("first %v, then %v", made, again)
			}
		})
	}
}

func TestAVolumeIsForEveryUser(t *testing.T) {
	d := newDriver(t)
	info, err := os.Stat(d.store.data(hold(t, d, "v", "")))
	must(t, err)
	if info.Mode().Perm() != 0o777 {
		t.Errorf("its mode is %v", info.Mode())
	}
}

func TestARetryNeedsNoSourceAnyMore(t *testing.T) {
	d := newDriver(t)
	hold(t, d, "v", "text")
	must(t, create(d, fromVolume("c", "v")))
	must(t, remove(d, "v"))
	must(t, create(d, fromVolume("c", "v")))
	holds(t, d, name{volumes, "c"}, "text")
}

// validate asks whether a volume has some capabilities.
func validate(
	d *driver, id string, capabilities ...*csi.VolumeCapability,
) (*csi.ValidateVolumeCapabilitiesResponse, error) {
	return d.ValidateVolumeCapabilities(context.Background(), &csi.ValidateVolumeCapabilitiesRequest{
		VolumeId: id, VolumeCapabilities: capabilities,
	})
}

func TestCapabilitiesThatVolumesDoNotHave(t *testing.T) {
	for rule, capability := range refusals {
		t.Run(rule, func(t *testing.T) {
			d := newDriver(t)
			hold(t, d, "v", "text")
			asked := volumeNamed("n")
			asked.VolumeCapabilities = []*csi.VolumeCapability{capability}
			code(t, create(d, asked), codes.InvalidArgument)
			told, err := validate(d, "v", readWriteOnce, capability)
			must(t, err)
			if told.Confirmed != nil || told.Message == "" {
				t.Errorf("validated: %v", told)
			}

			at := filepath.Join(t.TempDir(), "mount")
			code(t, publish(d, at, capability, false), codes.FailedPrecondition)
		})
	}
}

func TestCapabilitiesThatVolumesHaveAreConfirmed(t *testing.T) {
	d := newDriver(t)
	hold(t, d, "v", "text")
	asked := []*csi.VolumeCapability{
		readWriteOnce,
		mode(csi.VolumeCapability_AccessMode_SINGLE_NODE_WRITER),
		mode(csi.VolumeCapability_AccessMode_SINGLE_NODE_READER_ONLY),
		mode(csi.VolumeCapability_AccessMode_SINGLE_NODE_SINGLE_WRITER),
	}
	told, err := validate(d, "v", asked...)
	must(t, err)
	if told.Confirmed == nil || len(told.Confirmed.VolumeCapabilities) != len(asked) || told.Message != "" {
		t.Errorf("validated: %v", told)
	}
}

func TestWhatIsNotThereCannotBeValidated(t *testing.T) {
	d := newDriver(t)
	hold(t, d, "v", "text")
	some := []*csi.VolumeCapability{readWriteOnce}
	for rule, c := range map[string]struct {
		id           string
		capabilities []*csi.VolumeCapability
		code         codes.Code
	}{
		"no id":          {"", some, codes.InvalidArgument},
		"no capability":  {"v", nil, codes.InvalidArgument},
		"no such volume": {"n", some, codes.NotFound},
		"no volume's id": {"../volumes/v", some, codes.NotFound},
	} {
		t.Run(rule, func(t *testing.T) {
			_, err := validate(d, c.id, c.capabilities...)
			code(t, err, c.code)
		})
	}
}

func TestNobodyRemovesMoreThanOneTree(t *testing.T) {
	for id, wanted := range map[string]codes.Code{
		"":                        codes.InvalidArgument,
		"v":                       codes.OK,
		"missing":                 codes.OK, // what is not there needs no removal
		".":                       codes.OK,
		"..":                      codes.OK,
		"../volumes":              codes.OK,
		"../snapshots/s":          codes.OK,
		"../volumes/kept":         codes.OK,
		"kept/data":               codes.OK,
		"kept/":                   codes.OK,
		"/":                       codes.OK,
		strings.Repeat("x", 1000): codes.OK,
	} {
		t.Run(id, func(t *testing.T) {
			d := newDriver(t)
			hold(t, d, "v", "text")
			kept := hold(t, d, "kept", "text")
			snapshot := snap(t, d, "s", "v")
			for range 2 {
				code(t, remove(d, id), wanted)
				code(t, removeSnapshot(d, id), wanted)
			}
			holds(t, d, kept, "text")
			holds(t, d, snapshot, "text")
			_, err := os.Stat(d.store.folder(name{volumes, "v"}))
			if gone := os.IsNotExist(err); gone != (id == "v") {
				t.Errorf("v is removed: %v", gone)
			}
			nothingUnfinished(t, d)
		})
	}
}

// There are volumes "v" and "w" and a snapshot "s" of the first.
func TestCreateSnapshot(t *testing.T) {
	type request = csi.CreateSnapshotRequest
	for rule, c := range map[string]struct {
		asked *request
		code  codes.Code
	}{
		"a new one":              {&request{Name: "n", SourceVolumeId: "v"}, codes.OK},
		"what is there is found": {&request{Name: "s", SourceVolumeId: "v"}, codes.OK},
		"of another volume":      {&request{Name: "s", SourceVolumeId: "w"}, codes.AlreadyExists},
		"of a missing volume":    {&request{Name: "n", SourceVolumeId: "n"}, codes.NotFound},
		"of no volume's id":      {&request{Name: "n", SourceVolumeId: ".."}, codes.NotFound},
		"of a snapshot":          {&request{Name: "n", SourceVolumeId: "s"}, codes.NotFound},
		"no volume":              {&request{Name: "n"}, codes.InvalidArgument},
		"no name":                {&request{SourceVolumeId: "v"}, codes.InvalidArgument},
		"a name of a path":       {&request{Name: "../w", SourceVolumeId: "v"}, codes.InvalidArgument},
	} {
		t.Run(rule, func(t *testing.T) {
			d := newDriver(t)
			volume := hold(t, d, "v", "text")
			other := hold(t, d, "w", "other")
			snapshot := snap(t, d, "s", "v")
			write(t, d, volume, "later")

			made, err := d.CreateSnapshot(context.Background(), c.asked)
			code(t, err, c.code)
			holds(t, d, snapshot, "text")
			holds(t, d, other, "other")
			nothingUnfinished(t, d)
			if err != nil {
				return
			}
			told := made.Snapshot
			if told.SnapshotId != c.asked.Name || told.SourceVolumeId != "v" || told.SizeBytes != 100 {
				t.Errorf("made %v", told)
			}
			if !told.ReadyToUse || told.CreationTime.AsTime().Unix() == 0 {
				t.Errorf("made %v", told)
			}
			again, err := d.CreateSnapshot(context.Background(), c.asked)
			must(t, err)
			if !proto.Equal(made, again) {
				t.Errorf("first %v, then %v", made, again)
			}
		})
	}
}

// There are snapshots "a", "b" and "d" of "v", and "c" of "w".
func TestListSnapshots(t *testing.T) {
	d := newDriver(t)
	hold(t, d, "v", "text")
	hold(t, d, "w", "text")
	for snapshot, volume := range map[string]string{"d": "v", "a": "v", "c": "w", "b": "v"} {
		snap(t, d, snapshot, volume)
	}
	type request = csi.ListSnapshotsRequest
	for rule, c := range map[string]struct {
		asked *request
		ids   string
		next  string
		code  codes.Code
	}{
		"all":                {&request{}, "abcd", "", codes.OK},
		"one":                {&request{SnapshotId: "b"}, "b", "", codes.OK},
		"one that is not":    {&request{SnapshotId: "n"}, "", "", codes.OK},
		"one that cannot be": {&request{SnapshotId: "../snapshots/b"}, "", "", codes.OK},
		"of a volume":        {&request{SourceVolumeId: "v"}, "abd", "", codes.OK},
		"of none":            {&request{SourceVolumeId: "n"}, "", "", codes.OK},
		"one of another":     {&request{SourceVolumeId: "v", SnapshotId: "c"}, "", "", codes.OK},
		"the first":          {&request{MaxEntries: 2}, "ab", "b", codes.OK},
		"the next":           {&request{MaxEntries: 2, StartingToken: "b"}, "cd", "", codes.OK},
		"no more than asked": {&request{MaxEntries: 4}, "abcd", "", codes.OK},
		"the first of one":   {&request{MaxEntries: 1, SourceVolumeId: "w"}, "c", "", codes.OK},
		"after a deleted":    {&request{StartingToken: "bb"}, "cd", "", codes.OK},
		"a bad token":        {&request{StartingToken: "/"}, "", "", codes.Aborted},
		"fewer than none":    {&request{MaxEntries: -1}, "", "", codes.InvalidArgument},
	} {
		t.Run(rule, func(t *testing.T) {
			told, err := d.ListSnapshots(context.Background(), c.asked)
			code(t, err, c.code)
			ids := ""
			for _, entry := range told.GetEntries() {
				ids += entry.Snapshot.SnapshotId
			}
			if ids != c.ids || told.GetNextToken() != c.next {
				t.Errorf("told of %q, next %q", ids, told.GetNextToken())
			}
		})
	}
}

// While one call works on "v" and "s", by making or removing them (takes) or by reading them.
func TestACallDoesNotDisturbAnother(t *testing.T) {
	const takes, reads = true, false
	for rule, c := range map[string]struct {
		takes bool
		call  func(*driver) error
		code  codes.Code
	}{
		"made twice at once": {
			takes, func(d *driver) error { return create(d, volumeNamed("v")) }, codes.Aborted},
		"cloned while it is made": {
			takes, func(d *driver) error { return create(d, fromVolume("c", "v")) }, codes.Aborted},
		"cloned twice at once": {
			reads, func(d *driver) error { return create(d, fromVolume("c", "v")) }, codes.OK},
		"restored while it is removed": {
			takes, func(d *driver) error { return create(d, fromSnapshot("c", "s")) }, codes.Aborted},
		"removed while it is read": {
			reads, func(d *driver) error { return remove(d, "v") }, codes.Aborted},
		"a snapshot removed while it is read": {
			reads, func(d *driver) error { return removeSnapshot(d, "s") }, codes.Aborted},
		"a snapshot made twice at once": {
			takes, func(d *driver) error { return cut(d, "s", "v") }, codes.Aborted},
		"a snapshot of what is removed": {
			takes, func(d *driver) error { return cut(d, "n", "v") }, codes.Aborted},
		"mounted while it is removed": {
			takes, func(d *driver) error { return publish(d, "/n", readWriteOnce, false) }, codes.Aborted},
		"another one": {
			takes, func(d *driver) error { return create(d, volumeNamed("w")) }, codes.OK},
	} {
		t.Run(rule, func(t *testing.T) {
			d := newDriver(t)
			volume := hold(t, d, "v", "text")
			snapshot := snap(t, d, "s", "v")
			claim := d.claims.share
			if c.takes {
				claim = d.claims.take
			}
			endVolume, _ := claim(volume)
			endSnapshot, _ := claim(snapshot)
			code(t, c.call(d), c.code)
			holds(t, d, volume, "text")
			holds(t, d, snapshot, "text")

			endVolume()
			endSnapshot()
			if len(d.claims.users) > 0 {
				t.Errorf("still claimed: %v", d.claims.users)
			}
		})
	}
}
