# What the project needs from the system, in one place: sourced by demo.sh, check.sh, data/get.sh and .ci/run.
# Each line: the group that needs it, how to see that it is there, and the Debian/Ubuntu package that has it; an @ in a
# package's name stands for clang's version.
system_packages='
build command:cc              gcc
build file:/usr/include/stdio.h libc6-dev
build command:meson           meson
build command:ninja           ninja-build
build command:pkg-config      pkg-config
build library:yaml-0.1        libyaml-dev
build library:zlib            zlib1g-dev
build library:liblzma         liblzma-dev
build library:libzstd         libzstd-dev
test  library:cmocka          libcmocka-dev
test  library:jansson         libjansson-dev
test  command:python3         python3
test  command:xz              xz-utils
test  command:zstd            zstd
data  command:python3         python3
data  command:xz              xz-utils
pip   module:pip              python3-pip
ci    command:clang           clang
fuzz  fuzzer:clang            libclang-rt-@-dev
browser command:chromium    chromium
arm   command:aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu
arm   file:/usr/aarch64-linux-gnu/include/stdio.h libc6-dev-arm64-cross
arm   command:qemu-aarch64    qemu-user
'

is_there() {
    case $1 in
        command:*) command -v "${1#*:}" >/dev/null 2>&1 ;;
        library:*) command -v pkg-config >/dev/null 2>&1 && pkg-config --exists "${1#*:}" ;;
        module:*) command -v python3 >/dev/null 2>&1 && python3 -c "import ${1#*:}" >/dev/null 2>&1 ;;
        file:*) [ -e "${1#*:}" ] ;;
        fuzzer:*) echo 'int LLVMFuzzerTestOneInput(const char *p, unsigned long n) { return 0; }' |
                      "${1#*:}" -x c -fsanitize=fuzzer,address -o /dev/null - >/dev/null 2>&1 ;;
    esac
}

full_name() {
    case $1 in
        *@*) printf %s "${1%@*}$(clang -dumpversion | cut -d. -f1)${1#*@}" ;;
        *) printf %s "$1" ;;
    esac
}

# The packages of the groups $* that are missing, in one line.
missing_packages() {
    echo "$system_packages" | while read -r group probe package; do
        case " $* " in *" $group "*) is_there "$probe" || printf '%s ' "$(full_name "$package")" ;; esac
    done
}

apt_install() {
    sudo=
    [ "$(id -u)" = 0 ] || sudo=sudo
    log=$(mktemp)
    # Lists may be absent (a fresh container) or old: refresh them only when the first try fails.
    install="env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $*"
    if $sudo $install >"$log" 2>&1 || { $sudo apt-get update -q >"$log" 2>&1 && $sudo $install >>"$log" 2>&1; }; then
        rm -f "$log"
    else
        cat "$log" >&2
        rm -f "$log"
        return 1
    fi
}

# Install what the groups $* lack, or name it and stop.
need_packages() {
    missing=$(missing_packages "$@")
    [ -n "$missing" ] || return 0
    if ! command -v apt-get >/dev/null 2>&1; then
        echo "missing; please install what these Debian packages hold: $missing" >&2
        exit 1
    fi
    if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null 2>&1; then
        echo "missing, and neither root nor sudo is at hand; please run: apt-get install $missing" >&2
        exit 1
    fi
    echo "installing: $missing" >&2
    if ! apt_install $missing; then
        echo "could not install them; please run: apt-get install $missing" >&2
        exit 1
    fi
}

# Run a command and show what it printed only if it fails.
quietly() {
    quiet_log=$(mktemp)
    if "$@" >"$quiet_log" 2>&1; then
        rm -f "$quiet_log"
    else
        cat "$quiet_log" >&2
        rm -f "$quiet_log"
        echo "failed: $*" >&2
        return 1
    fi
}

# Configure (options $2...) and build into the directory $1; quick when nothing has changed.
build_into() {
    build_dir=$1
    shift
    if [ ! -e "$build_dir/build.ninja" ]; then
        quietly meson setup "$build_dir" "$@"
    elif [ "$(cat "$build_dir/options.txt" 2>/dev/null)" != "$*" ]; then
        quietly meson configure "$build_dir" "$@"
    fi
    echo "$*" >"$build_dir/options.txt"
    quietly ninja -C "$build_dir"
}
