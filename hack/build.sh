#!/bin/bash
# build.sh controlplane|node|s3|velero: builds, once, the real programs that tests and benchmarks talk to, from the Go
# modules that the folders here pin, and prints the folder they are in. What is built is kept under the
# user's cache folder, by the checksum of what it is built from: a changed pin is built anew, an unchanged one is found,
# and what has not been used for a week goes. containerd alone is pinned here: it wants other modules than Kubernetes.
#
#   controlplane   kube-apiserver, kube-controller-manager, kubectl, etcd
#   node           those, and what a node with pods, volumes and names needs beside them (Linux)
#   s3             versitygw, an S3 server
#   velero         velero, plugins/velero-plugin-for-aws and the definitions that Velero installs, crds.yaml
set -euo pipefail
shopt -s extglob
what=${1:?usage: build.sh controlplane|node|s3|velero}
hack=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
say() { echo "build.sh: $*" >&2; }
case $what in
  controlplane) module=$hack/kubernetes files=(go.mod go.sum tools.go) ;;
  node) module=$hack/kubernetes files=(go.mod go.sum tools.go "*/!(*_test).go") ;;
  s3) module=$hack/s3 files=(go.mod go.sum tools.go) ;;
  velero) module=$hack/velero files=({.,../velero-plugin}/{go.mod,go.sum,tools.go}) ;;
  *) say "nothing is known about building $what" && exit 1 ;;
esac
cd "$module"
# shellcheck disable=SC2068 # globs are to be expanded
pins=$(cat ${files[@]} "$hack/build.sh" | sha256sum | cut -c1-16)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/kubeferry/$what
bin=$cache/$pins new=$cache/$pins.partial

found() { [ -e "$bin/.complete" ] && touch "$bin" && echo "$bin"; }
if found; then exit 0; fi
command -v go >/dev/null || {
  say "Go is needed to build the $what programs (go.dev/doc/install)"
  exit 1
}
mkdir -p "$cache"
exec 9>"$cache/.lock" # two builds at once would only slow each other down
flock 9
if found; then exit 0; fi
rm -rf "$new"
mkdir -p "$new"

# Compiles packages and tells how far it is. One call for many, so that what they share is compiled once.
build() { # LDFLAGS PACKAGE...
  local all
  all=$(go list -deps "${@:2}" | wc -l)
  go build -v -o "$new/" -ldflags "-s -w $1" "${@:2}" 2> >(progress "$all" >&2)
}
progress() { # TOTAL: counts the names of compiled packages, lets everything else through
  awk -v all="$1" '
    /^[a-zA-Z0-9._~\/-]+$/ { if (++done % 100 == 0) print "build.sh: compiled " done " of at most " all " packages"; next }
    !/^go: downloading / { print }'
}

k8s=k8s.io/kubernetes
csi=github.com/kubernetes-csi
case $what in
  controlplane)
    say "building kube-apiserver, kube-controller-manager, kubectl and etcd: about 9 minutes on two idle cores, once"
    version=$(go list -m -f '{{.Version}}' $k8s)
    ;;
  node)
    parts=$("$hack/build.sh" controlplane)
    cp -l "$parts"/* "$new/"
    say "building kubelet, containerd, CSI and DNS: about 9 minutes more, once"
    version=$(go list -m -f '{{.Version}}' $k8s)
    ;;
esac
if [ "$module" = "$hack/kubernetes" ]; then # without these the programs call themselves v0.0.0
  IFS=. read -r major minor _ <<<"${version#v}"
  x=k8s.io/component-base/version
  stamp="-X $x.gitVersion=$version -X $x.gitMajor=$major -X $x.gitMinor=$minor -X $x.gitTreeState=clean"
fi

case $what in
  controlplane)
    build "$stamp" $k8s/cmd/{kube-apiserver,kube-controller-manager,kubectl} go.etcd.io/etcd/server/v3
    mv "$new/server" "$new/etcd"
    ;;
  node)
    build "$stamp" $k8s/cmd/{kube-scheduler,kubelet,kube-proxy} \
      $csi/external-provisioner/v5/cmd/csi-provisioner \
      $csi/external-snapshotter/v8/cmd/{csi-snapshotter,snapshot-controller} ./dircsi ./coredns
    CGO_ENABLED=0 go build -ldflags '-s -w' -o "$new/pause" ./pause # static: it runs in an image of its own
    # containerd wants other versions of shared modules than Kubernetes does: built by its own go.mod.
    containerd=github.com/containerd/containerd/v2 at=v2.4.2
    GOBIN=$new go install -ldflags "-s -w -X $containerd/version.Version=$at" \
      $containerd/cmd/{containerd,containerd-shim-runc-v2,ctr}@$at 2> >(progress 0 >&2)
    mkdir "$new/crd"
    install -m 644 "$(go list -m -f '{{.Dir}}' $csi/external-snapshotter/client/v8)"/config/crd/*snapshot*.yaml "$new/crd/"
    ;;
  s3)
    say "building versitygw, an S3 server: about a minute, once"
    build '' github.com/versity/versitygw/cmd/versitygw
    ;;
  velero)
    say "building Velero and its plugin for S3: about 6 minutes on two idle cores, once"
    velero=github.com/vmware-tanzu/velero
    stamp="-X $velero/pkg/buildinfo.Version=$(go list -m -f '{{.Version}}' $velero)"
    # A second server of metrics would listen at port 8080, which no flag changes: two Veleros at once could not be.
    build "$stamp -X sigs.k8s.io/controller-runtime/pkg/metrics/server.DefaultBindAddress=0" $velero/cmd/velero
    "$new/velero" install --crds-only --dry-run --output=yaml >"$new/crds.yaml"
    cd "$hack/velero-plugin" # it wants other versions of shared modules than Velero does
    build '' $velero-plugin-for-aws/velero-plugin-for-aws
    mkdir "$new/plugins" # Velero runs whatever is in its folder of plugins
    mv "$new/velero-plugin-for-aws" "$new/plugins/"
    ;;
esac
touch "$new/.complete"
mv "$new" "$bin"
find "$cache" -mindepth 1 -maxdepth 1 -type d -name '????????????????' -mtime +7 -exec rm -rf {} +
say "built $bin"
echo "$bin"
