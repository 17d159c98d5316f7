# Programs that tests and people call by hand. One block per program.

# Scans must be quick in every build type; the bits are the same.
add_executable(function_scan programs/function_scan.c)
target_link_libraries(function_scan PRIVATE chroma2_test_support)
target_compile_options(function_scan PRIVATE -O2)
set_source_files_properties(support/function_list.c PROPERTIES COMPILE_OPTIONS -O2)

add_executable(leak_rays programs/leak_rays.c)
target_link_libraries(leak_rays PRIVATE chroma2_test_support)

add_executable(digest programs/digest.c)
target_link_libraries(digest PRIVATE chroma2_test_support)

# What the optics say of single boundaries, for validation/run_peers.py.
add_executable(optics_table programs/optics_table.c)
target_link_libraries(optics_table PRIVATE chroma2_test_support)

# The random words of photons, in their order, for batteries that read a pipe; see docs/streams.md.
add_executable(stream_dump programs/stream_dump.c)
target_link_libraries(stream_dump PRIVATE chroma2_test_support)
target_compile_options(stream_dump PRIVATE -O3)
if("v3" IN_LIST CHROMA2_ISAS)
  target_compile_options(stream_dump PRIVATE ${isa_flags_v3})
endif()

# The ring under threads and stalls: `queue_stress 8 100000000` by hand, a short one in the suite.
add_executable(queue_stress programs/queue_stress.c)
target_link_libraries(queue_stress PRIVATE chroma2_test_support)
add_test(NAME queue_stress COMMAND queue_stress 4 200000)
add_dependencies(unit_tests queue_stress)
set_tests_properties(queue_stress PROPERTIES LABELS unit TIMEOUT 300)

# The ring protocol needs no lock and no memory.
if(NOT CHROMA2_SANITIZE)
  set(CHROMA2_PROTOCOL_OBJECT $<TARGET_OBJECTS:chroma2_objects>)
  set(CHROMA2_PROTOCOL_OBJECT $<FILTER:${CHROMA2_PROTOCOL_OBJECT},INCLUDE,queue_protocol>)
  add_test(NAME check_queue_symbols
    COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/programs/check_queue_symbols.sh ${CMAKE_NM} ${CHROMA2_PROTOCOL_OBJECT})
  set_tests_properties(check_queue_symbols PROPERTIES LABELS unit)
endif()

# Models of the ring and of admission; what must fail shows that the models can see it.
function(chroma2_model name model)
  add_test(NAME model_${name} COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/model/verify.sh
    ${CMAKE_CURRENT_SOURCE_DIR}/model/${model}.pml ${ARGN})
  set_tests_properties(model_${name} PROPERTIES LABELS model SKIP_RETURN_CODE 77 TIMEOUT 300)
endfunction()
chroma2_model(rings rings safety holds)
chroma2_model(rings_one_cell rings safety holds -DSLOTS=1 -DCAPACITY=1 -DCLAIM=1 -DTICKETS=6)
chroma2_model(rings_without_marker rings safety fails -DNO_EMPTIED)
chroma2_model(admission admission safety holds)
chroma2_model(admission_progress admission liveness holds)
chroma2_model(admission_without_reserve admission liveness fails -DNO_RESERVE)
chroma2_model(admission_with_one_reserve admission liveness fails -DONE_RESERVE)

# Bounces photons between walls and looks for leaks: 1e7 wall hits a case here, more by hand.
add_executable(wall_leak programs/wall_leak.c)
target_link_libraries(wall_leak PRIVATE chroma2_test_support)
target_compile_options(wall_leak PRIVATE -O2)
add_test(NAME wall_leak COMMAND wall_leak 1e7 2)
set_tests_properties(wall_leak PROPERTIES LABELS stat TIMEOUT 900)

# One event, many settings, one result: the matrix is in the program, other builds by hand.
find_package(Python3 3.9 REQUIRED COMPONENTS Interpreter)
add_test(NAME same_bits COMMAND Python3::Interpreter
  ${CMAKE_CURRENT_SOURCE_DIR}/programs/same_bits.py ${CMAKE_BINARY_DIR})
set_tests_properties(same_bits PROPERTIES LABELS same_bits TIMEOUT 900)

# The library as a stranger finds it: installed, by pkg-config and find_package, in C and C++.
set(CHROMA2_INSTALL_FLAGS)
if(CHROMA2_SANITIZE)
  set(CHROMA2_INSTALL_FLAGS -fsanitize=${CHROMA2_SANITIZE})
endif()
add_test(NAME install COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/install/run.sh
  ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR} ${CHROMA2_INSTALL_FLAGS})
set_tests_properties(install PROPERTIES LABELS install TIMEOUT 300)
if(DEFINED SKBUILD) # a wheel installs the Python package, not this
  set_tests_properties(install PROPERTIES DISABLED ON)
endif()
