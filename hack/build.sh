#!/bin/bash
# build.sh controlplane|s3: builds, once, the real programs that tests and benchmarks talk to, from the Go
# modules that hack/<what>/go.mod pins, and prints the folder they are in. What is built is kept under the
# user's cache folder, by the checksum of those modules: a changed pin is built anew, an unchanged one is found.
set -euo pipefail
what=${1:?usage: build.sh controlplane|s3}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/$what
cd "$here"
pins=$(cat go.mod go.sum "$here/../build.sh" | sha256sum | cut -c1-16)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/kubeferry/$what
bin=$cache/$pins

say() { echo "build.sh: $*" >&2; }
if [ -e "$bin/.complete" ]; then
  echo "$bin"
  exit 0
fi
command -v go >/dev/null || {
  say "Go is needed to build the $what programs (go.dev/doc/install), or set KUBEBUILDER_ASSETS to a folder that holds them"
  exit 1
}
mkdir -p "$cache"
exec 9>"$cache/.lock" # two builds at once would only slow each other down
flock 9
if [ -e "$bin/.complete" ]; then
  echo "$bin"
  exit 0
fi
rm -rf "$bin.partial"
mkdir -p "$bin.partial"

case $what in
  controlplane)
    say "building kube-apiserver, kube-controller-manager, kubectl and etcd: about 9 minutes on two idle cores, once"
    k8s=k8s.io/kubernetes
    version=$(go list -m -f '{{.Version}}' $k8s)
    IFS=. read -r major minor _ <<<"${version#v}"
    x=k8s.io/component-base/version
    # One command, so that shared packages are compiled once. Without gitVersion they call themselves v0.0.0.
    go build -o "$bin.partial/" \
      -ldflags "-s -w -X $x.gitVersion=$version -X $x.gitMajor=$major -X $x.gitMinor=$minor -X $x.gitTreeState=clean" \
      $k8s/cmd/{kube-apiserver,kube-controller-manager,kubectl} go.etcd.io/etcd/server/v3 >&2
    mv "$bin.partial/server" "$bin.partial/etcd"
    ;;
  s3)
    say "building versitygw, an S3 server: about a minute, once"
    go build -o "$bin.partial/" -ldflags '-s -w' github.com/versity/versitygw/cmd/versitygw >&2
    ;;
  *)
    say "nothing is known about building $what"
    exit 1
    ;;
esac
touch "$bin.partial/.complete"
mv "$bin.partial" "$bin"
say "built $bin"
echo "$bin"
