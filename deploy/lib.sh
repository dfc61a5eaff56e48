# What the scripts share: messages, the build cache, packages of the system, the pinned toolchain.
# Sourced by deploy/quickstart, tests/run and tests/bench; changes nothing by being sourced.

say() { printf '%s\n' "$*" >&2; }
heading() { printf '\n== %s\n' "$*" >&2; }
fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

# As root, or through sudo; fails where neither is possible.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif have sudo; then
        sudo "$@"
    else
        return 1
    fi
}

# Asks nobody: true only where root is there without a password.
root_is_free() { [ "$(id -u)" = 0 ] || { have sudo && sudo -n true 2>/dev/null; }; }

# Folder for build results: outside the checkout where there is one, so that a fresh clone starts warm.
build_cache() {
    if [ -n "${DESKWARDEN_TARGET_DIR:-}" ]; then
        printf '%s\n' "$DESKWARDEN_TARGET_DIR"
    elif [ -n "${CARGO_TARGET_DIR:-}" ]; then
        printf '%s\n' "$CARGO_TARGET_DIR"
    else
        local cache="${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/deskwarden/target"
        if mkdir -p "$cache" 2>/dev/null && [ -w "$cache" ]; then
            printf '%s\n' "$cache"
        else
            printf '%s\n' "$1/target"
        fi
    fi
}

package_is_installed() { dpkg-query -W -f='${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed; }
package_is_known() { apt-cache policy "$1" 2>/dev/null | grep -q 'Candidate: [^(]'; }

# Installs what is missing of the packages named; says exactly what to install where it cannot.
install_packages() {
    local missing=() name
    for name in "$@"; do
        package_is_installed "$name" || missing+=("$name")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    have apt-get || {
        say "This system has no apt. Install what these Debian packages hold: ${missing[*]}"
        return 1
    }
    [ "${DESKWARDEN_NO_INSTALL:-}" = 1 ] && {
        say "Missing packages (DESKWARDEN_NO_INSTALL=1 forbids installing them): apt-get install ${missing[*]}"
        return 1
    }
    say "Installing with apt: ${missing[*]}"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq >&2 || say "apt-get update failed; trying with what is known"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2 || {
        say "Could not install. As root: apt-get install ${missing[*]}"
        return 1
    }
}

# Installs packages for comparison only: services that come with them are neither started now nor at the next boot.
install_unstarted() {
    local missing=() name service policy=/usr/sbin/policy-rc.d result=0
    for name in "$@"; do
        package_is_installed "$name" || missing+=("$name")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    if [ ! -e "$policy" ] && have apt-get; then
        printf '#!/bin/sh\nexit 101\n' | as_root sh -c "cat >$policy && chmod 755 $policy" || return 1
    else
        policy=''
    fi
    install_packages "${missing[@]}" || result=1
    [ -z "$policy" ] || as_root rm -f "$policy"
    for name in "${missing[@]}"; do
        for service in $(dpkg -L "$name" 2>/dev/null | sed -nE 's,^(/usr)?/lib/systemd/system/([^@]+)\.service$,\2,p'); do
            have systemctl && as_root systemctl disable --quiet "$service" 2>/dev/null || true
        done
    done
    say "Only for the bench: remove with apt-get purge ${missing[*]}"
    return "$result"
}

# Makes sure that `cargo` is the one of rust-toolchain.toml (or newer); says what to install where it cannot.
need_rust() {
    local root="$1" wanted found
    wanted="$(sed -n 's/^channel *= *"\(.*\)"$/\1/p' "$root/rust-toolchain.toml")"
    [ -n "$wanted" ] || fail "$root/rust-toolchain.toml names no channel"
    have cargo || { [ -x "${CARGO_HOME:-${HOME:-}/.cargo}/bin/cargo" ] && PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"; }
    if ! rust_is_enough "$root" "$wanted" && [ "${DESKWARDEN_NO_INSTALL:-}" != 1 ]; then
        have rustup || get_rustup
        PATH="${CARGO_HOME:-${HOME:-}/.cargo}/bin:$PATH"
        if have rustup; then
            say "Installing Rust $wanted with rustup"
            rustup toolchain install "$wanted" --profile minimal --component rustfmt --component clippy >&2 || true
        fi
    fi
    rust_is_enough "$root" "$wanted" && return 0
    found="$(cd "$root" && cargo --version 2>/dev/null | cut -d' ' -f2 || true)"
    fail "Rust $wanted is needed (found: ${found:-none}). Install it with:
  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal --default-toolchain $wanted
  . \"\$HOME/.cargo/env\"
then run this command again."
}

rust_is_enough() {
    local found
    found="$(cd "$1" && cargo --version 2>/dev/null | cut -d' ' -f2)" || return 1
    [ -n "$found" ] && [ "$(printf '%s\n%s\n' "$2" "${found%%-*}" | sort -V | head -n1)" = "$2" ]
}

# From the distribution where it has rustup, else from rustup's own address.
get_rustup() {
    if have apt-get && package_is_known rustup; then
        install_packages rustup && return 0
    fi
    have curl || install_packages curl ca-certificates || return 0
    say "Fetching rustup from https://sh.rustup.rs"
    curl --proto '=https' --tlsv1.2 -sSf --max-time 120 https://sh.rustup.rs |
        sh -s -- -y --profile minimal --default-toolchain none >&2 || say "rustup could not be fetched"
}
