# The rules of the tree as tests, label `checks`. Each is a program of tools/ that runs by hand too.
find_package(Python3 3.9 REQUIRED COMPONENTS Interpreter)
find_program(CHROMA2_OBJDUMP objdump)
option(CHROMA2_REQUIRE_NVCC "A missing nvcc is a failure of check_headers_nvcc, not a skip" OFF)

function(chroma2_check name)
  add_test(NAME ${name} COMMAND Python3::Interpreter ${CMAKE_SOURCE_DIR}/tools/${ARGN} COMMAND_EXPAND_LISTS)
  set_tests_properties(${name} PROPERTIES LABELS checks SKIP_RETURN_CODE 77 TIMEOUT 600)
endfunction()

chroma2_check(check_rooms check_rooms.py ${CMAKE_SOURCE_DIR}/src)
chroma2_check(check_sizes check_sizes.py ${CMAKE_SOURCE_DIR})
chroma2_check(check_files check_files.py)
chroma2_check(check_symbols check_symbols.py --nm ${CMAKE_NM} --library $<TARGET_FILE:chroma2>)
chroma2_check(check_headers_gcc check_headers.py gcc)
chroma2_check(check_headers_clang check_headers.py clang)
set(required)
if(CHROMA2_REQUIRE_NVCC)
  set(required --required)
endif()
chroma2_check(check_headers_nvcc check_headers.py nvcc ${required})

# Objects for every x86-64 machine. Optimised v3 objects show that fused operations would be seen.
if(CHROMA2_OBJDUMP)
  set(must_fuse)
  string(TOUPPER "${CMAKE_BUILD_TYPE}" build_type)
  if(TARGET chroma2_stages_v3 AND "${CMAKE_C_FLAGS_${build_type}}" MATCHES "-O[23]")
    set(must_fuse --must-fuse $<TARGET_OBJECTS:chroma2_stages_v3>)
  endif()
  chroma2_check(check_isa check_isa.py --objdump ${CHROMA2_OBJDUMP} ${must_fuse} --
    $<TARGET_OBJECTS:chroma2_objects> $<TARGET_OBJECTS:chroma2_stages_baseline>
    $<TARGET_OBJECTS:chroma2_loops_baseline>)
endif()
