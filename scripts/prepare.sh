# Read by ./try and ./check: finds a Python, installs what the system lacks, fills the environment .venv.
# Says nothing when there is nothing to do. Needs $root, the checkout's folder.
# shellcheck shell=sh

environment=${root:?}/.venv
# shellcheck disable=SC2034 # for ./check and .ci/run
test_packages="libportaudio2 ffmpeg pulseaudio pulseaudio-utils libasound2-plugins tmux"

say() {
    printf '%s\n' "$*" >&2
}

stop() {
    say "$@"
    exit 1
}

# Run a command in silence, and show what it said only when it fails.
quietly() {
    said=$(mktemp)
    status=0
    "$@" </dev/null >"$said" 2>&1 || status=$?
    if [ "$status" -ne 0 ]; then
        cat "$said" >&2
    fi
    rm -f "$said"
    return "$status"
}

# --- system packages

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

# With apt-get, and as root, or through a sudo that asks no password or has somebody to ask.
can_install() {
    command -v apt-get >/dev/null || return 1
    [ "$(id -u)" -ne 0 ] || return 0
    command -v sudo >/dev/null || return 1
    sudo -n true 2>/dev/null || [ -t 0 ]
}

apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300 "$@"
}

install_packages() {
    say "Installing with apt-get: $*"
    # An update that fails in part (somebody's third repository) is no reason to give up.
    apt_get update </dev/null >/dev/null 2>&1 || true
    quietly apt_get install --no-install-recommends "$@"
}

# Is there what the Debian package $1 is wanted for? Asked of the thing itself, not of dpkg, so that the
# answer is right on other systems too.
has() {
    case $1 in
        # On macOS and Windows PortAudio comes with the sounddevice package.
        libportaudio2)
            [ "$(uname -s)" != Linux ] ||
                "$python" -c 'import ctypes.util, sys; sys.exit(not ctypes.util.find_library("portaudio"))'
            ;;
        libasound2-plugins)
            for plugin in /usr/lib*/alsa-lib/libasound_module_pcm_pulse.so \
                /usr/lib/*/alsa-lib/libasound_module_pcm_pulse.so; do
                [ ! -e "$plugin" ] || return 0
            done
            return 1
            ;;
        pulseaudio-utils) command -v pactl >/dev/null && command -v paplay >/dev/null ;;
        *) command -v "$1" >/dev/null ;;
    esac
}

# Give the system the packages named (by their Debian names). What cannot be installed is said, not fatal.
prepare_system() {
    missing=
    for package; do
        has "$package" || missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    # shellcheck disable=SC2086 # a list of package names
    if can_install; then
        install_packages $missing ||
            say "Going on without:$missing. What needs them will say so."
    elif command -v apt-get >/dev/null; then
        say "Not installed, for want of root's rights; please run: apt-get install$missing"
    elif [ "$(uname -s)" = Darwin ]; then
        say "Please install with Homebrew what is missing here (names as in Debian):$missing"
    else
        say "Please install with your system's package manager what is missing here (names as in Debian):$missing"
    fi
}

# --- Python

# Set newest_python to 14 before where nothing is to be trained: TensorFlow has no wheels for Python 3.14.
fits() {
    "$1" -c "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, ${newest_python:-13}))" 2>/dev/null
}

# Debian keeps what makes environments in a package of its own, pythonX.Y-venv.
makes_environments() {
    "$1" -c 'import ensurepip, venv' 2>/dev/null
}

find_python() {
    for candidate in ${PYTHON:+"$PYTHON"} python3.12 python3.13 python3.11 python3.14 python3 python; do
        if fits "$candidate" && makes_environments "$candidate"; then
            # Not the name: that may be a shim which chooses by folder.
            python=$("$candidate" -c 'import sys; print(sys.executable)')
            return 0
        fi
    done
    return 1
}

install_python() {
    can_install || return 1
    for candidate in ${PYTHON:+"$PYTHON"} python3.12 python3.13 python3.11 python3.14 python3 python; do
        if fits "$candidate"; then
            version=$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
            install_packages "python$version-venv" && find_python && return 0
        fi
    done
    apt_get update </dev/null >/dev/null 2>&1 || true
    for version in 3.12 3.13 3.11 3.14; do
        [ "${version#3.}" -le "${newest_python:-13}" ] || continue
        if apt-cache show "python$version-venv" >/dev/null 2>&1; then
            install_packages "python$version" "python$version-venv" && find_python && return 0
        fi
    done
    return 1
}

choose_python() {
    find_python || install_python || stop \
        "Found no Python 3.11 to 3.${newest_python:-13} that can make environments (module venv). Please install one" \
        "(Debian: python3 and python3-venv; macOS: brew install python@3.13), or name one: PYTHON=/path/to/python3.13 $0"
}

# --- the environment

base_of() {
    "$1" -c 'import sys; print(sys.version_info[:3], sys.base_prefix)' 2>/dev/null
}

has_pip() {
    "$environment/bin/python" -m pip --version >/dev/null 2>&1
}

# Ours, made for this place, still alive, and of the Python asked for, if one is.
is_current() {
    [ "$(cat "$environment/.made-for" 2>/dev/null)" = "$root" ] || return 1
    has_pip || return 1
    fits "$environment/bin/python" || return 1
    [ -z "${PYTHON:-}" ] || ! fits "$PYTHON" || [ "$(base_of "$PYTHON")" = "$(base_of "$environment/bin/python")" ]
}

make_environment() {
    if [ -n "${PYTHON:-}" ] && ! fits "$PYTHON"; then
        say "PYTHON=$PYTHON is no Python 3.11 to 3.${newest_python:-13}; taking another."
    fi
    if [ -e "$environment" ] && [ ! -e "$environment/.made-for" ]; then
        # Somebody else made it: used if it serves, never cleared.
        if ! fits "$environment/bin/python" || ! has_pip; then
            stop "$environment is there already and is no environment of Python 3.11 to 3.${newest_python:-13} with pip." \
                "Please move it away and run $0 again."
        fi
        return
    fi
    if is_current; then
        return
    fi
    choose_python
    # The mark comes first and stays throughout: an environment half made is known as ours, and made anew.
    mkdir -p "$environment" 2>/dev/null || stop \
        "$root cannot be written: copy the checkout to a folder of yours, and run it there."
    printf '%s\n' "$root" >"$environment/.made-for"
    find "$environment" -mindepth 1 ! -name .made-for -delete
    quietly "$python" -m venv "$environment" || stop "$python could not make the environment $environment."
}

# With the extra "dev" come two gigabytes, which uv brings eight times sooner than pip. It does not read pip's
# settings: where an index of one's own is set there, or uv fails, pip does it.
install_genre_live() {
    [ -w "$root" ] || stop \
        "$root cannot be written, and genre-live has changed: copy the checkout to a folder of yours."
    # Settings of pip that put packages elsewhere than into this environment.
    export PIP_USER=0 PIP_TARGET='' PIP_PREFIX=''
    if [ "$1" = dev ] && quietly "$python" -m pip install --disable-pip-version-check uv &&
        "$python" -m uv pip install --quiet --python "$python" -e "${root}[dev]" </dev/null 2>/dev/null; then
        return 0
    fi
    quietly "$python" -m pip install --disable-pip-version-check -e "$root${1:+[$1]}"
}

# Install genre-live from this checkout, with the extra $1 if one is named, unless that is done already.
prepare_environment() {
    make_environment
    python=$environment/bin/python
    wanted=$(cksum <"$root/pyproject.toml")
    for done in "$environment/.installed-${1:-base}" "$environment/.installed-dev"; do
        [ "$(cat "$done" 2>/dev/null)" != "$wanted" ] || return 0
    done
    say "Installing genre-live${1:+[$1]} into $environment (the first time takes minutes)"
    install_genre_live "${1:-}" || stop "pip could not install genre-live; its words are above."
    printf '%s\n' "$wanted" >"$environment/.installed-${1:-base}"
}
