#!/bin/bash
# store.sh: makes, once, what a node's containerd starts with: a store that holds the images below, unpacked; prints
# its folder. No registry: the contents are the machine's static busybox, the pause program and a small Debian with
# nginx and python3. Names are only names: Debian's nginx answers to the two that the seed asks for. They are two images,
# by a label, as the kubelet tells a container's image by the first name of what it finds.
# Needs root, debootstrap, busybox-static and python3.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
hack=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
bin=$("$hack/build.sh" node)
pins=$(cat "${BASH_SOURCE[0]}" "$hack/oci.py" "$bin/pause" | sha256sum | cut -c1-16)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/kubeferry/node
. /etc/os-release
packages=nginx-light,python3
store=$cache/store-$pins debian=$cache/debian-$VERSION_CODENAME-$packages work=$cache/images
say() { echo "store.sh: $*" >&2; }
found() { [ -d "$store" ] && echo "$store"; }
if found; then exit 0; fi
exec 9>"$cache/.store.lock"
flock 9
if found; then exit 0; fi

if [ ! -d "$debian" ]; then
  say "making a small Debian with nginx and python3: about 2 minutes, once"
  mirror() { # where apt has its packages from, once it has lists of them
    apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' |
      awk -v r="$VERSION_CODENAME" '$1 == r && !found { print $2; found = 1 }'
  }
  [ -n "$(mirror)" ] || apt-get -qq update >&2
  rm -rf --one-file-system "$debian.new"
  debootstrap --variant=minbase --include=$packages "$VERSION_CODENAME" "$debian.new" "$(mirror)" >&2
  rm -rf "$debian.new"/var/{cache/apt,lib/apt/lists}/* "$debian.new"/usr/share/{doc,man,locale,info}
  ln -sf /dev/stdout "$debian.new/var/log/nginx/access.log"
  ln -sf /dev/stderr "$debian.new/var/log/nginx/error.log"
  mv "$debian.new" "$debian"
fi

say "making the nodes' images"
rm -rf --one-file-system "$work" "$store.new"
install -D "$bin/pause" "$work/pause/pause"
busybox=$(command -v busybox)
mkdir -p "$work"/busybox/{bin,etc,tmp} && chmod 1777 "$work/busybox/tmp"
for applet in $("$busybox" --list); do ln -s busybox "$work/busybox/bin/$applet"; done
rm -f "$work/busybox/bin/busybox" # in place of the link to itself
install "$busybox" "$work/busybox/bin/busybox"
echo 'root:x:0:0:root:/:/bin/sh' >"$work/busybox/etc/passwd"
echo 'root:x:0:' >"$work/busybox/etc/group"

path='"Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]'
python3 "$hack/oci.py" "$work/all.tar" >&2 <<SPEC
[{"rootfs": "$work/pause", "names": ["registry.k8s.io/pause:3.10.1"],
  "config": {"Entrypoint": ["/pause"], "User": "65535:65535"}},
 {"rootfs": "$work/busybox", "names": ["docker.io/library/busybox:1.36"], "config": {$path, "Cmd": ["sh"]}},
 {"rootfs": "$debian", "names": ["docker.io/library/python:3.11"], "config": {$path, "Cmd": ["python3"]}},
 {"rootfs": "$debian", "config": {$path, "Cmd": ["nginx", "-g", "daemon off;"]},
  "names": ["docker.io/library/nginx:1.14.1", "anolis-registry.cn-zhangjiakou.cr.aliyuncs.com/openanolis/nginx:1.14.1-8.6"]},
 {"rootfs": "$debian", "config": {$path, "Cmd": ["nginx", "-g", "daemon off;"], "Labels": {"registry": "acr-team"}},
  "names": ["registry.cn-beijing.aliyuncs.com/acr-team/nginx:1.14.1-8.6"]}]
SPEC

# A containerd of its own, out of everybody's sight, unpacks the archive.
cat >"$work/containerd.toml" <<TOML
version = 3
root = '$store.new'
disabled_plugins = ['io.containerd.internal.v1.opt']
[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = 'registry.k8s.io/pause:3.10.1'
TOML
bin=$bin work=$work unshare -m -n -p --fork --kill-child --mount-proc bash -euc '
  mount -t tmpfs tmpfs /run
  "$bin/containerd" --config "$work/containerd.toml" --log-level warn 2>"$work/containerd.log" &
  ctr() { "$bin/ctr" -n k8s.io images "$@"; }
  until ctr ls -q >/dev/null 2>&1; do
    kill -0 $! 2>/dev/null || { echo "containerd ended:" && cat "$work/containerd.log" && exit 1; }
    sleep 0.1
  done
  ctr import --local --digests=false "$work/all.tar"
  # The CRI plugin notes what arrived, and then marks it.
  for _ in {1..100}; do
    [ "$(ctr ls -q | wc -l)" = "$(ctr ls -q labels.\"io.cri-containerd.image\"==managed | wc -l)" ] && break
    sleep 0.1
  done
  kill $!; wait $! || true' >&2
rm -rf --one-file-system "$work" "$cache"/store-????????????????
mv "$store.new" "$store"
echo "$store"
