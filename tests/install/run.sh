#!/bin/sh
# Installs the library to a scratch prefix and uses it from there as a stranger would: compiles
# examples/first_light.c with pkg-config and with CMake's find_package, checks that the headers are
# C++ too, and runs both programs.
#   run.sh SOURCE_DIR BUILD_DIR [C_FLAGS]      C_FLAGS: those of a sanitized build
set -eu
source_dir=$1
build_dir=$2
flags=${3:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix="$work/a prefix with blanks"

cmake --install "$build_dir" --prefix "$prefix" > "$work/install.log"
library=$(find "$prefix" -name 'libchroma2.so')
lib_dir=$(dirname "$library")
LD_LIBRARY_PATH=$lib_dir
export LD_LIBRARY_PATH

if command -v pkg-config > /dev/null; then
    PKG_CONFIG_PATH=$lib_dir/pkgconfig
    export PKG_CONFIG_PATH
    test "$(pkg-config --modversion chroma2)" = \
        "$(sed -n 's/^project(chroma2 VERSION \([0-9.]*\).*/\1/p' "$source_dir/CMakeLists.txt")"
    # eval: pkg-config escapes blanks.
    eval "${CC:-cc} -std=c17 -Wall -Wextra -Werror $flags \"\$source_dir/examples/first_light.c\" \
        -o \"\$work/by_pkg_config\" $(pkg-config --cflags --libs chroma2)"
    "$work/by_pkg_config" > "$work/pkg_config.out"
    cat "$work/pkg_config.out"
else
    echo "pkg-config is not installed: skipped"
fi

mkdir "$work/project"
cp "$source_dir/examples/first_light.c" "$work/project"
cat > "$work/project/CMakeLists.txt" << 'END'
cmake_minimum_required(VERSION 3.25)
project(stranger LANGUAGES C)
find_package(chroma2 0.1 REQUIRED)
add_executable(by_cmake first_light.c)
target_link_libraries(by_cmake PRIVATE chroma2::chroma2)
END
cmake -S "$work/project" -B "$work/project/build" -DCMAKE_PREFIX_PATH="$prefix" \
    -DCMAKE_C_FLAGS="$flags" > "$work/configure.log"
cmake --build "$work/project/build" > "$work/build.log"
"$work/project/build/by_cmake" > "$work/cmake.out"
test ! -f "$work/pkg_config.out" || cmp "$work/pkg_config.out" "$work/cmake.out"

if command -v "${CXX:-c++}" > /dev/null; then
    printf '#include <chroma2/chroma2.h>\nint main() { return chroma2_version() == nullptr; }\n' \
        > "$work/header.cpp"
    for standard in c++11 c++20; do
        "${CXX:-c++}" -x c++ -std=$standard -Wall -Wextra -Wpedantic -Werror -fsyntax-only \
            -I "$prefix/include" "$work/header.cpp"
    done
else
    echo "no C++ compiler: skipped"
fi
echo "installed, found and run"
